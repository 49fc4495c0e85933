"""Images with places in the world, brought to one grid for their fusion."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from ..errors import InvalidInputError
from ..geometry import Grid, finer, resample
from .arrays import Pixels, compute, lazy
from .colour import luminance
from .ranges import RangeSpec, dtype_range, resolve_noting_extremes, split_range_spec, to_type
from .source import as_array

Array: TypeAlias = npt.NDArray[Any]
#: The image whose grid the result has: the finer one, or one by its place in the sequence.
Reference: TypeAlias = Literal["finer", "first", "second"] | int


#: Makes an array from shape and type.
Make: TypeAlias = Callable[[tuple[int, ...], np.dtype[np.generic]], Any]
#: Rows that are converted at a time.
_ROWS = 512


class Named(Protocol):
    """What has a grid, and a name for messages."""

    @property
    def name(self) -> str: ...
    @property
    def grid(self) -> Grid: ...


T = TypeVar("T", bound=Named)
#: Returns the grid of the second image in the units of the first.
World: TypeAlias = Callable[[T, T], Grid]


@dataclass(frozen=True, eq=False)
class PlacedImage:
    """An image with its place in a common world.

    Attributes
    ----------
    name : str
        For messages.
    data : array
    coloured : bool
        Whether the last axis holds RGB(A).
    grid : Grid
        In the same units as those of the other images.
    """

    name: str
    data: Pixels
    coloured: bool
    grid: Grid


@dataclass(frozen=True, eq=False)
class OneGrid:
    """Images on the grid of one of them.

    Attributes
    ----------
    images : tuple of array
        NaN where a resampled image has no data.
    value_range : tuple
        What maps to [0, 1] in each, found before resampling made floats of integers.
    channel_axis : int or None
        -1 if any is coloured.
    """

    images: tuple[Pixels, ...]
    value_range: tuple[RangeSpec, ...]
    channel_axis: int | None


def choose_reference(images: Sequence[T], reference: Reference, world: World[T]) -> int:
    """Return the place in the sequence of the image whose grid the result has.

    Parameters
    ----------
    images : sequence
        With names and grids.
    reference : "finer", "first", "second" or int
        "finer" is the image with the most axes, then that with the smallest pixels, then the
        first.
    world : callable
        Returns the grid of its second image in the units of its first; may raise.

    Raises
    ------
    InvalidInputError
        If there is no such image, or it has fewer axes than another one.
    """
    if reference == "finer":
        best = 0
        for number, image in enumerate(images):
            same = image.grid.ndim == images[best].grid.ndim
            grid = world(images[best], image) if same else image.grid
            best = number if finer(images[best].grid, grid) else best
        return best
    names = {"first": 0, "second": 1}
    index = names.get(reference, -1) if isinstance(reference, str) else reference
    if not 0 <= index < len(images):
        raise InvalidInputError(
            f"reference is {reference!r}; use 'finer', 'first', 'second', or a number from 0 to "
            f"{len(images) - 1}."
        )
    fixed, most = images[index], max(images, key=lambda image: image.grid.ndim)
    if most.grid.ndim > fixed.grid.ndim:
        raise InvalidInputError(
            f"{fixed.name!r} has {fixed.grid.ndim} axes and cannot be the reference grid of "
            f"{most.name!r} with {most.grid.ndim}. Take {most.name!r} as reference, or pick a "
            "slice of it."
        )
    return index


def bring_to_one_grid(
    images: Sequence[PlacedImage],
    reference: int,
    value_range: object = "auto",
    tick: Callable[[], object] | None = None,
    make: Make = np.empty,
) -> OneGrid:
    """Resample images onto the grid of one of them, except those whose grids are identical.

    Parameters
    ----------
    images : sequence of PlacedImage
    reference : int
        Whose grid the result has; see `choose_reference`.
    value_range : "auto", "dtype", (low, high), or one of these per image
        As in `gifnet.fuse`.
    tick : callable, optional
        Called now and then; may raise to stop.
    make : callable
        Makes arrays for resampled images from shape and type.

    Raises
    ------
    InvalidInputError
        If the axes do not fit, or an image does not overlap the reference.
    """
    ranges = list(split_range_spec(value_range, len(images)))
    fixed = images[reference]
    kept = as_array(fixed.data, repr(fixed.name))
    arrays: list[Pixels] = []
    for number, image in enumerate(images):
        if number == reference:
            arrays.append(kept)
            continue
        data = as_array(image.data, repr(image.name))
        if not image.grid.coincides(fixed.grid.trailing(image.grid.ndim)):
            limits = _limits(data, image, ranges[number])
            if limits[0] < limits[1]:
                ranges[number] = limits
            part, grid = _needed(data, image.grid, fixed.grid)
            moving = dataclasses.replace(image, data=compute(part), grid=grid)
            data = _resampled(moving, fixed, tick, make)
            data = _fill_empty_planes(data, image, limits, kept, fixed, ranges[reference])
        arrays.append(data)
    axis = -1 if any(image.coloured for image in images) else None
    return OneGrid(tuple(arrays), tuple(ranges), axis)


def type_source(coloured: Sequence[bool], chroma: str) -> int:
    """Return the place of the source whose type and value range the result has.

    Parameters
    ----------
    coloured : sequence of bool
        Whether each source is coloured.
    chroma : str
        See `FuseOptions`.
    """
    if chroma == "none" or not any(coloured):
        return 0
    return {"first": 0, "second": 1, "blend": 0}.get(chroma, list(coloured).index(True))


def in_own_type(
    result: Array, dtype: np.dtype[np.generic], coloured: bool, make: Make = np.empty
) -> Array:
    """Return a fused image in the type that its source had before it was resampled.

    Integers are rounded. Pixels that no source has are NaN in `result`. An integer cannot be NaN,
    so they are masked in the integers that are returned.

    Parameters
    ----------
    result : array
        With alpha in [0, 1] if it is of floats.
    dtype : dtype
        The type to return.
    coloured : bool
        Whether the last axis holds RGB(A).
    make : callable
        Makes the array for the values from shape and type.
    """
    if result.dtype == dtype:
        return result
    alpha = coloured and result.shape[-1] == 4
    found: Array = make(result.shape, dtype)
    missing: npt.NDArray[np.bool_] | None = None
    for index in np.ndindex(result.shape[: result.ndim - 2 - coloured]):
        for start in range(0, result.shape[len(index)], _ROWS):
            at = (*index, slice(start, start + _ROWS))
            values = np.array(result[at])
            if dtype.kind != "f":
                unknown = ~np.isfinite(values)
                values[unknown] = 0
                if alpha:
                    values[..., 3] *= dtype_range(dtype)[1]
                if unknown.any():
                    missing = np.zeros(result.shape, bool) if missing is None else missing
                    missing[at] = unknown
            found[at] = values >= 0.5 if dtype.kind == "b" else to_type(values, dtype)
    return found if missing is None else np.ma.MaskedArray(found, missing)


def _needed(data: Pixels, moving: Grid, fixed: Grid) -> tuple[Pixels, Grid]:
    """Return the part of an image that the fixed grid covers, with a margin, and its grid."""
    fixed = fixed.trailing(moving.ndim)
    to_moving = fixed.to_indices_of(moving)
    corners = np.array(list(np.ndindex((2,) * fixed.ndim))) * (np.array(fixed.shape) - 1)
    places = corners @ to_moving[:-1, :-1].T + to_moving[:-1, -1]
    # Smoothing reaches over four of its standard deviations.
    margin = 2 + 2 * np.maximum(0, np.linalg.norm(to_moving[:-1, :-1], axis=1) - 1)
    low = np.maximum(0, np.floor(places.min(axis=0) - margin)).astype(int)
    high = np.minimum(moving.shape, np.ceil(places.max(axis=0) + margin) + 1).astype(int)
    if (low >= high).any():
        return data, moving  # there is no overlap, which is an error
    # Planes that correspond one to one are found by their number.
    low[:-2], high[:-2] = 0, moving.shape[:-2]
    shift = np.eye(moving.ndim + 1)
    shift[:-1, -1] = low
    part = data[tuple(slice(a, b) for a, b in zip(low.tolist(), high.tolist(), strict=True))]
    return part, Grid(tuple((high - low).tolist()), moving.matrix @ shift)


def _resampled(
    image: PlacedImage, fixed: PlacedImage, tick: Callable[[], object] | None, make: Make
) -> Array:
    data: Any = image.data
    try:
        found: Array = resample(
            data, image.grid, fixed.grid, coloured=image.coloured, tick=tick, make=make
        )
    except InvalidInputError as error:
        raise InvalidInputError(f"{image.name!r} on the grid of {fixed.name!r}: {error}") from error
    if image.coloured and found.shape[-1] == 4:
        # An image of floats has its alpha in [0, 1].
        found[..., 3] /= dtype_range(data.dtype)[1]
        np.copyto(found[..., 3], 1, where=np.isnan(found[..., 3]))
    return found


def _intensities(data: Pixels, image: PlacedImage) -> Pixels:
    """Leave out alpha."""
    return lazy(data)[..., :3] if image.coloured else data


def _fill_empty_planes(
    data: Array,
    moving: PlacedImage,
    limits: tuple[float, float],
    kept: Pixels,
    fixed: PlacedImage,
    value_range: RangeSpec,
) -> Array:
    """Give planes that the moving image does not reach the fixed image's values.

    One stack may reach further along Z than the other, and the network needs all planes.
    """

    def colours_of(data: Array) -> Array:
        return data[..., :3] if moving.coloured else data[..., None]

    colours = colours_of(data)
    empty = np.zeros(colours.shape[:-3], bool)
    for index in np.ndindex(empty.shape):
        empty[index] = np.isnan(colours[index]).all()
    if not empty.any():
        return data
    if lead := fixed.grid.ndim - moving.grid.ndim:
        # Planes along further axes of the fixed image have values of their own to give.
        data = np.broadcast_to(data, fixed.grid.shape[:lead] + data.shape).copy()
        colours = colours_of(data)
        empty = np.broadcast_to(empty, colours.shape[:-3])
    intensities = _intensities(kept, fixed)
    low, high = _limits(kept, fixed, value_range)
    for index in map(tuple, np.argwhere(empty)):
        unit = (compute(intensities[index]).astype(np.float64) - low) / ((high - low) or 1.0)
        unit = np.ma.filled(unit, np.nan)
        if fixed.coloured and not moving.coloured:
            unit = luminance(unit).astype(np.float64)
        if unit.ndim < 3:
            unit = unit[..., None]
        colours[index] = limits[0] + unit * (limits[1] - limits[0])
    return data


def _limits(data: Pixels, image: PlacedImage, value_range: RangeSpec) -> tuple[float, float]:
    return resolve_noting_extremes(_intensities(data, image), value_range, repr(image.name))
