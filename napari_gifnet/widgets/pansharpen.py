"""The Pansharpen widget: a sharp panchromatic image and coarse bands make sharp bands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from magicgui.widgets import CheckBox
from qtpy.QtWidgets import QWidget

from gifnet.errors import GifnetError
from gifnet.options import PANSHARPEN_CHOICES

from ..jobs.pansharpen import SharpeningJob
from ..jobs.script import as_script
from ..layers.selection import LayerWatch, axis_entries
from ..layers.snapshot import METADATA_KEY, snapshot
from .parts.dock import fill_dock
from .parts.inputs import ChoiceBox, LayerBox, LayerList, make_form
from .parts.options import AdvancedOptions
from .parts.run_controls import RunControls, add_layers

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

_METHODS = {
    "gifnet": "Network, band by band",
    "brovey": "Brovey",
    "gram-schmidt": "Gram-Schmidt",
}


class PansharpenWidget(QWidget):
    """Sharpen the bands of a multispectral image with a panchromatic one.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer, which napari passes in.
    """

    def __init__(self, napari_viewer: Viewer):
        super().__init__()
        self.viewer = napari_viewer
        self.pan = LayerBox(label="PAN", tooltip="The sharp grey image, whose grid the result has.")
        self.list = LayerList(
            "Bands",
            "Select an RGB layer, one layer with an axis of bands, or a layer for each band.",
        )
        self.axis = ChoiceBox(label="Band axis", tooltip="The axis of the bands.")
        self.method = ChoiceBox(
            [(_METHODS[name], name) for name in PANSHARPEN_CHOICES],
            label="Method",
            tooltip="The network sharpens for the eye; the classical methods keep the relation of "
            "the bands better.",
        )
        self.histograms = CheckBox(
            text="Keep the bands' histograms",
            value=True,
            tooltip="Gives the coarse part of each sharpened band the histogram of the original "
            "band.",
        )
        self.advanced = AdvancedOptions()
        self.controls = RunControls(
            "Pansharpen",
            make_job=self.make_job,
            summary=self.summary,
            script=lambda job: as_script(job, [self.pan.value, *self.bands], self.viewer.layers),
            add_result=lambda result: add_layers(self.viewer, result),
        )
        self._pan: Image | None = None
        self._picked = False
        form = make_form(self.pan, self.list, self.axis, self.method, self.histograms)
        fill_dock(self, form, self.advanced, self.controls)
        self.watch = LayerWatch(napari_viewer.layers, self._on_layers)
        self.pan.changed.connect(self._on_pan)
        self.list.changed.connect(self._on_picked)
        self.method.changed.connect(self._on_method)
        for changed in (self.axis.changed, self.advanced.changed):
            changed.connect(self.controls.refresh)
        # Bound to an object that outlives this widget, which is half gone by then.
        self.destroyed.connect(self.watch.close)
        self._on_layers()

    @property
    def bands(self) -> list[Image]:
        """The chosen layers: one with all bands, or one for each."""
        return self.list.selected

    @bands.setter
    def bands(self, layers: list[Image]) -> None:
        self.list.show_layers(self._offered(), layers)
        self._on_picked()

    def make_job(self) -> SharpeningJob:
        """Return the work to do, with the layers as they are now."""
        if self.pan.value is None or not self.bands:
            raise GifnetError("Open a panchromatic layer and the bands to sharpen.")
        if self.method.value == "gifnet":
            self.advanced.check()
        job = SharpeningJob(
            snapshot(self.pan.value),
            tuple(snapshot(layer) for layer in self.bands),
            self.advanced.options("pansharpen"),
            self.axis.value if self.axis.enabled else None,
            self.method.value,
            self.histograms.value,
        )
        job.overlap()  # raises if there is none
        return job

    def summary(self, job: SharpeningJob) -> str:
        """Return what the result will be."""
        count = job.count
        return f"{count} band{'s' if count > 1 else ''}. {job.overlap().in_words()}"

    def _on_layers(self) -> None:
        """Offer the image layers, the one with the finest pixels as PAN."""
        layers = self.watch.images()
        planes = [layer for layer in layers if layer.ndim == 2 and not layer.rgb]
        if self._pan not in planes:
            self._pan = min(self._sources(planes), key=_pixel, default=None)
        self.pan.show_layers(planes, self._pan)
        offered = self._offered()
        chosen = [layer for layer in self.bands if layer in offered]
        if not (self._picked and chosen):
            chosen = self._likely(offered)
        self.list.show_layers(offered, chosen)
        stack = len(chosen) == 1 and chosen[0].ndim > 2 and not chosen[0].rgb
        entries = axis_entries(chosen[0]) if stack else []
        self.axis.set_entries(entries)
        self.axis.enabled = bool(entries)
        self.controls.refresh()

    def _offered(self) -> list[Image]:
        return [layer for layer in self.watch.images() if layer is not self._pan]

    def _sources(self, layers: Sequence[Image]) -> list[Image]:
        return [layer for layer in layers if METADATA_KEY not in layer.metadata]

    def _likely(self, offered: list[Image]) -> list[Image]:
        """Return the newest layer with all bands in it, else all planes coarser than PAN."""
        sources = self._sources(offered)
        whole = [layer for layer in sources if layer.rgb or layer.ndim > 2]
        if whole or self._pan is None:
            return whole[-1:]
        return [layer for layer in sources if _pixel(layer) > _pixel(self._pan)]

    def _on_pan(self, layer: Image) -> None:
        self._pan = layer
        self._on_layers()

    def _on_method(self) -> None:
        self.histograms.enabled = self.method.value == "gifnet"
        self.controls.refresh()

    def _on_picked(self) -> None:
        self._picked = True
        self._on_layers()


def _pixel(layer: Image) -> float:
    sizes = snapshot(layer).grid.pixel_size[-2:]
    return float(sizes[0] * sizes[1])
