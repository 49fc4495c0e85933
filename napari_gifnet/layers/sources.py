"""Layers brought to one grid, as arrays that `gifnet.Fuser.run` takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from gifnet.geometry import Grid
from gifnet.imaging.arrays import Pixels, is_dask
from gifnet.imaging.common_grid import (
    PlacedImage,
    Reference,
    bring_to_one_grid,
    in_own_type,
    type_source,
)
from gifnet.imaging.common_grid import choose_reference as choose_among
from gifnet.imaging.ranges import RangeSpec
from gifnet.options import ValueRange

from .snapshot import Array, Snapshot, grid_in_units


@dataclass(frozen=True, eq=False)
class Sources:
    """Sources on the reference's grid.

    Attributes
    ----------
    images : tuple of array
        Pixels; NaN where a resampled source has no data.
    reference : Snapshot
        The layer whose grid they are on.
    value_range : tuple
        What maps to [0, 1] in each, found before resampling made floats of integers.
    channel_axis : int or None
        -1 if any is coloured.
    dtype : dtype
        The type that the result goes back to: that of the first coloured source, else of the
        first.
    """

    images: tuple[Array, ...]
    reference: Snapshot
    value_range: tuple[RangeSpec, ...]
    channel_axis: int | None
    dtype: np.dtype[np.generic]


def prepare_sources(
    images: Sequence[Snapshot],
    reference: Reference = "finer",
    value_range: ValueRange = "auto",
    tick: Callable[[], object] | None = None,
    chroma: str = "auto",
) -> Sources:
    """Resample images onto the grid of one of them, unless the grids are identical.

    Parameters
    ----------
    images : sequence of Snapshot
        The sources.
    reference : "finer", "first", "second" or int
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
    index = choose_reference(images, reference)
    fixed = images[index]
    placed = [
        PlacedImage(
            image.name,
            as_array(image.data),
            image.rgb,
            image.grid if image is fixed else moving_grid(fixed, image),
        )
        for image in images
    ]
    found = bring_to_one_grid(placed, index, value_range, tick)
    like = images[type_source([image.rgb for image in images], chroma)]
    dtype = np.dtype(like.data.dtype)
    arrays = tuple(map(as_array, found.images))
    return Sources(arrays, fixed, found.value_range, found.channel_axis, dtype)


def choose_reference(images: Sequence[Snapshot], reference: Reference) -> int:
    """Return the place of the source whose grid the result has.

    Raises
    ------
    InvalidInputError
        If the chosen one has fewer axes than another.
    """
    return choose_among(images, reference, moving_grid)


def moving_grid(fixed: Snapshot, moving: Snapshot) -> Grid:
    """Return the moving image's grid in the fixed one's units."""
    return grid_in_units(moving, fixed.units[-moving.ndim :], fixed.name)


def like_sources(result: Array, sources: Sources) -> Array:
    """Return a fused image in the type of its sources, rounded if that is an integer.

    Where resampling has left pixels that no source has, which an integer cannot say, a grey
    result stays floating-point, and a coloured one is black.
    """
    coloured = result.ndim > sources.reference.ndim
    found = in_own_type(result, sources.dtype, coloured)
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
