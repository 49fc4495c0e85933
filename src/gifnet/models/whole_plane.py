"""Any module as a pipeline of one stage."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..geometry.region import Region
from .contract import Fused, KnownMoments, Pipeline, ReadyStage, StageTask, autocast
from .maps import crop


class WholePlane:
    """A module as a stage that computes the whole plane for any requested region."""

    name = "whole plane"
    maps: tuple[int, ...] = ()
    measured: tuple[int | None, ...] = ()
    shift = 0
    block_factor = 1

    def __init__(self, module: nn.Module, device: torch.device, dtype: torch.dtype):
        self._module = module
        self._device, self._dtype = device, dtype

    def bounds(self, image: Region) -> Region:
        return image

    def reads(self, to: Region, image: Region) -> Region:
        return image

    def with_moments(self, known: KnownMoments) -> ReadyStage:
        return self

    def __call__(self, inputs: tuple[Tensor, ...], task: StageTask) -> Fused:
        first, second = task.planes(task.image).split(1, dim=1)
        with autocast(self._device, self._dtype):
            # Moved on each use, because other pipelines of the module may be on other devices.
            fused: Fused = self._module.to(self._device)(first, second)
        maps = (fused.image, fused.share)
        return Fused(*(None if x is None else crop(x, task.image, task.to) for x in maps))  # type: ignore[arg-type]


def whole_plane_pipeline(module: nn.Module, device: torch.device, dtype: torch.dtype) -> Pipeline:
    """Return a pipeline of one stage that runs a module on whole planes."""
    return Pipeline((WholePlane(module, device, dtype),), 1, device, dtype, at_once=True)
