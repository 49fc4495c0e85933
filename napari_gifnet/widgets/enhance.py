"""The Enhance widget: one layer enhanced."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QCheckBox, QFormLayout

from gifnet.errors import GifnetError
from gifnet.options import FuseOptions

from ..jobs.enhance import EnhancementJob
from ..jobs.fuse import FusionJob
from ..layers.snapshot import snapshot
from .inputs import LayerBox
from .preview_panel import PreviewPanel

if TYPE_CHECKING:
    from napari.viewer import Viewer


class EnhanceWidget(PreviewPanel):
    """Enhance one image layer, as the fusion of it with itself.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer, which napari passes in.
    """

    def __init__(self, napari_viewer: Viewer):
        super().__init__(napari_viewer, "Enhance")
        self.box = LayerBox()
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Image", self.box)
        self.halos_box = QCheckBox("Keep edges free of halos")
        self.halos_box.setChecked(True)
        self.halos_box.setToolTip(
            "The result passes the range of the 5 x 5 pixels around by no more than 3 % of the "
            "local range. Without this, detail becomes stronger."
        )
        self.halos_box.toggled.connect(self.refresh)
        form.addRow("", self.halos_box)
        self.form.addLayout(form)
        self._on_layers()

    def options(self) -> FuseOptions:
        """Return what is chosen; see `AdvancedOptions.options`."""
        options = self.advanced.options()
        return options if self.halos_box.isChecked() else replace(options, overshoot=None)

    @property
    def layer(self) -> Any:
        """The layer to enhance, or None."""
        return self.box.value

    @layer.setter
    def layer(self, layer: Any) -> None:
        self.box.value = layer
        self.refresh()

    def problem(self) -> str | None:
        """Return why the widget cannot run now, or None if it can."""
        return "Open an image layer to enhance." if self.layer is None else super().problem()

    def make_job(self) -> EnhancementJob:
        """Return the enhancement to do, with the layer as it is now."""
        return EnhancementJob(snapshot(self.layer), self.options())

    def preview_job(self) -> FusionJob:
        """Return the fusion of the layer with itself, which is what enhancing means."""
        if self.layer is None:
            raise GifnetError("Open an image layer to enhance.")
        image = snapshot(self.layer)
        return FusionJob(image, image, self.options().for_one_image(), "first")

    def sources(self) -> tuple[Any, ...]:
        """Return the layer to enhance."""
        return (self.layer,)

    def facts(self) -> str:
        """Return an estimate of a large run."""
        image = snapshot(self.layer)
        return self.forecast.text(image, (image,), self.advanced.options())

    def show_layers(self, layers: list[Any]) -> None:
        """Offer these image layers, the newest one first chosen."""
        kept = self.layer
        self.box.show_layers(layers, kept if kept in layers else (layers[-1] if layers else None))
