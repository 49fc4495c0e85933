"""Two layers brought to one grid, as arrays that `gifnet.Fuser.fuse` takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gifnet.geometry import Grid
from gifnet.imaging.arrays import Pixels, is_dask
from gifnet.imaging.common_grid import (
    PlacedImage,
    bring_to_one_grid,
    in_own_type,
    type_source,
)
from gifnet.imaging.common_grid import choose_reference as choose_among
from gifnet.imaging.ranges import RangeSpec
from gifnet.options import ValueRange

from .snapshot import Array, Snapshot, grid_in_units

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
        The type that the result goes back to: that of the first coloured source, or of the first.
    """

    first: Array
    second: Array
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
    chroma: str = "auto",
) -> Pair:
    """Resample one of two images onto the other's grid, unless the grids are identical.

    Parameters
    ----------
    first, second : Snapshot
        The sources.
    reference : {"finer", "first", "second"}
        Whose grid the result has; see `gifnet.imaging.common_grid.choose_reference`.
    value_range : "auto", "dtype", (low, high), or one of these per source
        As in `gifnet.fuse`.
    tick : callable, optional
        Called now and then; may raise to stop.
    chroma : str
        As in `gifnet.fuse`.

    Raises
    ------
    InvalidInputError
        If units or axes do not fit, or the images do not overlap.
    """
    index = choose_reference(first, second, reference)
    fixed = (first, second)[index]
    placed = [
        PlacedImage(
            image.name,
            as_array(image.data),
            image.rgb,
            image.grid if image is fixed else moving_grid(fixed, image),
        )
        for image in (first, second)
    ]
    found = bring_to_one_grid(placed, index, value_range, tick)
    one, two = map(as_array, found.images)
    owner = (first, second)[type_source((first.rgb, second.rgb), chroma)]
    ranges, dtype = found.value_range, np.dtype(owner.data.dtype)
    return Pair(one, two, fixed, (ranges[0], ranges[1]), found.channel_axis, dtype)


def choose_reference(first: Snapshot, second: Snapshot, reference: Reference) -> int:
    """Return 0 or 1: which source's grid the result has.

    Raises
    ------
    InvalidInputError
        If the chosen one has fewer axes than the other.
    """
    return choose_among((first, second), reference, moving_grid)


def moving_grid(fixed: Snapshot, moving: Snapshot) -> Grid:
    """Return the moving image's grid in the fixed one's units."""
    return grid_in_units(moving, fixed.units[-moving.ndim :], fixed.name)


def like_first(result: Array, pair: Pair) -> Array:
    """Return a fused image in a source's own type, rounded if that is an integer.

    Where resampling has left pixels that neither source has, which an integer cannot say, a grey
    result stays floating-point, and a coloured one is black.
    """
    coloured = result.ndim > pair.reference.ndim
    found = in_own_type(result, pair.dtype, coloured)
    if np.ma.is_masked(found) and not coloured:
        return result
    return without_mask(found)  # napari would take colours as floats for [0, 1]


def without_mask(data: Array) -> Array:
    """Return a masked array as a plain one, with 0 where it is masked; layers have no masks."""
    return np.ma.filled(data, 0) if np.ma.isMA(data) else data


def as_array(data: Pixels) -> Array:
    """Return a layer's data as a NumPy array: lazy ones are computed here, in the worker."""
    data = data.compute() if is_dask(data) else data  # np.asarray would drop a mask
    return data if isinstance(data, np.ndarray) else np.asarray(data)
