"""Planes of images sampled on a grid, reading no more than is needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from gifnet.errors import InvalidInputError
from gifnet.geometry import Grid, resample
from gifnet.imaging.arrays import Pixels
from gifnet.imaging.ranges import Range, RangeSpec, resolve_range

from .colours import Draw
from .snapshot import Array, Matrix, Snapshot
from .sources import as_array
from .viewport import ViewRegion

Plane = npt.NDArray[np.float32]

#: Pixels of a source from which its values and its region are thinned out.
_MANY_PIXELS = 2**22
_MARGIN = 2
#: Indices that differ by less are the same: pixel sizes in files are rounded.
_SAME = 0.01


@dataclass
class RangeCache:
    """Value ranges of the images last seen, found once; large images are thinned out."""

    _known: dict[tuple[int, str], tuple[Pixels, Range]] = field(default_factory=dict)

    def get(self, image: Snapshot, spec: RangeSpec) -> Range:
        key = (id(image.data), str(spec))
        if key not in self._known:
            data = image.levels[-1] if image.levels else image.data
            data = data[..., :3] if image.rgb else data
            count = int(np.prod([int(side) for side in data.shape]))
            step = int(np.ceil((count / _MANY_PIXELS) ** 0.5))
            if step > 1:
                planes = (slice(None, None, step),) * 2
                data = data[(..., *planes, slice(None))] if image.rgb else data[(..., *planes)]
            if len(self._known) > 8:
                self._known.clear()
            # The data are kept with it, so that no other array gets the same id.
            self._known[key] = (image.data, resolve_range(np.asarray(data), spec))
        return self._known[key][1]


def widen(limits: tuple[float, float]) -> tuple[float, float]:
    """Return limits that differ, as a value range must."""
    low, high = limits
    return (low, high) if low < high else (low - 0.5, low + 0.5)


def plane_grid(
    fixed: Snapshot,
    index: Sequence[int],
    start: Sequence[float],
    step: float,
    shape: tuple[int, int],
) -> Grid:
    """Return the grid of one plane of an image, or of a part of it in larger pixels.

    Parameters
    ----------
    fixed : Snapshot
    index : sequence of int
        The plane along the leading axes.
    start : (row, column)
        The centre of the first pixel, in pixels of the image.
    step : float
        The side of a pixel, in pixels of the image.
    shape : (rows, columns)
    """
    n, lead = fixed.ndim, fixed.ndim - 2
    local = np.eye(n + 1)
    local[[n - 2, n - 1], [n - 2, n - 1]] = step
    local[:n, n] = [*index, *start]
    return Grid((1,) * lead + shape, fixed.grid.matrix @ local)


def thinned_grid(fixed: Snapshot, region: ViewRegion, side: int) -> Grid:
    """Return a region's grid in pixels of the screen, or coarser ones: at most `side` a side."""
    sides = [b - a for a, b in zip(region.start, region.stop, strict=True)]
    step = max(1.0, region.screen_pixel, max(sides) / side)
    rows, columns = (max(2, round(length / step)) for length in sides)
    # The region begins at the outer edge of the first pixel, not at its centre.
    start = [edge + step / 2 for edge in region.start]
    return plane_grid(fixed, region.index, start, step, (rows, columns))


