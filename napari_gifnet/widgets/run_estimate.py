"""Estimates large runs, and measures the machine once if nothing was measured yet."""

from __future__ import annotations

from functools import partial

from qtpy.QtCore import QObject, Signal

from gifnet.options import FuseOptions

from ..jobs.base import shared_fusers
from ..jobs.estimate import LARGE_PIXELS, calibrate, count_pixels, in_words, memory_of
from ..layers.snapshot import Snapshot
from .runner import DebouncedRunner

_WAIT_MS = 500


class RunEstimate(QObject):
    """Estimates runs, and calibrates in the background where nothing was measured yet.

    Parameters
    ----------
    parent : QObject
        Whose lifetime it shares.
    """

    changed = Signal()

    def __init__(self, parent: QObject):
        super().__init__(parent)
        self._runner = DebouncedRunner(_WAIT_MS, self)
        self._runner.succeeded.connect(self.changed)
        # The run itself reports what is wrong.
        self._runner.failed.connect(self.changed)

    @property
    def is_busy(self) -> bool:
        """Whether the machine is being measured or about to be."""
        return self._runner.is_busy

    def text(self, reference: Snapshot, sources: tuple[Snapshot, ...], options: FuseOptions) -> str:
        """Return the estimate of a large run, nothing for a small one."""
        pixels = count_pixels(reference)
        if pixels < LARGE_PIXELS:
            self.stop()
            return ""
        seconds = shared_fusers().speeds.seconds(options, pixels)
        words = in_words(seconds, memory_of(reference, sources))
        if seconds is not None:
            self.stop()
            return words
        self._runner.request(options, lambda: partial(calibrate, shared_fusers(), options))
        return f"{words} Measuring the speed of this machine …" if self.is_busy else words

    def stop(self, *_: object) -> None:
        """Stop measuring, for instance since a run begins."""
        self._runner.stop()
