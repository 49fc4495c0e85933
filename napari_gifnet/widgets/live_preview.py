"""The live preview: follows the view of a viewer, frame by frame, in the background."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from gifnet.errors import GifnetError

from ..jobs.base import FuserCache
from ..jobs.estimate import Speeds
from ..jobs.fuse import FusionJob
from ..jobs.preview import PreviewJob, side_for
from ..layers.pair import choose_reference
from ..layers.sampling import RangeCache
from ..layers.viewport import ViewRegion, camera, region_in_view
from .runner import Outcome, Runner, notify

if TYPE_CHECKING:
    from napari.viewer import Viewer

#: How long the view rests before a frame is begun, and before it is refined.
_DEBOUNCE_MS = 60
_REFINE_MS = 250


class LivePreview(QObject):
    """Keeps a layer "Preview" over what is in view.

    A sketch comes first, for which the network sees as much as the machine does at once, then the
    network's own frame when the view rests. A frame that the view has left is dropped.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose view it follows.
    make_job : callable
        Returns the `FusionJob` to preview; may raise `GifnetError`.
    speeds : Speeds
        What is known of the machine; the preview adds to it.
    """

    #: What there is to say: an error, or nothing.
    said = Signal(str)
    #: Switched off, since a person has removed its layer.
    closed = Signal()

    def __init__(self, viewer: Viewer, make_job: Callable[[], FusionJob], speeds: Speeds):
        super().__init__()
        self._viewer, self._make_job, self._speeds = viewer, make_job, speeds
        self.layer: Any = None
        self.is_on = False
        self._layers: tuple[Any, Any] | None = None
        self._asked: tuple[PreviewJob, bool] | None = None
        self._cache, self._ranges, self._runner = FuserCache(), RangeCache(), Runner()
        self._runner.ended.connect(self._on_ended)
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._begin)
        self._coarse = True
        self._emitters = (
            camera(viewer).events.center,
            camera(viewer).events.zoom,
            viewer.dims.events.current_step,
            viewer.dims.events.ndisplay,
            viewer.dims.events.order,
        )

    @property
    def is_running(self) -> bool:
        """Whether a frame is being made."""
        return self._runner.is_running

    @property
    def is_waiting(self) -> bool:
        """Whether a frame is about to be begun."""
        return self._timer.isActive()

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
        self._timer.stop()
        self._runner.cancel()
        for emitter in self._emitters:
            emitter.disconnect(self.refresh)
        self._viewer.layers.events.removed.disconnect(self._on_removed)
        layer, self.layer = self.layer, None
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def refresh(self, *_: object) -> None:
        """Make a new frame when the view rests; drop the one that is being made."""
        if not self.is_on:
            return
        self._coarse = True
        self._runner.cancel()
        self._timer.start(_DEBOUNCE_MS)

    def region(self, job: FusionJob) -> ViewRegion:
        """Return what is in view, in pixels of the reference; see `region_in_view`."""
        index = choose_reference(job.first, job.second, job.reference)
        return region_in_view(self._viewer, (job.first, job.second)[index])

    def _begin(self) -> None:
        if not self.is_on or self._runner.is_running:
            return  # the end of the running frame begins the next
        try:
            job = self._make_job()
            region = self.region(job)
        except GifnetError as error:
            self._hide(str(error))
            return
        full = region.side()
        side = side_for(region, job.options, self._speeds) if self._coarse else full
        frame = PreviewJob(job.first, job.second, job.options, job.reference, region, side)
        self._asked = frame, side < full
        cache, ranges, speeds = self._cache, self._ranges, self._speeds
        self._runner.start(lambda progress: frame.run(cache, ranges, speeds, progress))

    def _on_ended(self, outcome: Outcome) -> None:
        if not self.is_on:
            return
        if outcome.cancelled:
            if not self._timer.isActive():
                self._timer.start(0)
            return
        if outcome.error is not None:
            self._hide(str(outcome.error))
            if not isinstance(outcome.error, GifnetError):
                notify(outcome.error)
            return
        self._show(outcome.result)
        self.said.emit("")
        if self._asked is not None and self._asked[1] and not self._timer.isActive():
            self._coarse = False
            self._timer.start(_REFINE_MS)

    def _show(self, data: Any) -> None:
        from napari.layers import Layer

        pixels, arguments, _ = data
        layer = self.layer
        if layer is not None and (layer.rgb != arguments["rgb"] or layer.units != _units(data)):
            self.layer = None
            self._viewer.layers.remove(layer)
            layer = None
        if layer is None:
            active = self._viewer.layers.selection.active
            self.layer = Layer.create(*data)
            self._viewer.add_layer(self.layer)
            # Whoever looks at a preview goes on working with the layer chosen before.
            self._viewer.layers.selection.active = active
            return
        layer.data = pixels
        layer.affine = arguments["affine"]
        if "contrast_limits" in arguments:
            layer.contrast_limits = arguments["contrast_limits"]
        layer.visible = True

    def _hide(self, reason: str) -> None:
        if self.layer is not None:
            self.layer.visible = False
        self.said.emit(reason)

    def _on_removed(self, event: Any) -> None:
        if self.layer is not None and event.value is self.layer:
            self.layer = None
            self.stop()
            self.closed.emit()


def _units(data: Any) -> tuple[Any, ...]:
    return tuple(data[1]["units"])
