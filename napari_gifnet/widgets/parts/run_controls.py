"""Buttons that run, cancel and copy a job, with its progress; magicgui has no such row."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from napari.layers import Layer
from qtpy.QtCore import QObject, Qt, Signal
from qtpy.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from gifnet.errors import GifnetError
from gifnet.options import FuseOptions

from ...jobs.base import Job, shared_fusers
from ...jobs.estimate import (
    LARGE_PIXELS,
    calibrate,
    count_pixels,
    duration,
    in_words,
    memory_of,
    usual_seconds,
)
from ...layers.snapshot import LayerData, Snapshot
from .dock import show_note, wrapped_label
from .runner import DebouncedRunner, Runner, notify

if TYPE_CHECKING:
    from napari.viewer import Viewer

#: Show the remaining time after this many seconds.
_ETA_DELAY = 3.0
#: Measure the machine when options rest for this many milliseconds.
_CALIBRATION_DELAY = 500


JobT = TypeVar("JobT", bound=Job)


class RunControls(QWidget, Generic[JobT]):
    """Runs a widget's job in the background.

    Parameters
    ----------
    verb : str
        The run button's text.
    make_job : callable
        Returns the job to run, with the layers as they are; raises `GifnetError` if none can run.
    summary : callable
        Takes the job, and returns a description of the coming run.
    script : callable
        Takes the job, and returns a script that does the same.
    add_result : callable
        Takes what the job returned, and returns the message to show.
    """

    started = Signal()
    #: The job that could run now, or None.
    refreshed = Signal(object)
    cancelled = Signal()
    failed = Signal()

    def __init__(
        self,
        verb: str,
        *,
        make_job: Callable[[], JobT],
        summary: Callable[[JobT], str],
        script: Callable[[JobT], str],
        add_result: Callable[[Any], str],
    ):
        super().__init__()
        self._make_job, self._summary = make_job, summary
        self._script, self._add_result = script, add_result
        self.run_button = QPushButton(verb)
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.setToolTip("Stop the run; it ends after the current tile.")
        self.script_button = QPushButton("Copy as script")
        self.script_button.setToolTip(
            "Puts a Python script on the clipboard that opens these layers and does the same."
        )
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(6)
        policy = self.bar.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.bar.setSizePolicy(policy)
        self.info, self.status = wrapped_label(), wrapped_label()
        self.info.setStyleSheet("color: palette(mid);")
        self.status.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._began = 0.0
        #: The job that runs, or ran last.
        self.job: JobT | None = None
        self.runner = Runner()
        self.runner.progressed.connect(self._on_progress)
        self.runner.ended.connect(self._on_ended)
        self.runner.succeeded.connect(lambda result: self.show_message(self._add_result(result)))
        self.runner.failed.connect(self._on_failed)
        self.runner.cancelled.connect(self._on_cancelled)
        self.run_button.clicked.connect(self.run)
        self.cancel_button.clicked.connect(self.cancel)
        self.script_button.clicked.connect(self.copy_script)
        # Bound to an object that outlives this widget, which is half gone by then.
        self.destroyed.connect(self.runner.cancel)
        self._lay_out()
        self._show_running(False)

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.addWidget(self.run_button, 2)
        buttons.addWidget(self.cancel_button, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.info)
        layout.addLayout(buttons)
        for part in (self.script_button, self.bar, self.status):
            layout.addWidget(part)

    @property
    def is_running(self) -> bool:
        return self.runner.is_running

    def run(self) -> None:
        """Start a run in the background, unless something blocks it."""
        job, _ = self._try_job()
        if self.is_running or job is None:
            self.refresh()
            return
        self.start(job)

    def start(self, job: JobT) -> None:
        """Run this job in the background."""
        self.job = job
        self.started.emit()
        self._began = time.monotonic()
        self._show_running(True)
        self.show_message(f"{job.description} …")
        self.runner.start(lambda progress: job.run(shared_fusers(), progress), job.description)

    def cancel(self) -> None:
        """Ask a run to stop."""
        if self.is_running:
            self.runner.cancel()
            self.cancel_button.setEnabled(False)
            self.show_message("Stopping …")

    def copy_script(self) -> None:
        """Put a script that does what the run button does on the clipboard."""
        job, reason = self._try_job()
        if job is None:
            self.show_message(reason)
        elif (clipboard := QApplication.clipboard()) is not None:
            clipboard.setText(self._script(job))
            self.show_message("The script is on the clipboard.")

    def blocking_reason(self) -> str | None:
        """Return why no run can begin, or None if one can."""
        return self._try_job()[1] or None

    def _try_job(self) -> tuple[JobT | None, str]:
        try:
            return self._make_job(), ""
        except GifnetError as error:
            return None, str(error)

    def refresh(self, *_: object) -> None:
        """Enable the run button, or show what blocks it."""
        if self.is_running:
            return
        job, reason = self._try_job()
        for button in (self.run_button, self.script_button):
            button.setEnabled(job is not None)
        self.run_button.setToolTip(reason)
        self.show_message(reason)
        self.refreshed.emit(job)
        self._show_summary(job)

    def show_summary(self) -> None:
        """Show the summary of the coming run, if there can be one."""
        self._show_summary(None if self.is_running else self._try_job()[0])

    def _show_summary(self, job: JobT | None) -> None:
        show_note(self.info, "" if job is None else self._summary(job))

    def show_message(self, text: str) -> None:
        """Show a message below the buttons."""
        self.status.setText(text)

    def _on_progress(self, done: int, total: int) -> None:
        self.bar.setRange(0, total)
        self.bar.setValue(done)
        passed = time.monotonic() - self._began
        early = passed < _ETA_DELAY or not self.cancel_button.isEnabled()
        if not early and 0 < done < total and self.job is not None:
            left = passed * (total - done) / done
            self.show_message(f"{self.job.description} … {duration(left)} left")

    def _on_ended(self) -> None:
        self._show_running(False)
        self.refresh()

    def _on_failed(self, error: Exception) -> None:
        self.failed.emit()
        self.show_message(f"Failed: {error}")
        notify(error)

    def _on_cancelled(self) -> None:
        self.show_message("Cancelled; no layer was added.")
        self.cancelled.emit()

    def _show_running(self, running: bool) -> None:
        for button in (self.run_button, self.script_button):
            button.setEnabled(not running)
        self.cancel_button.setEnabled(running)
        # A range of 0 shows a busy bar until the first tile is done.
        self.bar.setRange(0, 0 if running else 1)
        self.bar.setValue(0)
        self.bar.setVisible(running)


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
        self._runner = DebouncedRunner(_CALIBRATION_DELAY, self)
        self._runner.succeeded.connect(self.changed)
        # The run itself reports what is wrong.
        self._runner.failed.connect(self.changed)

    @property
    def is_busy(self) -> bool:
        """Whether the machine is being measured or about to be."""
        return self._runner.is_busy

    def text(self, reference: Snapshot, sources: tuple[Snapshot, ...], options: FuseOptions) -> str:
        """Return the estimate of a run. The machine is measured before a large one."""
        pixels = count_pixels(reference) * len(sources)
        seconds = shared_fusers().speeds.seconds(options, pixels)
        if pixels < LARGE_PIXELS:
            self.stop()
            return in_words(usual_seconds(options, pixels) if seconds is None else seconds, 0)
        words = in_words(seconds, memory_of(reference, sources))
        if seconds is not None:
            self.stop()
            return words
        self._runner.request(options, lambda: partial(calibrate, shared_fusers(), options))
        return f"{words} Measuring the speed of this machine …" if self.is_busy else words

    def stop(self, *_: object) -> None:
        """Stop measuring, for instance since a run begins."""
        self._runner.stop()


def add_layers(viewer: Viewer, result: Iterable[LayerData]) -> str:
    """Add the layers that a job has returned, and return a message."""
    layers = [viewer.add_layer(Layer.create(*data)) for data in result]
    if len(layers) == 1:
        return f"Added {layers[0].name!r}."
    return f"Added {len(layers)} layers, {layers[-1].name!r} on top."
