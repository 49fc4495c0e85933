"""What all widgets that compute have in common: run, cancel, progress, results."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from gifnet.errors import GifnetError

from ..jobs.base import FuserCache, Job
from ..jobs.estimate import Speeds, duration
from ..jobs.script import as_script
from ..layers.selection import LayerWatch
from .options import AdvancedOptions
from .runner import Outcome, Runner, notify
from .scroll_area import scrolling_layout

if TYPE_CHECKING:
    from napari.viewer import Viewer

#: After so many seconds a run tells how long it still takes.
_PATIENCE = 3.0


class Panel(QWidget):
    """A dock widget that computes something in the background.

    Subclasses fill `form`, `aids` and `results`, and say what keeps them from running (`problem`),
    what to do (`make_job`), which layers they work on (`sources`), what there is to know before a
    run (`facts`), which layers there are to choose from (`show_layers`), and, if it is not layers,
    what becomes of a result (`deliver`).

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose layers are offered, and who gets the results.
    verb : str
        The run button's text.
    """

    def __init__(self, viewer: Viewer, verb: str):
        super().__init__()
        self.viewer = viewer
        self.advanced = AdvancedOptions()
        self.run_button = QPushButton(verb)
        self.cancel_button = QPushButton("Cancel", enabled=False)
        self.cancel_button.setToolTip("Stop the run; it ends after the tile it is at.")
        self.bar = QProgressBar(textVisible=False)
        self.bar.setFixedHeight(6)
        self.info = QLabel(wordWrap=True)
        self.info.setStyleSheet("color: palette(mid);")
        self.script_button = QPushButton("Copy as script")
        self.script_button.setToolTip(
            "Puts a Python script on the clipboard that opens these layers and does the same."
        )
        self.status = QLabel(wordWrap=True)
        self.status.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.form, self.aids, self.results = QVBoxLayout(), QVBoxLayout(), QVBoxLayout()
        self._speeds = Speeds()
        self._cache = FuserCache(self._speeds)
        self._began = 0.0
        #: What runs, or ran last.
        self.job: Job | None = None
        self._runner = Runner()
        self._runner.progressed.connect(self._on_progress)
        self._runner.ended.connect(self._on_ended)
        self._lay_out()
        self.run_button.clicked.connect(self.run)
        self.cancel_button.clicked.connect(self.cancel)
        self.script_button.clicked.connect(self.copy_script)
        self.advanced.changed.connect(self.refresh)
        self.watch = LayerWatch(viewer.layers, self._on_layers)
        # Bound to objects that outlive this widget, which is half gone by then.
        self.destroyed.connect(self.watch.close)
        self.destroyed.connect(self._runner.cancel)

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.addWidget(self.run_button, 2)
        buttons.addWidget(self.cancel_button, 1)
        layout = scrolling_layout(self)
        layout.addLayout(self.form)
        layout.addWidget(self.info)
        layout.addLayout(self.aids)
        layout.addWidget(self.advanced)
        layout.addLayout(buttons)
        layout.addWidget(self.script_button)
        layout.addWidget(self.bar)
        layout.addLayout(self.results)
        layout.addWidget(self.status)
        layout.addStretch(1)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        self._show_running(False)

    def problem(self) -> str | None:
        """Return why the widget cannot run now, or None if it can."""
        return self.advanced.problem()

    def make_job(self) -> Job:
        """Return the work to do, with the layers as they are now."""
        raise NotImplementedError

    def sources(self) -> tuple[Any, ...]:
        """Return the layers to work on."""
        raise NotImplementedError

    def facts(self) -> str:
        """Return what there is to know before a run; called only if nothing is in its way."""
        raise NotImplementedError

    def show_layers(self, layers: list[Any]) -> None:
        """Offer these image layers."""
        raise NotImplementedError

    def before_run(self) -> None:
        """Stop whatever else computes in the background."""

    def deliver(self, result: Any) -> str:
        """Add the layers that a job has returned, and return what to say."""
        from napari.layers import Layer

        layers = [self.viewer.add_layer(Layer.create(*data)) for data in result]
        return f"Added {layers[-1].name!r}."

    def on_failed(self) -> None:
        """Tidy up after a run that has failed."""

    def on_cancelled(self) -> str:
        """Return what to say when a run was cancelled."""
        return "Cancelled; no layer was added."

    @property
    def is_running(self) -> bool:
        """Whether a run is going on."""
        return self._runner.is_running

    def run(self) -> None:
        """Start a run in the background, if nothing keeps the widget from it."""
        if self.is_running or self.problem() is not None:
            self.refresh()
            return
        try:
            job = self.make_job()
        except GifnetError as error:
            self._show(str(error))
            notify(error)
            return
        cache, self.job = self._cache, job
        self.before_run()
        self._began = time.monotonic()
        self._show_running(True)
        self._show(f"{job.description} …")
        self._runner.start(lambda progress: job.run(cache, progress), job.description)

    def cancel(self) -> None:
        """Ask a run to stop."""
        if self.is_running:
            self._runner.cancel()
            self.cancel_button.setEnabled(False)
            self._show("Stopping …")

    def script(self) -> str:
        """Return a script that does what the run button does."""
        return as_script(self.make_job(), self.sources(), self.viewer.layers)

    def copy_script(self) -> None:
        """Put a script that does what the run button does on the clipboard."""
        try:
            script = self.script()
        except GifnetError as error:
            self._show(str(error))
            return
        QApplication.clipboard().setText(script)
        self._show("The script is on the clipboard.")

    def refresh(self, *_: object) -> None:
        """Enable the run button, or tell why it is not."""
        if self.is_running:
            return
        problem = self.problem()
        for button in self.needs_rest():
            button.setEnabled(problem is None)
        self.run_button.setToolTip(problem or "")
        self._show(problem or "")
        self._show_facts()

    def needs_rest(self) -> tuple[QWidget, ...]:
        """Return what is enabled only if a run could begin."""
        return self.run_button, self.script_button

    def _show_facts(self) -> None:
        ready = not self.is_running and self.problem() is None
        self.info.setText(self.facts() if ready else "")
        self.info.setVisible(bool(self.info.text()))

    def _on_layers(self, *_: object) -> None:
        self.show_layers(self.watch.images())
        self.refresh()

    def _on_progress(self, done: int, total: int) -> None:
        self.bar.setRange(0, total)
        self.bar.setValue(done)
        passed = time.monotonic() - self._began
        patient = passed < _PATIENCE or not self.cancel_button.isEnabled()
        if not patient and 0 < done < total and self.job is not None:
            left = passed * (total - done) / done
            self._show(f"{self.job.description} … {duration(left)} left")

    def _on_ended(self, outcome: Outcome) -> None:
        self._show_running(False)
        self.refresh()
        if outcome.error is not None:
            self.on_failed()
            self._show(f"Failed: {outcome.error}")
            notify(outcome.error)
        elif outcome.cancelled:
            self._show(self.on_cancelled())
        else:
            self._show(self.deliver(outcome.result))

    def _show_running(self, running: bool) -> None:
        for widget in self.needs_rest():
            widget.setEnabled(not running)
        self.cancel_button.setEnabled(running)
        # A range of 0 shows a busy bar until the first tile is done.
        self.bar.setRange(0, 0 if running else 1)
        self.bar.setValue(0)
        policy = self.bar.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.bar.setSizePolicy(policy)
        self.bar.setVisible(running)

    def _show(self, text: str) -> None:
        self.status.setText(text)
