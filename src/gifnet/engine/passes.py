"""The passes over an image: moments stage by stage, then pixels."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from ..geometry.region import Region
from ..models.contract import (
    Fused,
    KnownMoments,
    Pipeline,
    PlaneSum,
    ReadPlanes,
    ReadyStage,
    StageTask,
)
from ..models.maps import crop
from .feature_maps import Features, Slots
from .moment_sum import MomentSum
from .threads import Workers
from .tile_io import Plane
from .tile_plan import first_stage, split_region, stage_regions

Result = TypeVar("Result")


class Passes:
    """The passes over an image: the moments found so far, and the stages that they complete.

    A tile goes through the stages in order, in blocks that fit the cache.

    Parameters
    ----------
    planes : callable
        Gives both planes of a region.
    step : int
        Side of a block in pixels, for stages that do not specify it.
    workers : Workers
    keep : bool
        Whether a pass keeps its features for the next one; for images of a single tile.
    known : sequence of sequence of Moments
        The moments of stages that were measured before.
    want_share : bool
        Whether shares are used.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        image: Region,
        planes: ReadPlanes,
        *,
        step: int,
        workers: Workers,
        keep: bool = False,
        known: KnownMoments = (),
        want_share: bool = True,
    ):
        self._want_share, self._lock = want_share, threading.Lock()
        self._pipeline, self._image, self._planes = pipeline, image, planes
        self._side, self._keep, self._workers = step, keep, workers
        self._slots = Slots(pipeline.dtype, pipeline.device)
        self._kept: Features | None = None
        self._known: list[Any] = list(known)
        self._bound: list[ReadyStage] = []
        self._bind()

    def _bind(self) -> None:
        measured = measured_stages(self._pipeline)
        ready = (
            measured[len(self._known)]
            if len(self._known) < len(measured)
            else len(self._pipeline.stages) - 1
        )
        for stage in self._pipeline.stages[len(self._bound) : ready + 1]:
            self._bound.append(stage.with_moments(self._known))

    def measure(self, tile: Region) -> Generator[None, None, list[PlaneSum]]:
        """Yield after every step; return what the next measured stage finds on a tile."""
        last = len(self._bound) - 1
        channels = self._pipeline.stages[last].measured

        def add(maps: Any, step: Region) -> list[PlaneSum]:
            parts = new_sums(self._pipeline, last)
            for part, count, x in zip(parts, channels, maps, strict=True):
                part.add(x[:, :count], step)
            return parts

        sums = new_sums(self._pipeline, last)
        for parts in self._compute(last, tile, add, keep=self._keep):
            if parts is not None:
                join_sums(sums, parts)
            yield
        return sums

    def finish_pass(self, sums: Sequence[PlaneSum]) -> None:
        """Continue with the next measured stage, with the results of the last one."""
        self._known.append(conclude(self._pipeline, sums))
        self._bind()

    def render(self, tile: Region) -> Generator[None, None, tuple[Plane, Plane | None]]:
        """Yield after every step; return the fused planes of a tile, and its shares."""
        found: dict[str, Tensor] = {}

        def put(fused: Fused, step: Region) -> None:
            for name, x in zip(Fused._fields, fused, strict=True):
                if x is None:
                    continue
                maps = x.flatten(0, 1)
                with self._lock:
                    if name not in found:
                        size = len(maps), tile.height, tile.width
                        found[name] = maps.new_empty(size, dtype=torch.float32)
                crop(found[name], tile, step).copy_(maps)

        for _ in self._compute(len(self._pipeline.stages) - 1, tile, put, keep=False):
            yield
        arrays = {name: np.asarray(x.cpu().numpy()) for name, x in found.items()}
        return arrays["image"], arrays.get("share")

    def _compute(
        self, last: int, tile: Region, use: Callable[[Any, Region], Result], *, keep: bool
    ) -> Iterator[Result | None]:
        """Yield what `use` makes of each part of a stage's output, and None after other steps."""
        regions = stage_regions(self._pipeline, last, tile, self._image)
        features, first = self._kept, first_stage(self._pipeline, last)
        if features is not None:
            first = measured_stages(self._pipeline)[len(self._known) - 1] + 1
        for index in range(first, last + 1):
            stage, region = self._pipeline.stages[index], regions[index]
            output = None
            if stage.maps and (index < last or keep):
                output = Features(stage.maps, region, self._slots, index % 2)
            finish = use if index == last else None
            run = partial(self._step_of, index, features, output, finish)
            side = self._side * stage.block_factor
            yield from self._workers.map(
                run, split_region(region, side, self._pipeline.window, stage.shift)
            )
            features = output
        self._kept = features if keep else None

    def _step_of(
        self,
        index: int,
        features: Features | None,
        output: Features | None,
        use: Callable[[Any, Region], Result] | None,
        step: Region,
    ) -> Result | None:
        inputs: tuple[Tensor, ...] = ()
        if features is not None:
            inputs = features.get(self._pipeline.stages[index].reads(step, self._image))
        into = output.get(step) if output is not None else None
        with torch.inference_mode():
            task = StageTask(step, self._image, self._planes, into, self._want_share)
            maps = self._bound[index](inputs, task)
            if output is not None:
                assert not isinstance(maps, Fused)
                output.put(maps, step)
            return use(maps, step) if use is not None else None


def new_sums(pipeline: Pipeline, stage: int) -> list[PlaneSum]:
    """Return an empty sum for every map that a stage measures."""
    collect = pipeline.collect or MomentSum
    return [collect() for _ in pipeline.stages[stage].measured]


def join_sums(totals: Sequence[PlaneSum], parts: Sequence[PlaneSum]) -> None:
    """Add what was found on a part of a plane."""
    for total, part in zip(totals, parts, strict=True):
        total.join(part)


def conclude(pipeline: Pipeline, sums: Sequence[PlaneSum]) -> Any:
    """Return the input of later stages from a measured one."""
    results = [total.result() for total in sums]
    return results if pipeline.conclude is None else pipeline.conclude(results)


def measured_stages(pipeline: Pipeline) -> list[int]:
    """Return the places of the stages whose outputs are measured."""
    return [index for index, stage in enumerate(pipeline.stages) if stage.measured]


def count_steps(
    pipeline: Pipeline, tile: Region, image: Region, step: int, *, keep: bool
) -> list[int]:
    """Return the number of steps of each pass over a tile, including the last one."""
    measured = measured_stages(pipeline)
    counts, done = [], 0
    for last in [*measured, len(pipeline.stages) - 1]:
        regions = stage_regions(pipeline, last, tile, image)
        counts.append(
            sum(
                1
                for index in range(max(first_stage(pipeline, last), done * keep), last + 1)
                for _ in split_region(
                    regions[index],
                    step * pipeline.stages[index].block_factor,
                    pipeline.window,
                    pipeline.stages[index].shift,
                )
            )
        )
        done = last + 1
    return counts
