"""What Fuse and Enhance have besides: a live preview, and an estimate of large runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QCheckBox, QLabel, QWidget

from ..jobs.fuse import FusionJob
from .live_preview import LivePreview
from .panel import Panel
from .run_estimate import Forecast

if TYPE_CHECKING:
    from napari.viewer import Viewer


class PreviewPanel(Panel):
    """A panel that shows what it will do.

    Subclasses say what to preview as well (`preview_job`).

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose layers are offered, and who gets the results.
    verb : str
        The run button's text.
    """

    def __init__(self, viewer: Viewer, verb: str):
        self.preview_box = QCheckBox("Live preview")
        self.preview_box.setToolTip(
            "Shows what is in view as it will look, at the screen's resolution, and follows the "
            "view. The network sees the visible part alone, so the result differs slightly."
        )
        self.preview_note = QLabel(wordWrap=True, visible=False)
        super().__init__(viewer, verb)
        self.forecast = Forecast(self._speeds)
        self.preview = LivePreview(viewer, self.preview_job, self._speeds)
        self.aids.addWidget(self.preview_box)
        self.aids.addWidget(self.preview_note)
        self.preview_box.toggled.connect(self._on_preview_toggled)
        self.preview.said.connect(self._on_preview_said)
        self.preview.closed.connect(lambda: self.preview_box.setChecked(False))
        self.forecast.changed.connect(self._show_facts)
        self.destroyed.connect(self.preview.stop)
        self.destroyed.connect(self.forecast.stop)

    def preview_job(self) -> FusionJob:
        """Return the fusion to preview, with the layers as they are now."""
        raise NotImplementedError

    def before_run(self) -> None:
        """Stop the preview and the estimate."""
        self.forecast.stop()
        self.preview_box.setChecked(False)

    def needs_rest(self) -> tuple[QWidget, ...]:
        """Return what is enabled only if a run could begin."""
        return *super().needs_rest(), self.preview_box

    def refresh(self, *_: object) -> None:
        """Enable the run button, or tell why it is not; renew the preview."""
        super().refresh()
        if not self.is_running:
            self.preview.refresh()

    def _on_preview_toggled(self, on: bool) -> None:
        self._on_preview_said("")
        if on:
            self.preview.start()
        else:
            self.preview.stop()

    def _on_preview_said(self, text: str) -> None:
        self.preview_note.setText(text)
        self.preview_note.setVisible(bool(text))
