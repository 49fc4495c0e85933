"""The Fuse widget's job: register, resample and fuse layers."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import numpy as np

from gifnet.imaging.common_grid import Reference
from gifnet.imaging.ranges import Range, resolve_range, split_range_spec
from gifnet.options import FuseOptions, ValueRange, Wanted
from gifnet.tasks import TASKS

from ..layers.colours import (
    DISPLAY,
    ColormapSpec,
    Draw,
    colormap_spec,
    drawer,
    drawn,
    lay_over,
    with_colormap,
)
from ..layers.display import Scale, ScaleCache
from ..layers.overlap import Overlap, least_overlap
from ..layers.sampling import widen
from ..layers.snapshot import LayerData, Snapshot, Values, result_layer, share_layer
from ..layers.sources import like_sources, prepare_sources, without_mask
from .base import Call, FuserCache, load_fuser, make_record, stop_if_asked, with_ranges
from .estimate import count_pixels
from .registration import Registration, order_pair, register_pair

if TYPE_CHECKING:
    from gifnet.progress import ProgressCallback
    from gifnet.registration.transform import Transform

_LISTED = 3


def role_names(task: str | None, count: int = 2) -> tuple[str, ...]:
    """Return what a task calls its sources; empty texts if it has no names for them."""
    if count != 2:
        return ("",) * count
    return (TASKS[task].first, TASKS[task].second) if task else ("First", "Second")


@dataclass(frozen=True, eq=False)
class FusionJob:
    """A fusion of layers as they were when it was asked for.

    Attributes
    ----------
    layers : tuple of Snapshot
        Two or more.
    options : FuseOptions
        Its value range has numbers or rules for each layer, unless `scale` is given.
    reference : "finer", "first", "second" or int
        The layer whose grid the result has.
    shares : {"none", "first", "all"}
        The shares to add as layers.
    registration : Registration
        Of two layers.
    scale : {"displayed", "percentiles", "data", "dtype"} or None
        How value ranges are found; None if `options` has them.
    colormaps : tuple or None
        The colormaps by which layers are drawn before they are fused; None to fuse values.
    gammas : tuple of float or None
        The gamma of each layer that is drawn.
    """

    layers: tuple[Snapshot, ...]
    options: FuseOptions
    reference: Reference = "finer"
    shares: Wanted = "none"
    registration: Registration = field(default_factory=Registration)
    scale: Scale | None = None
    colormaps: tuple[ColormapSpec, ...] | None = None
    gammas: tuple[float, ...] | None = None

    @property
    def name(self) -> str:
        names = [layer.name for layer in self.layers]
        if len(names) > _LISTED:
            names[_LISTED - 1 :] = [f"{len(names) - _LISTED + 1} more"]
        return " + ".join(names)

    @property
    def description(self) -> str:
        return f"Fusing {self.name}"

    def settled(self, scales: ScaleCache) -> FusionJob:
        """Return the job with its value ranges as numbers."""
        shared = self.options.task in ("mfif", "meif")
        options = with_ranges(self.options, self.layers, self.scale, scales, shared)
        return dataclasses.replace(self, options=options, scale=None)

    def call(self) -> Call:
        keywords: Values = {} if self.reference == "finer" else {"grid": self.reference}
        if self.shares != "none":
            keywords["return_mask" if self.shares == "first" else "return_shares"] = True
        if self.registration.is_wanted:
            keywords["register"] = self.registration.kind
            keywords["register_by"] = self.registration.measure
        if self.colormaps is not None:
            keywords["colormaps"] = list(self.colormaps)
        if self.gammas is not None:
            keywords["gammas"] = list(self.gammas)
        names: tuple[str, ...] = ("first", "second")
        if len(self.layers) != 2:
            names = tuple(f"layer_{number}" for number in range(1, len(self.layers) + 1))
        return Call("fuse_layers", names, names, keywords)

    def overlap(self) -> Overlap:
        """Return where the layers overlap; raises `InvalidInputError` if they do not."""
        return least_overlap(self.layers, self.reference)

    def register(self, progress: ProgressCallback) -> tuple[FusionJob, Transform | None]:
        """Return the fusion of the registered layers, and the transform; itself if not wanted."""
        if not self.registration.is_wanted or len(self.layers) != 2:
            return self, None
        pair, reference, transform = register_pair(
            self.layers, self.reference, self.registration, progress
        )
        job = dataclasses.replace(
            self, layers=pair, reference=reference, registration=Registration()
        )
        return job, transform

    def run(self, fusers: FuserCache, progress: ProgressCallback) -> list[LayerData]:
        """Register, resample, fuse, and return shares, if they are wanted, and the result."""
        if self.scale is not None:
            return self.settled(fusers.scales).run(fusers, progress)
        registered, transform = self.register(progress)
        layers, value_range = registered.layers, self.options.value_range
        if (draws := self.draws()) is not None:
            layers = tuple(drawn(*each) for each in zip(layers, draws, strict=True))
            value_range = DISPLAY
        sources = prepare_sources(
            layers,
            registered.reference,
            value_range,
            lambda: stop_if_asked(progress),
            "auto" if draws is not None else self.options.chroma,
        )
        if draws is not None:
            images = tuple(lay_over(self.recoloured(), sources.images))
            sources = dataclasses.replace(sources, images=images, dtype=np.dtype(np.uint8))
        options = dataclasses.replace(
            self.options,
            value_range=cast(ValueRange, sources.value_range),
            channel_axis=sources.channel_axis,
        )
        fuser = load_fuser(fusers, options, progress)
        began = time.perf_counter()
        done = fuser.run(*sources.images, shares=self.shares, progress=progress)
        seconds = time.perf_counter() - began
        pixels = count_pixels(sources.reference) * len(layers)
        fusers.speeds.note(self.options, pixels, seconds)
        fused = like_sources(without_mask(done.image), sources)
        record = self._record(done.record, sources.reference, transform)
        rgb = fused.ndim == sources.reference.ndim + 1
        found = [result_layer(fused, f"Fused {self.name}", sources.reference, record, rgb=rgb)]
        if done.shares is not None:
            shares = [done.shares] if self.shares == "first" else list(done.shares)
            # Below the result, which napari selects as the last one added.
            names = [f"Share of {layer.name} in {self.name}" for layer in layers]
            found[:0] = [
                share_layer(share, name, sources.reference, record)
                for share, name in zip(shares, names, strict=False)
            ]
        return found

    def draws(self) -> list[Draw] | None:
        """Return how each layer is drawn, None if values are fused."""
        if self.colormaps is None and self.gammas is None:
            return None
        ones = (1.0,) * len(self.layers)
        how = self._limits(), self.gammas or ones, self.options.balance or ones
        return [drawer(*each) for each in zip(self.recoloured(), *how, strict=True)]

    def recoloured(self) -> tuple[Snapshot, ...]:
        """Return the layers with the colormaps of this job."""
        maps = self.colormaps or ("gray",) * len(self.layers)
        return tuple(
            image if image.rgb else with_colormap(image, spec)
            for image, spec in zip(self.layers, maps, strict=True)
        )

    def _limits(self) -> list[Range]:
        specs = split_range_spec(self.options.value_range, len(self.layers))
        found = []
        for image, spec in zip(self.layers, specs, strict=True):
            data = image.data[..., :3] if image.rgb else image.data
            found.append(widen(resolve_range(data, spec)))
        return found

    def _record(self, made: Values, place: Snapshot, transform: Transform | None) -> Values:
        record = make_record(
            made,
            "fuse",
            zip(self.layers, role_names(self.options.task, len(self.layers)), strict=True),
            place,
            self.options,
            grid=self.reference,
            shares=self.shares,
            registration=self.registration.request(),
            colormaps=None if self.colormaps is None else list(self.colormaps),
            gammas=None if self.gammas is None else list(self.gammas),
        )
        if self.colormaps is not None or self.gammas is not None:
            record["values"] = "colours of a display, 0 to 255"
        if transform is not None:
            _, fixed, moving = order_pair(self.layers, self.reference)
            names = {"moving": moving.name, "reference": fixed.name}
            record["registration"] = {**names, **transform.to_dict()}
        return record


def colormaps_of(layers: Sequence[Snapshot]) -> tuple[ColormapSpec, ...]:
    """Return the colormaps of layers, gray for RGB layers."""
    return tuple(
        "gray" if layer.rgb else colormap_spec(layer.shown["colormap"]) for layer in layers
    )