def sample_plane(image: Snapshot, world: Grid, target: Grid, draw: Draw | None = None) -> Plane:
    """Return an image on a grid of one plane, interpolated as by `gifnet.geometry.resample`.

    Parameters
    ----------
    image : Snapshot
    world : Grid
        The image's grid in the world of `target`.
    target : Grid
        Of at least as many axes as the image, and one plane.
    draw : callable, optional
        Makes colours of the values before they are interpolated.

    Returns
    -------
    (H, W) or (H, W, C) array
        NaN where the image has no data.
    """
    data, world = _coarser(image, world, target)
    n, lead = world.ndim, world.ndim - 2
    target = target.trailing(n)
    to_image = target.to_indices_of(world)
    sides = target.shape[-2:]
    channels = _channels(image, data, draw)
    empty = np.full(sides + channels, np.nan, np.float32)
    start, stop, reach = _bounds(to_image, sides, world.shape)
    if (stop <= start).any():
        return empty
    count, most = int(np.prod((stop - start)[lead:])), int(reach[lead:].min())
    stride = max(1, min(most, int(np.ceil((count / _MANY_PIXELS) ** 0.5))))
    steps = [1] * lead + [stride] * 2
    parts = tuple(slice(a, b, c) for a, b, c in zip(start, stop, steps, strict=True))
    found = as_array(data[parts])
    opaque = 255 if draw else np.iinfo(found.dtype).max if found.dtype.kind in "iu" else 1
    found = draw(found) if draw else found
    found, block = _block_means(found, lead, max(1, most // stride))
    local = np.diag([*[1.0] * lead, stride * block, stride * block, 1.0])
    local[:n, n] = start
    local[lead:n, n] += stride * (block - 1) / 2
    grid = Grid(found.shape[:n], world.matrix @ local)
    try:
        sampled = resample(found, grid, target, coloured=bool(channels))
    except InvalidInputError:  # no pixel of it is in view
        return empty
    sampled = sampled.reshape(sides + sampled.shape[n:])
    if channels == (4,):
        sampled[..., 3] = np.nan_to_num(sampled[..., 3] / opaque, nan=1.0)
    return sampled


def _channels(image: Snapshot, data: Pixels, draw: Draw | None) -> tuple[int, ...]:
    if image.rgb:
        return (int(data.shape[-1]),)
    if draw is None:
        return ()
    return draw(np.zeros((1, 1), data.dtype)).shape[2:]


def _bounds(
    to_image: Matrix, sides: tuple[int, ...], shape: tuple[int, ...]
) -> tuple[npt.NDArray[np.int_], npt.NDArray[np.int_], Matrix]:
    """Return the part of an image that a plane needs, and the reach of one of its pixels."""
    n, lead = len(shape), len(shape) - 2
    rows, columns = sides
    corners = np.array(
        [[*[0.0] * lead, r, c, 1] for r in (-0.5, rows - 0.5) for c in (-0.5, columns - 0.5)]
    )
    reached = corners @ to_image[:n].T
    reach = np.abs(to_image[:n, :n]).sum(axis=1)
    low = np.floor(reached.min(axis=0) - _MARGIN * reach - 1)
    high = np.ceil(reached.max(axis=0) + _MARGIN * reach + 2)
    for axis in range(lead):
        place = np.rint(reached[0, axis])
        if np.abs(reached[:, axis] - place).max() < _SAME and reach[axis] < 1 + _SAME:
            low[axis], high[axis] = place, place + 1  # one plane serves
    start, stop = (np.clip(edge, 0, shape).astype(int) for edge in (low, high))
    return start, stop, reach


def _block_means(data: Array, lead: int, side: int) -> tuple[Array, int]:
    """Average blocks of pixels, which is quicker than the smoothing that `resample` would do."""
    rows, columns = (length // side for length in data.shape[lead : lead + 2])
    if side < 2 or not rows or not columns:
        return data, 1
    whole = data[(slice(None),) * lead + (slice(rows * side), slice(columns * side))]
    outer, channels = data.shape[:lead], data.shape[lead + 2 :]
    blocks = whole.reshape(*outer, rows, side, columns, side, *channels)
    return blocks.mean(axis=(lead + 1, lead + 3), dtype=np.float32), side


def _coarser(image: Snapshot, world: Grid, target: Grid) -> tuple[Pixels, Grid]:
    """Return the level of a multiscale image that suits a grid, and its own grid."""
    n, lead = world.ndim, world.ndim - 2
    wanted = np.abs(target.trailing(n).to_indices_of(world)[lead:n, :n]).sum(axis=1).min()
    data, chosen = image.data, world
    for level in image.levels[1:]:
        sides = level.shape[-3:-1] if image.rgb else level.shape[-2:]
        factors = np.array(world.shape[lead:]) / np.array(sides)
        if factors.max() > wanted or level.shape[:lead] != image.data.shape[:lead]:
            break
        local = np.diag([*[1.0] * lead, *factors, 1.0])
        local[lead:n, n] = (factors - 1) / 2
        shape = (*world.shape[:lead], *map(int, sides))
        data, chosen = level, Grid(shape, world.matrix @ local)
    return data, chosen
