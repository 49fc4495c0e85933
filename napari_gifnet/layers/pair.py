"""Two layers brought to one grid, as arrays that `gifnet.Fuser.fuse` takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gifnet.errors import InvalidInputError
from gifnet.geometry import Grid, finer, resample
from gifnet.imaging.colour import luminance
from gifnet.imaging.ranges import RangeSpec, dtype_range, resolve_range, split_range_spec, to_type
from gifnet.imaging.source import as_array as checked_array
from gifnet.options import ValueRange

from .snapshot import Pixels, Snapshot, grid_in_units

Reference = Literal["finer", "first", "second"]


@dataclass(frozen=True, eq=False)
class Pair:
    """Two sources on the reference's grid.

    Attributes
    ----------
    first, second : array
        Pixels; NaN where a resampled source has no data.
    reference : Snapshot
        The layer whose grid they are on.
    value_range : tuple
        What maps to [0, 1] in either, found before resampling made floats of integers.
    channel_axis : int or None
        -1 if either is coloured.
    dtype : dtype
        The first source's own type, which the result goes back to.
    """

    first: Pixels
    second: Pixels
    reference: Snapshot
    value_range: tuple[RangeSpec, RangeSpec]
    channel_axis: int | None
    dtype: np.dtype[np.generic]


def prepare_pair(
    first: Snapshot,
    second: Snapshot,
    reference: Reference = "finer",
    value_range: ValueRange = "auto",
    tick: Callable[[], object] | None = None,
) -> Pair:
    """Resample one of two images onto the other's grid, unless the grids are identical.

    Parameters
    ----------
    first, second : Snapshot
        The sources.
    reference : {"finer", "first", "second"}
        Whose grid the result has; "finer" is the source with more axes, then that with the
        smaller pixels, then the first.
    value_range : "auto", "dtype", (low, high), or one of these per source
        As in `gifnet.fuse`.
    tick : callable, optional
        Called now and then; may raise to stop.

    Raises
    ------
    InvalidInputError
        If units or axes do not fit, or the images do not overlap.
    """
    index = choose_reference(first, second, reference)
    fixed, moving = (first, second) if index == 0 else (second, first)
    grid = moving_grid(fixed, moving)
    ranges: list[RangeSpec] = list(split_range_spec(value_range))
    kept, data = _checked(fixed), _checked(moving)
    if not grid.coincides(fixed.grid.trailing(grid.ndim)):
        limits = _limits(data, moving, ranges[1 - index])
        if limits[0] < limits[1]:
            ranges[1 - index] = limits
        opaque = dtype_range(data.dtype)[1]
        data = resample(data, grid, fixed.grid, coloured=moving.rgb, tick=tick)
        if moving.rgb and data.shape[-1] == 4:
            # An image of floats has its alpha in [0, 1].
            data[..., 3] /= opaque
            np.copyto(data[..., 3], 1, where=np.isnan(data[..., 3]))
        data = _fill_empty_planes(data, moving, limits, kept, fixed, ranges[index])
    first_data, second_data = (kept, data) if index == 0 else (data, kept)
    axis = -1 if first.rgb or second.rgb else None
    dtype = np.dtype(first.data.dtype)
    return Pair(first_data, second_data, fixed, (ranges[0], ranges[1]), axis, dtype)


def choose_reference(first: Snapshot, second: Snapshot, reference: Reference) -> int:
    """Return 0 or 1: which source's grid the result has.

    Raises
    ------
    InvalidInputError
        If the chosen one has fewer axes than the other.
    """
    if reference == "finer":
        same = first.ndim == second.ndim
        world = moving_grid(first, second) if same else second.grid
        return finer(first.grid, world)
    index = ("first", "second").index(reference)
    fixed, moving = (first, second) if index == 0 else (second, first)
    if moving.ndim > fixed.ndim:
        raise InvalidInputError(
            f"Layer {fixed.name!r} has {fixed.ndim} axes and cannot be the reference grid of "
            f"{moving.name!r} with {moving.ndim}. Take {moving.name!r} as reference, or pick a "
            "slice of it."
        )
    return index


def moving_grid(fixed: Snapshot, moving: Snapshot) -> Grid:
    """Return the moving image's grid in the fixed one's units."""
    return grid_in_units(moving, fixed.units[-moving.ndim :], fixed.name)


def like_first(result: Pixels, pair: Pair) -> Pixels:
    """Return a fused image in the first source's own type, rounded if that is an integer.

    Where resampling has left pixels that neither source has, which an integer cannot say, a grey
    result stays floating-point, and a coloured one is black.
    """
    dtype = pair.dtype
    if result.dtype == dtype:
        return result
    if dtype.kind in "iu":
        coloured = result.ndim > pair.reference.ndim
        if not np.isfinite(result).all():
            if not coloured:
                return result
            result = np.nan_to_num(result)  # napari would take colours as floats for [0, 1]
        if coloured and result.shape[-1] == 4:
            result = np.concatenate(
                (result[..., :3], result[..., 3:] * dtype_range(dtype)[1]), axis=-1
            )
        return to_type(result, dtype)
    if dtype.kind == "b":
        return result >= 0.5
    return result.astype(dtype)


def _intensities(data: Pixels, image: Snapshot) -> Pixels:
    """Leave out alpha."""
    return data[..., :3] if image.rgb else data


def _fill_empty_planes(
    data: Pixels,
    moving: Snapshot,
    limits: tuple[float, float],
    kept: Pixels,
    fixed: Snapshot,
    value_range: RangeSpec,
) -> Pixels:
    """Give planes that the moving image does not reach the fixed image's values.

    One stack may reach further along Z than the other, and the network needs two planes.
    """
    values = _intensities(data, moving)
    colours = values if moving.rgb else values[..., None]
    empty = np.isnan(colours).all(axis=(-3, -2, -1))
    if not empty.any():
        return data
    if lead := fixed.ndim - moving.ndim:
        # Planes along further axes of the fixed image have values of their own to give.
        data = np.broadcast_to(data, fixed.grid.shape[:lead] + data.shape).copy()
        values = _intensities(data, moving)
        colours = values if moving.rgb else values[..., None]
        empty = np.broadcast_to(empty, colours.shape[:-3])
    intensities = _intensities(kept, fixed)
    low, high = _limits(kept, fixed, value_range)
    for index in map(tuple, np.argwhere(empty)):
        unit = (np.asarray(intensities[index]).astype(np.float64) - low) / ((high - low) or 1.0)
        if fixed.rgb and not moving.rgb:
            unit = luminance(unit).astype(np.float64)
        if unit.ndim < 3:
            unit = unit[..., None]
        colours[index] = limits[0] + unit * (limits[1] - limits[0])
    return data


def _checked(image: Snapshot) -> Pixels:
    """Return the pixels of an image, refused if they are no numbers that can be fused."""
    return checked_array(as_array(image.data), repr(image.name))


def _limits(data: Pixels, image: Snapshot, value_range: RangeSpec) -> tuple[float, float]:
    try:
        return resolve_range(_intensities(data, image), value_range)
    except InvalidInputError as error:
        raise InvalidInputError(f"In layer {image.name!r}: {error}") from error


def without_mask(data: Pixels) -> Pixels:
    """Return a masked array as a plain one, with 0 where it is masked; layers have no masks."""
    return np.ma.filled(data, 0) if np.ma.isMA(data) else data


def as_array(data: Pixels) -> Pixels:
    """Return a layer's data as a NumPy array: lazy ones are computed here, in the worker."""
    data = data.compute() if hasattr(data, "dask") else data  # np.asarray would drop a mask
    return data if isinstance(data, np.ndarray) else np.asarray(data)
