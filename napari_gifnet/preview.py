"""A fusion of what is in view, at the screen's resolution. No Qt here.

The network sees the visible region alone, so its whole-image statistics are those of the
region: a preview is close to the result, not equal to it.
"""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from gifnet.errors import Cancelled, InvalidInputError
from gifnet.geometry import Grid, resample
from gifnet.imaging.ranges import resolve_range
from gifnet.options import FuseOptions

from .curtain import HELPER_KEY
from .estimate import Speeds
from .layers import LayerData, Snapshot, contrast_limits
from .pairs import Reference, choose_reference, moving_grid

if TYPE_CHECKING:
    from gifnet.progress import ProgressCallback

    from .jobs import FuserCache

#: The longest side of a preview in pixels, and the shortest that still tells something.
FULL_SIDE = 512
_LEAST_SIDE = 96
#: How long a first, coarse frame may take.
_FRAME_SECONDS = 0.25
#: Pixels of a source from which its values and its region are thinned out.
_MANY_PIXELS = 2**22
_MARGIN = 2

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Region:
    """A rectangle of the reference's plane.

    Attributes
    ----------
    start, stop : tuple of float
        Rows and columns in pixels of the reference.
    step : float
        Its pixels per pixel of the screen.
    index : tuple of int
        The plane along leading axes.
    """

    start: tuple[float, float]
    stop: tuple[float, float]
    step: float
    index: tuple[int, ...] = ()

    def side(self) -> int:
        """Return the longer side in pixels of the screen, as far as a preview shows them."""
        longest = max(b - a for a, b in zip(self.start, self.stop, strict=True))
        return min(FULL_SIDE, int(np.ceil(longest / max(1.0, self.step))))


@dataclass
class RangeCache:
    """Value ranges of the images last seen, found once; large images are thinned out."""

    _known: dict[tuple[int, str], tuple[Any, Any]] = field(default_factory=dict)

    def get(self, image: Snapshot, spec: Any) -> Any:
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


@dataclass(frozen=True, eq=False)
class PreviewJob:
    """A fusion of the visible part of two layers.

    Attributes
    ----------
    first, second : Snapshot
    options : FuseOptions
    reference : {"finer", "first", "second"}
    region : Region
        What is visible.
    side : int
        The longest side of the preview in pixels.
    """

    first: Snapshot
    second: Snapshot
    options: FuseOptions
    reference: Reference
    region: Region
    side: int

    def run(
        self,
        cache: FuserCache,
        ranges: RangeCache,
        speeds: Speeds,
        progress: ProgressCallback,
    ) -> LayerData:
        """Return the preview as a 2-D layer.

        Raises
        ------
        InvalidInputError
            If no layer has pixels in view, or the pair cannot be fused.
        """
        index = choose_reference(self.first, self.second, self.reference)
        fixed, moving = (self.first, self.second) if index == 0 else (self.second, self.first)
        grid = self.grid(fixed)
        world = moving_grid(fixed, moving)
        planes = [
            _visible(fixed, fixed.grid.trailing(2), self.region.index, grid),
            _visible(moving, world.trailing(2), self._index_in(fixed, world), grid),
        ]
        if not all(np.isfinite(plane).any() for plane in planes):
            raise InvalidInputError("The layers do not overlap in view; move to where they do.")
        if progress(0, 0) is False:
            raise Cancelled("The view has moved on.")
        if index == 1:
            planes.reverse()
        limits = [
            ranges.get(image, self.options.value_range) for image in (self.first, self.second)
        ]
        options = dataclasses.replace(
            self.options,
            value_range=tuple(
                (low, high) if low < high else (low - 0.5, low + 0.5) for low, high in limits
            ),
            channel_axis=-1 if self.first.rgb or self.second.rgb else None,
        )
        fuser = cache.get(options)
        _ = fuser.weights  # loading is no part of the speed
        began = time.perf_counter()
        fused = fuser.fuse(*planes, progress=progress)
        speeds.note(self.options, fused.shape[0] * fused.shape[1], time.perf_counter() - began)
        return self._layer(fused, fixed, grid, limits)

    def grid(self, fixed: Snapshot) -> Grid:
        """Return the preview's grid: the region in pixels of the screen, or coarser ones."""
        sides = [b - a for a, b in zip(self.region.start, self.region.stop, strict=True)]
        step = max(1.0, self.region.step, max(sides) / self.side)
        shape = tuple(max(2, round(side / step)) for side in sides)
        local = np.diag([step, step, 1.0])
        # The region begins at the outer edge of the first pixel, not at its centre.
        local[:2, 2] = [start + step / 2 for start in self.region.start]
        return Grid(shape, fixed.grid.trailing(2).matrix @ local)

    def _index_in(self, fixed: Snapshot, world: Grid) -> tuple[int, ...]:
        """Return the nearest plane of the moving image to the visible one."""
        if world.ndim == 2:
            return ()
        to_moving = fixed.grid.trailing(world.ndim).to_indices_of(world)
        leading = self.region.index[-(world.ndim - 2) :]
        point = to_moving @ np.array([*leading, 0, 0, 1.0])
        return tuple(round(float(value)) for value in point[: world.ndim - 2])

    def _layer(self, fused: Any, fixed: Snapshot, grid: Grid, limits: list[Any]) -> LayerData:
        rgb = fused.ndim == 3
        arguments: dict[str, Any] = {
            "name": "Preview",
            "rgb": rgb,
            "affine": grid.matrix,
            "units": tuple(fixed.units[-2:]),
            "axis_labels": tuple(fixed.spatial.get("axis_labels", ("y", "x")))[-2:],
            "metadata": {HELPER_KEY: True},
        }
        if rgb:
            low, high = limits[0]
            unit = (fused[..., :3] - low) / ((high - low) or 1.0)
            fused = np.concatenate((unit, fused[..., 3:]), axis=-1)
            fused = np.nan_to_num(fused).clip(0, 1).astype(np.float32)
        else:
            eight_bit = self.first.data.dtype == np.uint8
            arguments["contrast_limits"] = limits[0] if eight_bit else contrast_limits(fused)
            arguments["colormap"] = "gray"
        return fused, arguments, "image"


def side_for(region: Region, options: FuseOptions, speeds: Speeds) -> int:
    """Return how long a preview's side may be to arrive at once: full, or as measured."""
    full = region.side()
    seconds = speeds.seconds(options, full * full)
    if seconds is None:
        return min(full, _LEAST_SIDE)
    share = min(1.0, _FRAME_SECONDS / seconds) ** 0.5
    return min(full, max(_LEAST_SIDE, int(full * share)))


def _visible(image: Snapshot, plane: Grid, index: tuple[int, ...], grid: Grid) -> Any:
    """Sample an image's plane on the preview's grid, reading no more than is in view."""
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
    found = np.asarray(data[tuple(slice(a, b, stride) for a, b in zip(start, stop, strict=True))])
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


def _block_means(data: Any, side: int) -> tuple[Any, int]:
    """Average blocks of pixels, which is quicker than the smoothing that `resample` would do."""
    rows, columns = (length // side for length in data.shape[:2])
    if side < 2 or not rows or not columns:
        return data, 1
    whole = data[: rows * side, : columns * side]
    blocks = whole.reshape(rows, side, columns, side, *data.shape[2:])
    return blocks.mean(axis=(1, 3), dtype=np.float32), side


def _coarser(image: Snapshot, plane: Grid, grid: Grid) -> tuple[Any, Grid]:
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
