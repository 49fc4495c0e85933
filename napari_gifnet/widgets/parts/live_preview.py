"""The live preview: follows the view of a viewer, frame by frame, in the background."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

from napari.layers import Image, Layer
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from gifnet.errors import GifnetError

from ...jobs.base import shared_fusers
from ...jobs.fuse import FusionJob
from ...jobs.preview import PreviewJob, fixed_layer, side_for
from ...layers.sampling import RangeCache
from ...layers.snapshot import LayerData
from ...layers.viewport import FULL_SIDE, camera, region_in_view
from .dock import show_note, wrapped_label
from .runner import DebouncedRunner, Work, notify

if TYPE_CHECKING:
    from napari.utils.events import Event
    from napari.viewer import Viewer

    from gifnet.progress import ProgressCallback

#: How long the view rests before a frame is begun, and before it is refined.
_DEBOUNCE_MS = 60
_REFINE_MS = 250


class Preview(QWidget):
    """A check box that shows and hides the live preview, and a note below it.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose view the preview follows.
    make_job : callable
        Returns the `FusionJob` to preview; may raise `GifnetError`.
    """

    def __init__(self, viewer: Viewer, make_job: Callable[[], FusionJob]):
        super().__init__()
        self.box = QCheckBox("Live preview")
        self.box.setToolTip(
            "Shows what is in view as it will look, at the screen's resolution, and follows the "
            "view. The network sees the visible part alone, so the result differs slightly."
        )
        self.note = wrapped_label()
        self.note.hide()
        self.live = LivePreview(viewer, make_job)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.box)
        layout.addWidget(self.note)
        self.box.toggled.connect(self._on_toggled)
        self.live.message.connect(lambda text: show_note(self.note, text))
        self.live.closed.connect(self.stop)
        # Bound to an object that outlives this widget, which is half gone by then.
        self.destroyed.connect(self.live.stop)

    def stop(self) -> None:
        """Hide the preview."""
        self.box.setChecked(False)

    def refresh(self, job: object) -> None:
        """Renew the preview; it can be switched on only if a job could run."""
        self.box.setEnabled(job is not None)
        self.live.refresh()

    def _on_toggled(self, on: bool) -> None:
        show_note(self.note, "")
        if on:
            self.live.start()
        else:
            self.live.stop()


class LivePreview(QObject):
    """Keeps a layer "Preview" over what is in view.

    A coarse frame comes first, for which the network sees as much as the machine can compute at
    once. A full frame follows when the view rests. A frame that the view has left is dropped.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose view it follows.
    make_job : callable
        Returns the `FusionJob` to preview; may raise `GifnetError`.
    """

    #: An error, or an empty text when there is none any more.
    message = Signal(str)
    #: Switched off, since a person has removed its layer.
    closed = Signal()

    def __init__(self, viewer: Viewer, make_job: Callable[[], FusionJob]):
        super().__init__()
        self._viewer, self._make_job = viewer, make_job
        self.layer: Image | None = None
        self.is_on = False
        self._ranges = RangeCache()
        self.runner = DebouncedRunner(_DEBOUNCE_MS, self)
        self.runner.succeeded.connect(self._on_frame)
        self.runner.failed.connect(self._on_failed)
        self._emitters = (
            camera(viewer).events.center,
            camera(viewer).events.zoom,
            viewer.dims.events.current_step,
            viewer.dims.events.ndisplay,
            viewer.dims.events.order,
        )

    def start(self) -> None:
        """Begin to follow the view."""
        if self.is_on:
            return
        self.is_on = True
        for emitter in self._emitters:
            emitter.connect(self.refresh)
        self._viewer.layers.events.removed.connect(self._on_removed)
        self.refresh()

    def stop(self, *_: object) -> None:
        """Stop, and take the preview away."""
        if not self.is_on:
            return
        self.is_on = False
        self.runner.stop()
        for emitter in self._emitters:
            emitter.disconnect(self.refresh)
        self._viewer.layers.events.removed.disconnect(self._on_removed)
        layer, self.layer = self.layer, None
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def refresh(self, *_: object) -> None:
        """Make a new frame when the view rests; drop the one that is being made."""
        if self.is_on:
            self.runner.request(object(), lambda: self._prepare(coarse=True))

    def _prepare(self, coarse: bool) -> Work:
        job = self._make_job()
        frame = PreviewJob(job, region_in_view(self._viewer, fixed_layer(job)), FULL_SIDE)
        fusers, full = shared_fusers(), frame.region.side()
        if coarse:
            side = side_for(frame.region, job.options, fusers.speeds, len(job.layers))
            frame = dataclasses.replace(frame, side=side)

        def work(progress: ProgressCallback) -> tuple[LayerData, bool]:
            return frame.run(fusers, self._ranges, progress), frame.side < full

        return work

    def _on_frame(self, found: tuple[LayerData, bool]) -> None:
        data, is_coarse = found
        self._show(data)
        self.message.emit("")
        if is_coarse:
            self.runner.request(object(), lambda: self._prepare(coarse=False), _REFINE_MS)

    def _on_failed(self, error: Exception) -> None:
        if self.layer is not None:
            self.layer.visible = False
        self.message.emit(str(error))
        if not isinstance(error, GifnetError):
            notify(error)

    def _show(self, data: LayerData) -> None:
        pixels, arguments, _ = data
        layer = self.layer
        kind = arguments["rgb"], tuple(arguments["units"])
        if layer is not None and (layer.rgb, layer.units) != kind:
            self.layer = None
            self._viewer.layers.remove(layer)
            layer = None
        if layer is None:
            active = self._viewer.layers.selection.active
            self.layer = Layer.create(*data)
            self._viewer.add_layer(self.layer)
            # Who looks at a preview continues to work with the layer chosen before.
            self._viewer.layers.selection.active = active
            return
        layer.data = pixels
        layer.affine = arguments["affine"]
        if "contrast_limits" in arguments:
            layer.contrast_limits = arguments["contrast_limits"]
        layer.visible = True

    def _on_removed(self, event: Event) -> None:
        if self.layer is not None and event.value is self.layer:
            self.layer = None
            self.stop()
            self.closed.emit()
