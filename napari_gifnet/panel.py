"""What the Fuse and the Enhance widget have in common: preview, run, cancel, progress, results."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QApplication,
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from gifnet.errors import GifnetError

from .advanced import AdvancedOptions
from .choices import LayerWatch
from .estimate import Speeds, duration
from .forecast import Forecast
from .jobs import EnhancementJob, FuserCache, FusionJob
from .live import LivePreview
from .script import as_script
from .worker import Outcome, Runner, notify

if TYPE_CHECKING:
    from napari.viewer import Viewer

#: After so many seconds a run tells how long it still takes.
_PATIENCE = 3.0


class Panel(QWidget):
    """A dock widget that turns layers of a viewer into new ones.

    Subclasses fill `form`, and say what keeps them from running (`problem`), what to do
    (`make_job`), what to preview (`preview_job`), which layers they work on (`sources`), what
    there is to know before a run (`facts`), and which layers there are to choose from
    (`show_layers`).

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
        self.preview_box = QCheckBox("Live preview")
        self.preview_box.setToolTip(
            "Shows what is in view as it will look, at the screen's resolution, and follows the "
            "view. The network sees the visible part alone, so the result differs slightly."
        )
        self.preview_note = QLabel(wordWrap=True, visible=False)
        self.info = QLabel(wordWrap=True)
        self.info.setStyleSheet("color: palette(mid);")
        self.script_button = QPushButton("Copy as script")
        self.script_button.setToolTip(
            "Puts a Python script on the clipboard that opens these layers and does the same."
        )
        self.status = QLabel(wordWrap=True)
        self.status.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.form = QVBoxLayout()
        speeds = Speeds()
        self._cache = FuserCache(speeds)
        self.forecast = Forecast(speeds)
        self.preview = LivePreview(viewer, self.preview_job, speeds)
        self._began, self._description = 0.0, ""
        self._runner = Runner()
        self._runner.progressed.connect(self._on_progress)
        self._runner.ended.connect(self._on_ended)
        self._lay_out()
        self.run_button.clicked.connect(self.run)
        self.cancel_button.clicked.connect(self.cancel)
        self.script_button.clicked.connect(self.copy_script)
        self.preview_box.toggled.connect(self._on_preview_toggled)
        self.preview.said.connect(self._on_preview_said)
        self.preview.closed.connect(lambda: self.preview_box.setChecked(False))
        self.forecast.changed.connect(self._show_facts)
        self.advanced.changed.connect(self.refresh)
        self.watch = LayerWatch(viewer.layers, self._on_layers)
        # Bound to objects that outlive this widget, which is half gone by then.
        self.destroyed.connect(self.watch.close)
        self.destroyed.connect(self._runner.cancel)
        self.destroyed.connect(self.preview.stop)
        self.destroyed.connect(self.forecast.stop)

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.addWidget(self.run_button, 2)
        buttons.addWidget(self.cancel_button, 1)
        layout = QVBoxLayout(self)
        layout.addLayout(self.form)
        layout.addWidget(self.info)
        layout.addWidget(self.preview_box)
        layout.addWidget(self.preview_note)
        layout.addWidget(self.advanced)
        layout.addLayout(buttons)
        layout.addWidget(self.script_button)
        layout.addWidget(self.bar)
        layout.addWidget(self.status)
        layout.addStretch(1)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        self.setMinimumWidth(260)
        self._show_running(False)

    def problem(self) -> str | None:
        """Return why the widget cannot run now, or None if it can."""
        return self.advanced.problem()

    def make_job(self) -> FusionJob | EnhancementJob:
        """Return the work to do, with the layers as they are now."""
        raise NotImplementedError

    def preview_job(self) -> FusionJob:
        """Return the fusion to preview, with the layers as they are now."""
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
        cache = self._cache
        self.forecast.stop()
        self.preview_box.setChecked(False)
        self._began = time.monotonic()
        self._show_running(True)
        self._description = job.description
        self._show(f"{job.description} …")
        self._runner.start(lambda progress: job.run(cache, progress), job.description)

    def cancel(self) -> None:
        """Ask a run to stop."""
        if self.is_running:
            self._runner.cancel()
            self.cancel_button.setEnabled(False)
            self._show("Stopping …")

    def copy_script(self) -> None:
        """Put a script that does what the run button does on the clipboard."""
        try:
            script = as_script(self.make_job(), self.sources(), self.viewer.layers)
        except GifnetError as error:
            self._show(str(error))
            return
        QApplication.clipboard().setText(script)
        self._show("The script is on the clipboard.")

    def refresh(self) -> None:
        """Enable the run button, or tell why it is not; renew the preview."""
        if self.is_running:
            return
        problem = self.problem()
        for button in (self.run_button, self.script_button, self.preview_box):
            button.setEnabled(problem is None)
        self.run_button.setToolTip(problem or "")
        self._show(problem or "")
        self._show_facts()
        self.preview.refresh()

    def _show_facts(self) -> None:
        ready = not self.is_running and self.problem() is None
        self.info.setText(self.facts() if ready else "")
        self.info.setVisible(bool(self.info.text()))

    def _on_preview_toggled(self, on: bool) -> None:
        self._on_preview_said("")
        if on:
            self.preview.start()
        else:
            self.preview.stop()

    def _on_preview_said(self, text: str) -> None:
        self.preview_note.setText(text)
        self.preview_note.setVisible(bool(text))

    def _on_layers(self) -> None:
        self.show_layers(self.watch.images())
        self.refresh()

    def _on_progress(self, done: int, total: int) -> None:
        self.bar.setRange(0, total)
        self.bar.setValue(done)
        passed = time.monotonic() - self._began
        if passed > _PATIENCE and 0 < done < total and self.cancel_button.isEnabled():
            left = passed * (total - done) / done
            self._show(f"{self._description} … {duration(left)} left")

    def _on_ended(self, outcome: Outcome) -> None:
        self._show_running(False)
        self.refresh()
        if outcome.error is not None:
            self._show(f"Failed: {outcome.error}")
            notify(outcome.error)
        elif outcome.cancelled:
            self._show("Cancelled; no layer was added.")
        else:
            from napari.layers import Layer

            layers = [self.viewer.add_layer(Layer.create(*data)) for data in outcome.result]
            self._show(f"Added {layers[-1].name!r}.")

    def _show_running(self, running: bool) -> None:
        for widget in (self.run_button, self.script_button, self.preview_box):
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
