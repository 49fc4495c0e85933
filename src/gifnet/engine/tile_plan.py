"""Tile plans as data: which part of an image is computed at a time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from ..errors import InvalidInputError
from ..geometry.region import Region
from ..models.contract import Pipeline


def plan_tiles(image: Region, size: int, window: int) -> tuple[Region, ...]:
    """Return the tiles of an image, row by row.

    Tiles do not overlap and cover the image. Every tile starts on the image's own grid of
    windows. The margin of a tile follows from the model's stages.

    Parameters
    ----------
    size : int
        Greatest side of the tiles in pixels, a multiple of `window`; 0 for one tile.
    window : int
        Spacing of the window grid in pixels.

    Raises
    ------
    InvalidInputError
        If the size is no multiple of the window.
    """
    if size == 0:
        return (image,)
    if size < window or size % window:
        raise InvalidInputError(
            f"tile is {size} pixels; use a multiple of the model's window of {window} pixels."
        )
    return tuple(split_region(image, size, window, 0))


def split_region(region: Region, size: int, window: int, shift: int) -> Iterator[Region]:
    """Cut a region into parts of at most `size` per side, on a grid of windows.

    Parameters
    ----------
    shift : int
        The grid begins this many pixels above and left of the image.
    """
    for top, bottom in _cuts(region.top, region.bottom, size, window, shift):
        for left, right in _cuts(region.left, region.right, size, window, shift):
            yield Region(top, left, bottom, right)


def _cuts(start: int, stop: int, size: int, window: int, shift: int) -> list[tuple[int, int]]:
    """Cut a range into nearly equal parts, which end on the grid."""
    origin = (start + shift) // window * window - shift
    parts = -(-(stop - origin) // size)
    step = -(-(stop - origin) // parts // window) * window
    edges = [start, *range(origin + step, stop, step), stop]
    return list(pairwise(edges))


def extend_to_bounds(tile: Region, image: Region, bounds: Region) -> Region:
    """Return a tile, extended to a stage's bounds beyond the image's bottom and right."""
    return Region(
        tile.top,
        tile.left,
        bounds.bottom if tile.bottom == image.bottom else tile.bottom,
        bounds.right if tile.right == image.right else tile.right,
    )


def first_stage(pipeline: Pipeline, last: int) -> int:
    """Return the first stage that a stage depends on. Stages without maps pass nothing on."""
    return max((i + 1 for i in range(last) if not pipeline.stages[i].maps), default=0)


def stage_regions(pipeline: Pipeline, last: int, tile: Region, image: Region) -> list[Region]:
    """Return the region of every stage up to `last` that a tile of that stage needs."""
    region = extend_to_bounds(tile, image, pipeline.stages[last].bounds(image))
    regions = [region]
    for stage in reversed(pipeline.stages[1 : last + 1]):
        region = stage.reads(region, image)
        regions.insert(0, region)
    return regions
