"""The Enhance widget: one layer enhanced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from magicgui.widgets import CheckBox
from qtpy.QtWidgets import QWidget

from gifnet.errors import GifnetError

from ..jobs.enhance import EnhancementJob
from ..jobs.fuse import FusionJob
from ..jobs.script import as_script
from ..layers.display import describe_ranges
from ..layers.selection import LayerWatch
from ..layers.snapshot import snapshot
from .parts.dock import fill_dock
from .parts.inputs import LayerBox, make_form
from .parts.live_preview import Preview
from .parts.options import AdvancedOptions
from .parts.run_controls import RunControls, RunEstimate, add_layers

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer


class EnhanceWidget(QWidget):
    """Enhance one image layer, as the fusion of it with itself.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer, which napari passes in.
    """

    def __init__(self, napari_viewer: Viewer):
        super().__init__()
        self.viewer = napari_viewer
        self.box = LayerBox(label="Image")
        self.halos = CheckBox(
            text="Keep edges free of halos",
            value=True,
            tooltip="The result passes the range of the 5 x 5 pixels around by no more than 3 % of "
            "the local range. Without this, detail becomes stronger.",
        )
        self.advanced = AdvancedOptions()
        self.estimate = RunEstimate(self)
        self.preview = Preview(napari_viewer, self.preview_job)
        self.controls = RunControls(
            "Enhance",
            make_job=self.make_job,
            summary=self.summary,
            script=lambda job: as_script(job, [self.box.value], self.viewer.layers),
            add_result=lambda result: add_layers(self.viewer, result),
        )
        form = make_form(self.box, self.halos)
        fill_dock(self, form, self.preview, self.advanced, self.controls)
        self.watch = LayerWatch(napari_viewer.layers, self._on_layers)
        for changed in (self.box.changed, self.halos.changed, self.advanced.changed):
            changed.connect(self.controls.refresh)
        self.estimate.changed.connect(self.controls.show_summary)
        self.controls.refreshed.connect(self.preview.refresh)
        self.controls.started.connect(self.estimate.stop)
        self.controls.started.connect(self.preview.stop)
        # Bound to an object that outlives this widget, which is half gone by then.
        self.destroyed.connect(self.watch.close)
        self._on_layers()

    @property
    def layer(self) -> Image | None:
        """The layer to enhance, or None."""
        return self.box.value

    @layer.setter
    def layer(self, layer: Image) -> None:
        self.box.value = layer

    def make_job(self) -> EnhancementJob:
        """Return the enhancement to do, with the layer as it is now."""
        if self.layer is None:
            raise GifnetError("Open an image layer to enhance.")
        self.advanced.check()
        options = self.advanced.options()
        if not self.halos.value:
            options = options.updated(overshoot=None)
        return EnhancementJob(snapshot(self.layer), options, self.advanced.scale)

    def summary(self, job: EnhancementJob) -> str:
        """Return the range of the layer, and an estimate of a large run."""
        ranges = describe_ranges([job.image], self.advanced.scale)
        estimate = self.estimate.text(job.image, (job.image,), job.options)
        return " ".join(filter(None, (ranges, estimate)))

    def preview_job(self) -> FusionJob:
        """Return the fusion of the layer with itself, which is what enhancing means."""
        job = self.make_job()
        return FusionJob((job.image,), job.options.for_one_image(), "first", scale=job.scale)

    def _on_layers(self) -> None:
        """Offer the image layers; the newest one is the first choice."""
        layers, kept = self.watch.images(), self.layer
        self.box.show_layers(layers, kept if kept in layers else (layers[-1] if layers else None))
        self.controls.refresh()
