"""A fusion of what is in view, at the screen's resolution.

The network sees the visible region alone, so its whole-image statistics are those of the
region: a preview is close to the result, not equal to it.
"""

from __future__ import annotations

import dataclasses
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gifnet.errors import InvalidInputError
from gifnet.geometry import Grid
from gifnet.imaging.ranges import split_range_spec
from gifnet.models.registry import model_spec
from gifnet.options import FuseOptions

from .. import jobs
from ..layers.curtain import OVERLAY_KEY
from ..layers.pair import Reference, choose_reference, moving_grid
from ..layers.sampling import RangeCache, nearest_plane, sample_plane, thinned_grid, widen
from ..layers.snapshot import Array, LayerData, Snapshot, Values
from ..layers.viewport import ViewRegion
from ..layers.windows import contrast_limits
from .base import FuserCache, stop_if_asked
from .estimate import Speeds

if TYPE_CHECKING:
    from gifnet.progress import ProgressCallback

#: The longest side of a coarse frame is at least this, or it shows nothing.
_MIN_SIDE = 96
#: How long the network may take for a coarse frame, which should appear within 0.3 seconds. Small
#: frames take a little longer than the speed of larger ones predicts.
_FRAME_SECONDS = 0.14


@dataclass(frozen=True, eq=False)
class PreviewJob:
    """A fusion of the visible part of two layers.

    Attributes
    ----------
    first, second : Snapshot
    options : FuseOptions
    reference : {"finer", "first", "second"}
    region : ViewRegion
        What is visible.
    side : int
        The longest side of what the network sees, in pixels; the preview itself is always as fine
        as the screen.
    """

    first: Snapshot
    second: Snapshot
    options: FuseOptions
    reference: Reference
    region: ViewRegion
    side: int

    def run(self, fusers: FuserCache, ranges: RangeCache, progress: ProgressCallback) -> LayerData:
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
        plane = nearest_plane(fixed, world, self.region.index)
        planes = (
            sample_plane(fixed, fixed.grid.trailing(2), self.region.index, grid),
            sample_plane(moving, world.trailing(2), plane, grid),
        )
        if not all(np.isfinite(plane).any() for plane in planes):
            raise InvalidInputError("The layers do not overlap in view; move to where they do.")
        stop_if_asked(progress)
        first, second = planes if index == 0 else planes[::-1]
        limits = [
            ranges.get(image, spec)
            for image, spec in zip(
                (self.first, self.second), split_range_spec(self.options.value_range), strict=True
            )
        ]
        options = dataclasses.replace(
            self.options,
            value_range=(widen(limits[0]), widen(limits[1])),
            channel_axis=-1 if self.first.rgb or self.second.rgb else None,
        )
        fuser = fusers.get(options)
        if options.precision == "auto" and model_spec(fuser.model).bfloat16:
            # A screen shows 8 bits, whatever the layers have.
            precision = jobs.devices.preview_precision(fuser.device)
            fuser = fuser.with_options(precision=precision)
        began = time.perf_counter()
        fused = fuser.fuse(first, second, progress=progress)
        fusers.speeds.note(self.options, math.prod(grid.shape), time.perf_counter() - began)
        return self._layer(fused, fixed, grid, limits)

    def grid(self, fixed: Snapshot) -> Grid:
        """Return the preview's grid: the region in pixels of the screen, or fewer."""
        return thinned_grid(fixed, self.region, min(self.side, self.region.side()))

    def _layer(
        self, fused: Array, fixed: Snapshot, grid: Grid, limits: list[tuple[float, float]]
    ) -> LayerData:
        rgb = fused.ndim == 3
        arguments: Values = {
            "name": "Preview",
            "rgb": rgb,
            "affine": grid.matrix,
            "units": tuple(fixed.units[-2:]),
            "axis_labels": tuple(fixed.spatial.get("axis_labels", ("y", "x")))[-2:],
            "metadata": {OVERLAY_KEY: True},
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


def side_for(region: ViewRegion, options: FuseOptions, speeds: Speeds) -> int:
    """Return how long the side may be of what the network sees, to arrive at once."""
    full = region.side()
    seconds = speeds.seconds(options, full * full)
    if seconds is None:
        return min(full, _MIN_SIDE)
    share = min(1.0, _FRAME_SECONDS / seconds) ** 0.5
    return full if share == 1 else max(_MIN_SIDE, int(full * share) // 16 * 16)
