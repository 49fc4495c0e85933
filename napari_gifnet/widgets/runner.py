"""Runs one piece of work at a time in a thread, for a widget that stays alive meanwhile.

A plain thread is used rather than napari's `thread_worker`, whose workers replace the
process's warning filters while they run and so cannot overlap safely.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QCoreApplication, QObject, Signal

from gifnet.errors import Cancelled, GifnetError

if TYPE_CHECKING:
    from gifnet.progress import ProgressCallback

Work = Callable[["ProgressCallback"], Any]

_REPORTS_PER_SECOND = 20

#: Runners whose thread runs: a QObject must not be deleted by another thread than its own.
_running: set[Runner] = set()


@dataclass(frozen=True)
class Outcome:
    """How a piece of work ended."""

    result: Any = None
    error: Exception | None = None
    cancelled: bool = False


class Runner(QObject):
    """Runs work in a thread, with napari's progress bar, and can stop it.

    Signals arrive in the GUI thread. `ended` carries an `Outcome`, `noted` whatever the work has
    to tell meanwhile.
    """

    progressed = Signal(int, int)
    noted = Signal(object)
    ended = Signal(object)
    _reported = Signal(int, int)
    _left = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._stop = threading.Event()
        self._bar: Any = None
        self._reported.connect(self._on_reported)
        self._left.connect(self._on_left)
        if (app := QCoreApplication.instance()) is not None:
            app.aboutToQuit.connect(self.cancel)

    @property
    def is_running(self) -> bool:
        return self in _running

    def start(self, work: Work, description: str = "") -> None:
        """Run ``work(progress)`` in a thread; `progress` takes (done, total).

        With a description, napari's activity dock shows a progress bar.
        """
        if self.is_running:
            raise RuntimeError("A runner runs one piece of work at a time.")
        self._stop = threading.Event()
        if description:
            from napari.utils import progress

            self._bar = progress(total=0, desc=description)
        _running.add(self)
        thread = threading.Thread(
            target=self._run, args=(work, self._stop), name="napari-gifnet", daemon=False
        )
        thread.start()

    def cancel(self, *_: object) -> None:
        """Ask the work to stop at its next report of progress."""
        self._stop.set()

    def _run(self, work: Work, stop: threading.Event) -> None:
        last = 0.0

        def report(done: int, total: int) -> bool:
            nonlocal last
            now = time.monotonic()
            if total and (done >= total or now - last > 1 / _REPORTS_PER_SECOND):
                last = now
                self._reported.emit(done, total)
            return not stop.is_set()

        try:
            outcome = Outcome(result=work(report))
        except Cancelled:
            outcome = Outcome(cancelled=True)
        except Exception as error:
            outcome = Outcome(error=error)
        if stop.is_set():
            outcome = Outcome(cancelled=True)
        self._left.emit(outcome)

    def _on_reported(self, done: int, total: int) -> None:
        if self._bar is not None:
            if self._bar.total != total:
                self._bar.total = total
            self._bar.update(done - self._bar.n)
        self.progressed.emit(done, total)

    def _on_left(self, outcome: Outcome) -> None:
        _running.discard(self)
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        self.ended.emit(outcome)


def notify(error: Exception) -> None:
    """Show an error as a napari notification, with a traceback if it is not one of ours."""
    from napari.utils.notifications import notification_manager, show_error

    if isinstance(error, GifnetError):
        show_error(str(error))
    else:
        notification_manager.receive_error(type(error), error, error.__traceback__)
