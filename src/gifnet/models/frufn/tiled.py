"""FRUFN and EFRUFN in tiles.

They depend on the whole image only by the root mean square of the channels that each unit's GRNs
normalise, at three scales. Surveys measure it, unit by unit in FRUFN and at the fixed point in
EFRUFN. With these statistics a tile is computed like a whole plane.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import partial
from typing import TypeAlias

import torch
from torch import Tensor, nn

from ...geometry.region import Region
from ..contract import (
    EPSILON,
    Fused,
    KnownMoments,
    Moments,
    Pipeline,
    ReadyStage,
    StageTask,
    autocast,
)
from ..maps import crop
from ..whole_plane import whole_plane_pipeline
from . import HALO
from .efrufn import EFRUFN, ConvergenceWarning, Settled
from .either_order import EitherOrder
from .frufn import FRUFN
from .unit import RESPONSES, Responses

Network: TypeAlias = FRUFN | EFRUFN | EitherOrder


class _TileStage:
    """A stage that computes a tile at once, with a margin around it."""

    maps: tuple[int, ...] = ()
    shift = 0
    block_factor = 1

    def __init__(self, network: Network, device: torch.device, dtype: torch.dtype):
        self.network, self.device, self.dtype = network, device, dtype

    def reads(self, to: Region, image: Region) -> Region:
        return to

    def responses(self, known: KnownMoments) -> list[Responses]:
        """Return the whole-image statistics of every surveyed unit's GRNs."""
        return [_root_mean_squares(moments, self.device) for moments in known]

    def read(self, task: StageTask) -> tuple[Region, Tensor, Tensor]:
        """Return a part with its margin, and both planes of it. Moves the network to the device."""
        self.network.to(self.device)
        at = task.to.expand_within(HALO, task.image)
        first, second = task.planes(at).split(1, dim=1)
        return at, first, second


class StatisticsStage(_TileStage):
    """Computes the inputs of one unit's GRNs, of which only moments are used later."""

    name = "survey"
    measured: tuple[int | None, ...] = (1,) * sum(RESPONSES)

    def bounds(self, image: Region) -> Region:
        return image.padded_to(self.network.size_multiple)

    def with_moments(self, known: KnownMoments) -> ReadyStage:
        return partial(self._run, self.responses(known))

    def _run(
        self, known: list[Responses], inputs: tuple[Tensor, ...], task: StageTask
    ) -> tuple[Tensor, ...]:
        at, first, second = self.read(task)
        with autocast(self.device, self.dtype):
            maps = self.network.statistics(first, second, known)
        at = at.padded_to(self.network.size_multiple)
        return tuple(
            channel
            for scale, x in enumerate(maps, start=1)
            for channel in crop(x, at.reduced(1 << scale), task.to.reduced(1 << scale))
            .contiguous()
            .split(1, dim=1)
        )


class OutputStage(_TileStage):
    """Computes pixels with the whole-image statistics of all GRNs."""

    name = "rendering"
    measured: tuple[int | None, ...] = ()

    def bounds(self, image: Region) -> Region:
        return image

    def with_moments(self, known: KnownMoments) -> ReadyStage:
        return _BoundRendering(self, self.responses(known))


class _BoundRendering:
    def __init__(self, stage: OutputStage, known: list[Responses]):
        self.stage, self.known = stage, known
        self.warned = False

    def __call__(self, inputs: tuple[Tensor, ...], task: StageTask) -> Fused:
        stage = self.stage
        at, first, second = stage.read(task)
        with autocast(stage.device, stage.dtype):
            fused = stage.network.render(first, second, self.known)
        if isinstance(fused, Settled):
            self._require_settled(fused)
        assert fused.share is not None
        return Fused(crop(fused.image, at, task.to), crop(fused.share, at, task.to))

    def _require_settled(self, fused: Settled) -> None:
        """Warn about masks of tiles that did not converge, once per image."""
        if fused.convergence.converged or self.warned:
            return
        self.warned = True
        # Without the residual, so that Python shows it once if tiles are separate tasks (dask).
        warnings.warn(
            f"EFRUFN's mask did not settle in every tile: after {fused.convergence.steps} steps it "
            "still changes. Tiles may differ at their borders.",
            ConvergenceWarning,
            stacklevel=2,
        )


def _root_mean_squares(moments: Sequence[Moments], device: torch.device) -> Responses:
    mean, deviation = (torch.cat(x, dim=-1).double() for x in zip(*moments, strict=True))
    squares = mean.square() + (deviation.square() - EPSILON).clamp_min(0)
    parts: Responses = torch.split(squares.sqrt().float().to(device), list(RESPONSES), dim=-1)
    return parts


def unfolding_pipeline(module: nn.Module, device: torch.device, dtype: torch.dtype) -> Pipeline:
    """Return FRUFN or EFRUFN ready to run in tiles, or whole on planes that fit the memory.

    Parameters
    ----------
    module : FRUFN, EFRUFN or EitherOrder
    """
    assert isinstance(module, (FRUFN, EFRUFN, EitherOrder))
    whole = whole_plane_pipeline(module, device, dtype)
    how = module, device, dtype
    surveys = tuple(StatisticsStage(*how) for _ in range(module.surveys))
    return Pipeline(
        (*surveys, OutputStage(*how)),
        module.size_multiple,
        device,
        dtype,
        at_once=True,
        whole=whole,
    )
