"""What the widgets run in the background: jobs, and the network that they share."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from gifnet.errors import Cancelled
from gifnet.models.registry import model_spec
from gifnet.options import FuseOptions

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
        self._key: tuple[object, ...] | None = None
        self._fuser: Fuser | None = None

    def get(self, options: FuseOptions) -> Fuser:
        """Return a Fuser with these options, reusing the model if it is the same."""
        from gifnet import Fuser

        bundled = model_spec(options.model).bundled_name(options.task)
        key = (options.model, bundled, options.weights, _stamp(options.weights), options.device)
        if self._fuser is None or key != self._key:
            if self._fuser is not None:
                self._fuser.release()
            self._fuser, self._key = Fuser(options), key
        self._fuser.options = options
        return self._fuser


def _stamp(weights: str | None) -> tuple[int, int] | None:
    """Tell one state of a weights file from another."""
    try:
        found = os.stat(Path(weights).expanduser()) if weights else None
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size) if found else None


def stop_if_asked(progress: ProgressCallback) -> None:
    """Raise `Cancelled` if a person has asked to stop."""
    if progress(0, 0) is False:
        raise Cancelled("Stopped before the network ran.")


def load_fuser(cache: FuserCache, options: FuseOptions, progress: ProgressCallback) -> Fuser:
    """Import torch and read the weights step by step, so that a person can stop in between."""
    stop_if_asked(progress)
    import_torch()
    fuser = cache.get(options)
    for part in ("device", "weights"):
        with few_pauses():
            getattr(fuser, part)
        stop_if_asked(progress)
    return fuser
