"""The limit of the overshoot: results within the local range of the sources."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from ..geometry.region import Region
from ..models.contract import Fused, KnownMoments, Pipeline, ReadyStage, Stage, StageTask
from ..models.maps import crop

#: Result and surroundings are compared in 5 x 5 pixels, the range is that of 9 x 9.
RADIUS = 2
MARGIN = 2 * RADIUS


def with_limit(pipeline: Pipeline, overshoot: float | None) -> Pipeline:
    """Return a pipeline whose results are limited to the local range of the sources.

    Parameters
    ----------
    pipeline : Pipeline
    overshoot : float or None
        Maximum overshoot beyond the local minimum and maximum of all sources (5 x 5 window), as
        a fraction of their 9 x 9 range. None for no limit.
    """
    if overshoot is None:
        return pipeline
    *others, last = pipeline.stages
    whole = None if pipeline.whole is None else with_limit(pipeline.whole, overshoot)
    return replace(pipeline, stages=(*others, LimitedStage(last, overshoot)), whole=whole)


class LimitedStage:
    """A network's last stage with limited results; see `with_limit`."""

    def __init__(self, stage: Stage, overshoot: float):
        self.name, self.maps, self.measured = stage.name, stage.maps, stage.measured
        self.shift, self.block_factor = stage.shift, stage.block_factor
        self._stage, self._overshoot = stage, overshoot

    def bounds(self, image: Region) -> Region:
        return self._stage.bounds(image)

    def reads(self, to: Region, image: Region) -> Region:
        return self._stage.reads(to, image)

    def with_moments(self, known: KnownMoments) -> ReadyStage:
        return partial(self._run, self._stage.with_moments(known))

    def _run(self, stage: ReadyStage, inputs: tuple[Tensor, ...], task: StageTask) -> Fused:
        fused = stage(inputs, task)
        around = task.to.expand_within(MARGIN, task.image)
        # The plane that decides is limited, and no colour.
        limits = range_around(task.planes(around)[:1].float(), self._overshoot)
        low, high = (crop(x, around, task.to) for x in limits)
        assert isinstance(fused, Fused)
        decided = fused.image[:1].clamp(low, high)
        if len(fused.image) > 1:
            decided = torch.cat((decided, fused.image[1:]))
        return Fused(decided, fused.share)


def range_around(planes: Tensor, overshoot: float) -> tuple[Tensor, Tensor]:
    """Return the minimum and maximum of a result, (1, 1, H, W), by (1, N, H, W) planes."""
    greatest = _greatest(planes.amax(dim=1, keepdim=True))
    least = -_greatest(-planes.amin(dim=1, keepdim=True))
    allowed = overshoot * (_greatest(greatest) + _greatest(-least))
    return least - allowed, greatest + allowed


def _greatest(x: Tensor) -> Tensor:
    """Return the greatest value around each pixel, as far as the plane goes."""
    return F.max_pool2d(x, 2 * RADIUS + 1, stride=1, padding=RADIUS)
