"""What the widgets run in the background: snapshots in, layers out. No Qt here."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from gifnet.errors import Cancelled
from gifnet.options import FuseOptions
from gifnet.tasks import TASKS

from ..layers.pair import Reference, as_array, like_first, prepare_pair
from ..layers.snapshot import LayerData, Snapshot, result_layer, share_layer
from .estimate import Speeds, count_pixels
from .registration import Registration, aligned, order_pair
from .torch_import import few_pauses, import_torch

if TYPE_CHECKING:
    from gifnet import Fuser
    from gifnet.progress import ProgressCallback
    from gifnet.registration.transform import Transform


def role_names(task: str | None) -> tuple[str, str]:
    """Return what a task calls its first and second source."""
    return (TASKS[task].first, TASKS[task].second) if task else ("First", "Second")


@dataclass(frozen=True)
class Call:
    """The function of `napari_gifnet.scripting` that does what a job does.

    Attributes
    ----------
    function : str
    names : tuple of str
        What a script calls the sources.
    positional : tuple of str
        Positional arguments as they are written, in terms of these names.
    keywords : dict
        All that differs from the defaults, but for the fields of `FuseOptions`.
    """

    function: str
    names: tuple[str, ...]
    positional: tuple[str, ...]
    keywords: dict[str, Any]


class Job(Protocol):
    """Work of a widget, with the layers as they were when it was asked for."""

    @property
    def description(self) -> str:
        """What is going on, for people."""

    @property
    def options(self) -> FuseOptions:
        """For the network."""

    def run(self, cache: FuserCache, progress: ProgressCallback) -> Any:
        """Do it, in any thread."""

    def call(self) -> Call:
        """Return how a script does the same."""


class FuserCache:
    """Keeps the last model loaded, so that a second run starts at once.

    It belongs to one `Runner`, whose runs never overlap.

    Parameters
    ----------
    speeds : Speeds, optional
        Where to note how fast runs are.
    """

    def __init__(self, speeds: Speeds | None = None) -> None:
        self.speeds = speeds or Speeds()
        self._fuser: Fuser | None = None

    def get(self, options: FuseOptions) -> Fuser:
        """Return a Fuser with these options, reusing the model if it is the same."""
        from gifnet import Fuser

        if self._fuser is None:
            self._fuser = Fuser(options)
            return self._fuser
        fuser = self._fuser.with_options(options)
        if not fuser.shares_network_with(self._fuser):
            self._fuser.release()
        self._fuser = fuser
        return fuser


def stop_if_asked(progress: ProgressCallback) -> None:
    """Raise `Cancelled` if a person has asked to stop."""
    if progress(0, 0) is False:
        raise Cancelled("Stopped before the network ran.")


def loaded(cache: FuserCache, options: FuseOptions, progress: ProgressCallback) -> Fuser:
    """Import torch and read the weights step by step, so that a person can stop in between."""
    stop_if_asked(progress)
    import_torch()
    fuser = cache.get(options)
    with few_pauses():
        fuser.load()
    stop_if_asked(progress)
    return fuser


@dataclass(frozen=True, eq=False)
class FusionJob:
    """A fusion of two layers as they were when it was asked for."""

    first: Snapshot
    second: Snapshot
    options: FuseOptions
    reference: Reference = "finer"
    want_share: bool = False
    registration: Registration = field(default_factory=Registration)

    @property
    def description(self) -> str:
        return f"Fusing {self.first.name} + {self.second.name}"

    def call(self) -> Call:
        keywords: dict[str, Any] = {"grid": self.reference}
        if self.want_share:
            keywords["return_mask"] = True
        if self.registration.is_wanted:
            keywords["register"] = self.registration.kind
            keywords["register_by"] = self.registration.measure
        names = ("first", "second")
        return Call("fuse_layers", names, names, keywords)

    def aligned(self, progress: ProgressCallback) -> tuple[FusionJob, Transform | None]:
        """Return the fusion of the registered layers, and the transform; itself if not wanted."""
        if not self.registration.is_wanted:
            return self, None
        pair, reference, transform = aligned(
            self.first, self.second, self.reference, self.registration, progress
        )
        job = dataclasses.replace(
            self, first=pair[0], second=pair[1], reference=reference, registration=Registration()
        )
        return job, transform

    def run(self, cache: FuserCache, progress: ProgressCallback) -> list[LayerData]:
        """Register, resample, fuse, and return the mask, if it is wanted, and the result."""
        laid, transform = self.aligned(progress)
        pair = prepare_pair(
            laid.first,
            laid.second,
            laid.reference,
            self.options.value_range,
            lambda: stop_if_asked(progress),
        )
        options = dataclasses.replace(
            self.options, value_range=pair.value_range, channel_axis=pair.channel_axis
        )
        fuser = loaded(cache, options, progress)
        began = time.perf_counter()
        done = fuser.run(pair.first, pair.second, want_share=self.want_share, progress=progress)
        seconds = time.perf_counter() - began
        cache.speeds.note(self.options, count_pixels(pair.reference), seconds)
        fused, mask = done.image, done.share
        fused = like_first(np.ma.filled(fused, 0) if np.ma.isMA(fused) else fused, pair)
        record = self._record(done.record, pair.reference)
        if transform is not None:
            record["registration"] = self._registered(transform)
        name = f"{self.first.name} + {self.second.name}"
        rgb = fused.ndim == pair.reference.ndim + 1
        layers = [result_layer(fused, f"Fused {name}", pair.reference, record, rgb=rgb)]
        if mask is not None:
            # Below the result, which napari selects as the last one added.
            share = f"Share of {self.first.name} in {name}"
            layers.insert(0, share_layer(mask, share, pair.reference, record))
        return layers

    def _registered(self, transform: Transform) -> dict[str, Any]:
        _, fixed, moving = order_pair(self.first, self.second, self.reference)
        return {"moving": moving.name, "reference": fixed.name, **transform.to_dict()}

    def _record(self, made: dict[str, Any], reference: Snapshot) -> dict[str, Any]:
        roles = role_names(self.options.task)
        sources = [
            {"name": source.name, "role": role, "dtype": str(source.data.dtype)}
            for source, role in zip((self.first, self.second), roles, strict=True)
        ]
        record = dict(made)
        record.update(operation="fuse", sources=sources, reference=reference.name)
        # The options above are what the network was given; this is what was asked for.
        record["request"] = {
            "options": self.options.to_dict(),
            "grid": self.reference,
            "mask": self.want_share,
            "registration": self.registration.request(),
        }
        return record


@dataclass(frozen=True, eq=False)
class EnhancementJob:
    """An enhancement of one layer as it was when it was asked for."""

    image: Snapshot
    options: FuseOptions

    @property
    def description(self) -> str:
        return f"Enhancing {self.image.name}"

    def call(self) -> Call:
        return Call("enhance_layer", ("image",), ("image",), {})

    def run(self, cache: FuserCache, progress: ProgressCallback) -> list[LayerData]:
        """Enhance the image and return the result."""
        axis = -1 if self.image.rgb else None
        options = dataclasses.replace(self.options, task=None, channel_axis=axis)
        fuser = loaded(cache, options, progress)
        data = as_array(self.image.data)
        began = time.perf_counter()
        done = fuser.run_enhancement(data, progress=progress)
        result = done.image
        cache.speeds.note(options, count_pixels(self.image), time.perf_counter() - began)
        record = dict(done.record)
        source = {"name": self.image.name, "dtype": str(self.image.data.dtype)}
        record.update(operation="enhance", sources=[source], reference=self.image.name)
        record["request"] = {"options": self.options.to_dict()}
        rgb = result.ndim == self.image.ndim + 1
        name = f"Enhanced {self.image.name}"
        return [result_layer(result, name, self.image, record, rgb=rgb)]


def device_in_words(device: str = "auto") -> str:
    """Return what a device name stands for on this machine; imports torch.

    Raises
    ------
    DeviceError
        If there is no such device.
    """
    import torch

    from gifnet.engine.device import resolve_device

    found = resolve_device(device)
    if found.type == "cuda":
        return f"{found} ({torch.cuda.get_device_name(found)})"
    if found.type == "cpu":
        count = torch.get_num_threads()
        return f"cpu ({count} thread{'s' if count > 1 else ''})"
    return str(found)


def devices() -> list[str]:
    """Return the device names that can be chosen on this machine; imports torch."""
    import_torch()
    import torch

    found = ["auto", "cpu"]
    found += [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    return [*found, "mps"] if torch.backends.mps.is_available() else found
