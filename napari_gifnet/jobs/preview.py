"""A fusion of what is in view, at the screen's resolution.

The network sees the visible region alone, so its whole-image statistics are those of the region.
All else is as in the result: the ranges, the colours and the interpolation.
"""

from __future__ import annotations

import dataclasses
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from gifnet.errors import InvalidInputError
from gifnet.geometry import Grid
from gifnet.imaging.ranges import Range, split_range_spec
from gifnet.models.registry import model_spec
from gifnet.options import FuseOptions, ValueRange

from .. import jobs
from ..layers.colours import DISPLAY, Draw, lay_over
from ..layers.curtain import OVERLAY_KEY
from ..layers.display import ScaleCache
from ..layers.sampling import Plane, RangeCache, sample_plane, thinned_grid, widen
from ..layers.snapshot import Array, LayerData, Snapshot, Values
from ..layers.sources import choose_reference, moving_grid
from ..layers.viewport import ViewRegion
from ..layers.windows import contrast_limits
from .base import FuserCache, stop_if_asked
from .estimate import Speeds, usual_seconds
from .fuse import FusionJob
from .stacks.job import StackJob

if TYPE_CHECKING:
    from gifnet.progress import ProgressCallback

#: The longest side of a coarse frame is at least this, or it shows nothing.
_MIN_SIDE = 96
#: How long the network may take for a coarse frame, which should appear within 0.3 seconds. Small
#: frames take a little longer than the speed of larger ones predicts.
_FRAME_SECONDS = 0.14


@dataclass(frozen=True, eq=False)
class PreviewJob:
    """A fusion of the visible part of layers, or an enhancement of that of one.

    Attributes
    ----------
    job : FusionJob
        The fusion to preview. One layer is enhanced.
    region : ViewRegion
        What is visible of the reference.
    side : int
        The longest side of the preview in pixels.
    """

    job: FusionJob
    region: ViewRegion
    side: int

    @property
    def fixed(self) -> Snapshot:
        """The layer whose grid the result has."""
        return fixed_layer(self.job)

    def run(self, fusers: FuserCache, ranges: RangeCache, progress: ProgressCallback) -> LayerData:
        """Return the preview as a 2-D layer.

        Raises
        ------
        InvalidInputError
            If no layer has pixels in view, or the layers cannot be fused.
        """
        job = self.job.settled(fusers.scales)
        grid, layers = self.grid(), job.layers
        draws = job.draws()
        planes = self._planes(job, grid)
        if not all(np.isfinite(plane).any() for plane in planes):
            raise InvalidInputError("The layers do not overlap in view; move to where they do.")
        stop_if_asked(progress)
        limits = [DISPLAY] * len(layers)
        if draws is None:
            specs = split_range_spec(job.options.value_range, len(layers))
            limits = [
                widen(ranges.get(image, spec)) for image, spec in zip(layers, specs, strict=True)
            ]
        coloured = any(plane.ndim == 3 for plane in planes)
        options = dataclasses.replace(
            job.options,
            value_range=cast(ValueRange, tuple(limits) if len(limits) > 1 else limits[0]),
            channel_axis=-1 if coloured else None,
        )
        fused = self._fused(fusers, options, planes, progress)
        like = next((i for i, image in enumerate(layers) if image.rgb), 0)
        return self._layer(fused, grid, limits[like])

    def _planes(self, job: FusionJob, grid: Grid) -> list[Plane]:
        draws = job.draws()
        each: list[Draw | None] = [None] * len(job.layers) if draws is None else [*draws]
        planes = [
            sample_plane(image, moving_grid(self.fixed, image), grid, draw)
            for image, draw in zip(job.layers, each, strict=True)
        ]
        return planes if draws is None else lay_over(job.recoloured(), planes)

    def _fused(
        self,
        fusers: FuserCache,
        options: FuseOptions,
        planes: list[Plane],
        progress: ProgressCallback,
    ) -> Array:
        fuser = fusers.get(options)
        if options.precision == "auto" and model_spec(fuser.model).bfloat16:
            # A screen shows 8 bits, whatever the layers have.
            precision = jobs.devices.preview_precision(fuser.device)
            fuser = fuser.with_options(precision=precision)
        began = time.perf_counter()
        if len(planes) == 1:
            fused: Array = fuser.enhance(planes[0], progress=progress)
        else:
            fused = fuser.fuse(*planes, progress=progress)
        pixels = math.prod(planes[0].shape[:2]) * len(planes)
        fusers.speeds.note(self.job.options, pixels, time.perf_counter() - began)
        return fused

    def grid(self) -> Grid:
        """Return the preview's grid: the region in pixels of the screen, or fewer."""
        return thinned_grid(self.fixed, self.region, min(self.side, self.region.side()))

    def _layer(self, fused: Array, grid: Grid, limits: Range) -> LayerData:
        rgb, fixed = fused.ndim == 3, self.fixed
        arguments: Values = {
            "name": "Preview",
            "rgb": rgb,
            "affine": grid.trailing(2).matrix,
            "units": tuple(fixed.units[-2:]),
            "axis_labels": tuple(fixed.spatial.get("axis_labels", ("y", "x")))[-2:],
            "metadata": {OVERLAY_KEY: True},
        }
        if rgb:
            low, high = limits
            unit = (fused[..., :3] - low) / ((high - low) or 1.0)
            fused = np.concatenate((unit, fused[..., 3:]), axis=-1)
            fused = np.nan_to_num(fused).clip(0, 1).astype(np.float32)
        else:
            eight_bit = self.job.layers[0].data.dtype == np.uint8
            arguments["contrast_limits"] = limits if eight_bit else contrast_limits(fused)
            arguments["colormap"] = "gray"
        return fused, arguments, "image"


def fixed_layer(job: FusionJob) -> Snapshot:
    """Return the layer whose grid the result has."""
    return job.layers[choose_reference(job.layers, job.reference)]


def stack_preview(job: StackJob, scales: ScaleCache) -> FusionJob:
    """Return the fusion of a stack's slices, for previews.

    Raises
    ------
    InvalidInputError
        If the slices are to be aligned.
    """
    if job.align != "none" or job.transforms:
        raise InvalidInputError("The preview aligns no slices; set Align to Not needed to see it.")
    job = job.settled(scales)
    layers = job.images
    if job.axis is not None:
        (image,), axis = job.images, job.axis % job.images[0].ndim
        place = job.place
        layers = tuple(
            dataclasses.replace(
                place, name=f"{image.name} {i}", data=image.data[(slice(None),) * axis + (i,)]
            )
            for i in range(job.count)
        )
    return FusionJob(layers, job.options, 0 if job.axis is not None else job.index)


def side_for(region: ViewRegion, options: FuseOptions, speeds: Speeds, count: int = 2) -> int:
    """Return how long the side of a preview of so many layers may be, to arrive at once."""
    full = region.side()
    pixels = count * full * full
    seconds = speeds.seconds(options, pixels)
    if seconds is None:
        seconds = usual_seconds(options, pixels, loading=0)
    share = min(1.0, _FRAME_SECONDS / seconds) ** 0.5
    return full if share == 1 else max(_MIN_SIDE, int(full * share) // 16 * 16)
