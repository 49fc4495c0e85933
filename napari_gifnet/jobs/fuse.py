"""The Fuse widget's job: register, resample and fuse two layers."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gifnet.options import FuseOptions, Wanted
from gifnet.tasks import TASKS

from ..layers.display import Scale, ScaleCache
from ..layers.overlap import Overlap, find_overlap
from ..layers.pair import Reference, like_first, prepare_pair, without_mask
from ..layers.snapshot import LayerData, Snapshot, Values, result_layer, share_layer
from .base import Call, FuserCache, load_fuser, make_record, stop_if_asked, with_ranges
from .estimate import count_pixels
from .registration import Registration, order_pair, register_pair

if TYPE_CHECKING:
    from gifnet.progress import ProgressCallback
    from gifnet.registration.transform import Transform


def role_names(task: str | None) -> tuple[str, str]:
    """Return what a task calls its first and second source."""
    return (TASKS[task].first, TASKS[task].second) if task else ("First", "Second")


@dataclass(frozen=True, eq=False)
class FusionJob:
    """A fusion of two layers as they were when it was asked for."""

    first: Snapshot
    second: Snapshot
    options: FuseOptions
    reference: Reference = "finer"
    want_share: bool = False
    registration: Registration = field(default_factory=Registration)
    #: How value ranges are found; None if `options` has them.
    scale: Scale | None = None

    @property
    def description(self) -> str:
        return f"Fusing {self.first.name} + {self.second.name}"

    def settled(self, scales: ScaleCache) -> FusionJob:
        """Return the job with its value ranges as numbers."""
        options = with_ranges(self.options, (self.first, self.second), self.scale, scales)
        return dataclasses.replace(self, options=options, scale=None)

    def call(self) -> Call:
        keywords: Values = {} if self.reference == "finer" else {"grid": self.reference}
        if self.want_share:
            keywords["return_mask"] = True
        if self.registration.is_wanted:
            keywords["register"] = self.registration.kind
            keywords["register_by"] = self.registration.measure
        names = ("first", "second")
        return Call("fuse_layers", names, names, keywords)

    def overlap(self) -> Overlap:
        """Return where the layers overlap; raises `InvalidInputError` if they do not."""
        return find_overlap(self.first, self.second, self.reference)

    def register(self, progress: ProgressCallback) -> tuple[FusionJob, Transform | None]:
        """Return the fusion of the registered layers, and the transform; itself if not wanted."""
        if not self.registration.is_wanted:
            return self, None
        pair, reference, transform = register_pair(
            self.first, self.second, self.reference, self.registration, progress
        )
        job = dataclasses.replace(
            self, first=pair[0], second=pair[1], reference=reference, registration=Registration()
        )
        return job, transform

    def run(self, fusers: FuserCache, progress: ProgressCallback) -> list[LayerData]:
        """Register, resample, fuse, and return the mask, if it is wanted, and the result."""
        if self.scale is not None:
            return self.settled(fusers.scales).run(fusers, progress)
        registered, transform = self.register(progress)
        pair = prepare_pair(
            registered.first,
            registered.second,
            registered.reference,
            self.options.value_range,
            lambda: stop_if_asked(progress),
            self.options.chroma,
        )
        options = dataclasses.replace(
            self.options, value_range=pair.value_range, channel_axis=pair.channel_axis
        )
        fuser = load_fuser(fusers, options, progress)
        wanted: Wanted = "first" if self.want_share else "none"
        began = time.perf_counter()
        done = fuser.run(pair.first, pair.second, shares=wanted, progress=progress)
        seconds = time.perf_counter() - began
        fusers.speeds.note(self.options, count_pixels(pair.reference), seconds)
        fused = like_first(without_mask(done.image), pair)
        roles = role_names(self.options.task)
        record = make_record(
            done.record,
            "fuse",
            zip((self.first, self.second), roles, strict=True),
            pair.reference,
            self.options,
            grid=self.reference,
            mask=self.want_share,
            registration=self.registration.request(),
        )
        if transform is not None:
            record["registration"] = self._registration_record(transform)
        name = f"{self.first.name} + {self.second.name}"
        rgb = fused.ndim == pair.reference.ndim + 1
        layers = [result_layer(fused, f"Fused {name}", pair.reference, record, rgb=rgb)]
        if done.shares is not None:
            # Below the result, which napari selects as the last one added.
            share = f"Share of {self.first.name} in {name}"
            layers.insert(0, share_layer(done.shares, share, pair.reference, record))
        return layers

    def _registration_record(self, transform: Transform) -> Values:
        _, fixed, moving = order_pair(self.first, self.second, self.reference)
        return {"moving": moving.name, "reference": fixed.name, **transform.to_dict()}
