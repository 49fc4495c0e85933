"""Tells how long a large run will take, measuring the machine once if nothing is known."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal

from gifnet.options import FuseOptions

from ..jobs.base import FuserCache
from ..jobs.estimate import LARGE_PIXELS, Speeds, calibrate, count_pixels, in_words, memory_of
from ..layers.snapshot import Snapshot
from .runner import Outcome, Runner

_WAIT_MS = 500


class Forecast(QObject):
    """Estimates runs, and calibrates in the background where nothing was measured yet.

    Parameters
    ----------
    speeds : Speeds
        What is known of the machine; shared with those who measure.
    """

    changed = Signal()

    def __init__(self, speeds: Speeds):
        super().__init__()
        self._speeds = speeds
        self._cache, self._runner = FuserCache(), Runner()
        self._runner.ended.connect(self._on_ended)
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._calibrate)
        self._options: FuseOptions | None = None
        #: what is being measured, unless it was told to stop
        self._measured: FuseOptions | None = None
        self._failed: set[FuseOptions] = set()

    @property
    def is_running(self) -> bool:
        """Whether the machine is being measured."""
        return self._runner.is_running

    def text(self, reference: Snapshot, sources: tuple[Snapshot, ...], options: FuseOptions) -> str:
        """Return the estimate of a large run, nothing for a small one."""
        pixels = count_pixels(reference)
        if pixels < LARGE_PIXELS or options != self._options:
            self.stop()
        if pixels < LARGE_PIXELS:
            return ""
        seconds = self._speeds.seconds(options, pixels)
        words = in_words(seconds, memory_of(reference, sources))
        if seconds is None and options not in self._failed:
            self._options = options
            if options != self._measured:
                self._timer.start(_WAIT_MS)
            words += " Measuring the speed of this machine …"
        return words

    def stop(self, *_: Any) -> None:
        """Measure nothing any more, for instance since a run begins."""
        self._timer.stop()
        self._runner.cancel()
        self._measured = None

    def _calibrate(self) -> None:
        options = self._options
        if options is None:
            return
        if self._runner.is_running:  # one for other options is on its way out
            self._timer.start(_WAIT_MS)
            return
        cache, speeds = self._cache, self._speeds
        self._measured = options
        self._runner.start(lambda progress: calibrate(cache.get(options), speeds, progress))

    def _on_ended(self, outcome: Outcome) -> None:
        measured, self._measured = self._measured, None
        if outcome.cancelled:
            return
        if outcome.error is not None and measured is not None:
            self._failed.add(measured)  # the run itself will tell what is wrong
        self.changed.emit()
