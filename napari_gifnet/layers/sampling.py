"""Planes of images sampled on a grid, reading no more than is needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from gifnet.errors import InvalidInputError
from gifnet.geometry import Grid, resample
from gifnet.imaging.ranges import Range, RangeSpec, resolve_range

from .pair import as_array
from .snapshot import Pixels, Snapshot
from .viewport import ViewRegion

Plane = npt.NDArray[np.float32]

#: Pixels of a source from which its values and its region are thinned out.
_MANY_PIXELS = 2**22
_MARGIN = 2


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


def thinned_grid(fixed: Snapshot, region: ViewRegion, side: int) -> Grid:
    """Return a region's grid in pixels of the screen, or coarser ones: at most `side` a side."""
    sides = [b - a for a, b in zip(region.start, region.stop, strict=True)]
    step = max(1.0, region.screen_pixel, max(sides) / side)
    shape = tuple(max(2, round(length / step)) for length in sides)
    local = np.diag([step, step, 1.0])
    # The region begins at the outer edge of the first pixel, not at its centre.
    local[:2, 2] = [start + step / 2 for start in region.start]
    return Grid(shape, fixed.grid.trailing(2).matrix @ local)


def nearest_plane(fixed: Snapshot, world: Grid, index: Sequence[int]) -> tuple[int, ...]:
    """Return the plane of an image on `world` that is nearest to a plane of the fixed one."""
    if world.ndim == 2:
        return ()
    to_moving = fixed.grid.trailing(world.ndim).to_indices_of(world)
    leading = index[-(world.ndim - 2) :]
    point = to_moving @ np.array([*leading, 0, 0, 1.0])
    return tuple(round(float(value)) for value in point[: world.ndim - 2])


def sample_plane(image: Snapshot, plane: Grid, index: tuple[int, ...], grid: Grid) -> Plane:
    """Return an image's plane on a grid, NaN where it has no data.

    `plane` is the grid of its last two axes in the world of `grid`, `index` the plane along the
    leading ones.
    """
    data, plane = _coarser(image, plane, grid)
    for position in index:
        data = data[min(max(position, 0), data.shape[0] - 1)]
    to_image = grid.to_indices_of(plane)
    rows, columns = grid.shape
    corners = np.array([[r, c, 1.0] for r in (-0.5, rows - 0.5) for c in (-0.5, columns - 0.5)])
    reached = corners @ to_image[:2].T
    reach = np.abs(to_image[:2, :2]).sum(axis=1)
    low = np.floor(reached.min(axis=0) - _MARGIN * reach - 1)
    high = np.ceil(reached.max(axis=0) + _MARGIN * reach + 2)
    start, stop = (np.clip(edge, 0, plane.shape).astype(int) for edge in (low, high))
    channels = data.shape[-1:] if image.rgb else ()
    if (stop <= start).any():
        return np.full(grid.shape + channels, np.nan, np.float32)
    count, most = int(np.prod(stop - start)), int(reach.min())
    stride = max(1, min(most, int(np.ceil((count / _MANY_PIXELS) ** 0.5))))
    found = as_array(data[tuple(slice(a, b, stride) for a, b in zip(start, stop, strict=True))])
    opaque = np.iinfo(found.dtype).max if found.dtype.kind in "iu" else 1
    found, block = _block_means(found, max(1, most // stride))
    local = np.diag([stride * block, stride * block, 1.0])
    local[:2, 2] = start + stride * (block - 1) / 2
    try:
        sampled = resample(
            found, Grid(found.shape[:2], plane.matrix @ local), grid, coloured=image.rgb
        )
    except InvalidInputError:  # no pixel of it is in view
        return np.full(grid.shape + channels, np.nan, np.float32)
    if image.rgb and sampled.shape[-1] == 4:
        sampled[..., 3] = np.nan_to_num(sampled[..., 3] / opaque, nan=1.0)
    return sampled


def _block_means(data: Pixels, side: int) -> tuple[Pixels, int]:
    """Average blocks of pixels, which is quicker than the smoothing that `resample` would do."""
    rows, columns = (length // side for length in data.shape[:2])
    if side < 2 or not rows or not columns:
        return data, 1
    whole = data[: rows * side, : columns * side]
    blocks = whole.reshape(rows, side, columns, side, *data.shape[2:])
    return blocks.mean(axis=(1, 3), dtype=np.float32), side


def _coarser(image: Snapshot, plane: Grid, grid: Grid) -> tuple[Pixels, Grid]:
    """Return the level of a multiscale image that suits the preview, and its plane's grid."""
    wanted = np.abs(grid.to_indices_of(plane)[:2, :2]).sum(axis=1).min()
    data, chosen = image.data, plane
    for level in image.levels[1:]:
        sides = level.shape[-3:-1] if image.rgb else level.shape[-2:]
        factors = np.array(plane.shape) / np.array(sides)
        leading = image.ndim - 2
        if factors.max() > wanted or level.shape[:leading] != image.data.shape[:leading]:
            break
        local = np.diag([*factors, 1.0])
        local[:2, 2] = (factors - 1) / 2
        data, chosen = level, Grid(tuple(map(int, sides)), plane.matrix @ local)
    return data, chosen
