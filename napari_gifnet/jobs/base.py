"""What the widgets run in the background: jobs, and the networks that they share."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol, cast

import gifnet
from gifnet.errors import Cancelled
from gifnet.options import FuseOptions, ValueRange

from ..layers.display import Scale, ScaleCache, ranges_of
from ..layers.snapshot import Snapshot, Values
from .estimate import Speeds
from .torch_import import few_pauses, import_torch

if TYPE_CHECKING:
    from gifnet import Fuser
    from gifnet.progress import ProgressCallback


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
        What differs from the defaults, except the fields of `FuseOptions`.
    """

    function: str
    names: tuple[str, ...]
    positional: tuple[str, ...]
    keywords: Values


class Job(Protocol):
    """Work of a widget, with the layers as they were when it was asked for."""

    @property
    def description(self) -> str:
        """What the job does, for people."""

    @property
    def options(self) -> FuseOptions:
        """For the network."""

    def run(self, fusers: FuserCache, progress: ProgressCallback) -> Any:
        """Do the work, in any thread."""


class LayerJob(Job, Protocol):
    """A job whose results are layers."""

    def settled(self, scales: ScaleCache) -> LayerJob:
        """Return the job with its value ranges as numbers, as records and scripts keep them."""

    def call(self) -> Call:
        """Return how a script does the same."""


class FuserCache:
    """Keeps the network that was used last loaded, how fast networks ran, and value ranges."""

    def __init__(self) -> None:
        self.speeds = Speeds()
        self.scales = ScaleCache()
        self._last: Fuser | None = None
        self._lock = Lock()

    def get(self, options: FuseOptions) -> Fuser:
        """Return a loaded Fuser of these options; it shares the last network if it is the same."""
        with self._lock, few_pauses():
            fuser = self._last.with_options(options) if self._last else gifnet.Fuser(options)
            fuser.load()
            self._last = fuser
        return fuser


def with_ranges(
    options: FuseOptions,
    images: Sequence[Snapshot],
    scale: Scale | None,
    scales: ScaleCache,
    shared: bool = False,
) -> FuseOptions:
    """Return options with the value range of each image as numbers, unless `scale` is None."""
    if scale is None:
        return options
    ranges = ranges_of(images, scale, scales, shared)
    # A range that all images have is one.
    found = cast(ValueRange, ranges[0] if shared or len(images) == 1 else ranges)
    return dataclasses.replace(options, value_range=found)


@cache
def shared_fusers() -> FuserCache:
    """Return the cache of all widgets."""
    return FuserCache()


def make_record(
    made: Values,
    operation: str,
    sources: Iterable[tuple[Snapshot, str]],
    place: Snapshot,
    options: FuseOptions,
    **request: object,
) -> Values:
    """Return the record of a result, in `place`: how it was made, of what, and the request.

    `made` is the core's record, with the options that the network was given. Sources come with
    their roles, empty for a single source.
    """
    listed = [
        {"name": one.name, **({"role": role} if role else {}), "dtype": str(one.data.dtype)}
        for one, role in sources
    ]
    return {
        **made,
        "operation": operation,
        "sources": listed,
        "reference": place.name,
        "request": {"options": options.to_dict(), **request},
    }


def stop_if_asked(progress: ProgressCallback, done: int = 0, total: int = 0) -> None:
    """Report progress, and raise `Cancelled` if a person has asked to stop."""
    if progress(done, total) is False:
        raise Cancelled("Stopped.")


def load_fuser(fusers: FuserCache, options: FuseOptions, progress: ProgressCallback) -> Fuser:
    """Import torch and read the weights; a person can stop in between."""
    stop_if_asked(progress)
    import_torch()
    stop_if_asked(progress)
    fuser = fusers.get(options)
    stop_if_asked(progress)
    return fuser
