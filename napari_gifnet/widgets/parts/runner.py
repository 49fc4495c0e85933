"""Work in a background thread, for widgets that stay responsive meanwhile.

A plain thread is used instead of napari's `thread_worker`, whose workers replace the process's
warning filters while they run and so cannot overlap safely.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from napari.utils import progress as ProgressBar
from napari.utils.notifications import notification_manager, show_error
from qtpy.QtCore import QCoreApplication, QObject, QTimer, Signal

from gifnet.errors import Cancelled, GifnetError

if TYPE_CHECKING:
    from gifnet.progress import ProgressCallback

Work = Callable[["ProgressCallback"], object]

_REPORTS_PER_SECOND = 20

#: Runners whose thread runs: a QObject must not be deleted by another thread than its own.
_running: set[Runner] = set()


class Runner(QObject):
    """Runs one piece of work at a time in a thread, with napari's progress bar.

    Signals arrive in the GUI thread. Every run ends with `ended` and then one of `succeeded`,
    `failed` and `cancelled`. The work may emit `noted`.
    """

    progressed = Signal(int, int)
    noted = Signal(object)
    ended = Signal()
    succeeded = Signal(object)
    failed = Signal(object)
    cancelled = Signal()
    _reported = Signal(int, int)
    _left = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._stop = threading.Event()
        self._bar: ProgressBar | None = None
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
            self._bar = ProgressBar(total=0, desc=description)
        _running.add(self)
        thread = threading.Thread(
            target=self._run, args=(work, self._stop), name="napari-gifnet", daemon=False
        )
        thread.start()

    def cancel(self, *_: object) -> None:
        """Ask the work to stop at its next report of progress; its result is dropped."""
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
            end = partial(self.succeeded.emit, work(report))
        except Cancelled:
            end = partial(self.cancelled.emit)
        except Exception as error:
            end = partial(self.failed.emit, error)
        self._left.emit(end)

    def _on_reported(self, done: int, total: int) -> None:
        if self._bar is not None:
            if self._bar.total != total:
                self._bar.total = total
            self._bar.update(done - self._bar.n)
        self.progressed.emit(done, total)

    def _on_left(self, end: Callable[[], None]) -> None:
        _running.discard(self)
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        was_stopped = self._stop.is_set()
        self.ended.emit()
        if was_stopped:
            self.cancelled.emit()
        else:
            end()


class DebouncedRunner(QObject):
    """Runs the latest request after a delay in which no other one came.

    A request with another key replaces the last one; results of replaced requests are dropped.

    Parameters
    ----------
    delay_ms : int
        The delay in milliseconds.
    parent : QObject
        Whose lifetime it shares.
    """

    succeeded = Signal(object)
    failed = Signal(object)

    def __init__(self, delay_ms: int, parent: QObject):
        super().__init__(parent)
        self._delay = delay_ms
        self._key: object = None
        self._prepare: Callable[[], Work] | None = None
        self._runner = Runner()
        self._runner.ended.connect(self._on_ended)
        self._runner.succeeded.connect(self.succeeded)
        self._runner.failed.connect(self.failed)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._begin)
        # Bound to an object that outlives this one, which is half gone by then.
        self.destroyed.connect(self._runner.cancel)

    @property
    def is_running(self) -> bool:
        return self._runner.is_running

    @property
    def is_busy(self) -> bool:
        """Whether work is running or about to begin."""
        return self._timer.isActive() or self.is_running

    def request(
        self, key: object, prepare: Callable[[], Work], delay_ms: int | None = None
    ) -> None:
        """Run the work that `prepare` returns, unless the last request has the same key.

        `prepare` is called in the GUI thread, after the delay; a `GifnetError` from it is emitted
        by `failed`.
        """
        if key == self._key:
            return
        self.stop()
        self._key, self._prepare = key, prepare
        self._timer.start(self._delay if delay_ms is None else delay_ms)

    def stop(self, *_: object) -> None:
        """Drop the last request."""
        self._timer.stop()
        self._runner.cancel()
        self._key = self._prepare = None

    def _begin(self) -> None:
        if self.is_running or self._prepare is None:
            return  # the end of the replaced run begins this one
        prepare, self._prepare = self._prepare, None
        try:
            work = prepare()
        except GifnetError as error:
            self.failed.emit(error)
        else:
            self._runner.start(work)

    def _on_ended(self) -> None:
        if not self._timer.isActive():
            self._begin()


def notify(error: Exception) -> None:
    """Show an error as a napari notification, with a traceback if it is not one of ours."""
    if isinstance(error, GifnetError):
        show_error(str(error))
    else:
        notification_manager.receive_error(type(error), error, error.__traceback__)
