"""The Pansharpen widget: a sharp panchromatic image and coarse bands make sharp bands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QCheckBox, QFormLayout, QLabel

from gifnet.errors import GifnetError, InvalidInputError

from ..jobs.pansharpen import SharpeningJob
from ..layers.selection import axis_entries
from ..layers.snapshot import METADATA_KEY, snapshot
from .inputs import LayerBox, LayerList, ValueBox
from .panel import Panel

if TYPE_CHECKING:
    from napari.viewer import Viewer

_METHODS = (
    ("GIFNet, band by band", "gifnet"),
    ("Brovey", "brovey"),
    ("Gram-Schmidt", "gram-schmidt"),
)


class PansharpenWidget(Panel):
    """Sharpen the bands of a multispectral image with a panchromatic one.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer, which napari passes in.
    """

    def __init__(self, napari_viewer: Viewer):
        super().__init__(napari_viewer, "Pansharpen")
        self.pan = LayerBox()
        self.pan.setToolTip("The sharp grey image, whose grid the result has.")
        self.list = LayerList(
            "Tick an RGB layer, one layer with an axis of bands, or a layer for each band."
        )
        self.axis = ValueBox(tooltip="The axis of the bands.")
        self.method = ValueBox(
            _METHODS,
            "The network sharpens for the eye; the classical methods keep the relation of the "
            "bands better.",
        )
        self.histograms = QCheckBox("Keep the bands' histograms", checked=True)
        self.histograms.setToolTip(
            "Gives the coarse part of each sharpened band the histogram of the original band."
        )
        self._pan: Any = None
        self._picked = False
        self._fill_form()
        self.pan.chosen.connect(self._on_pan)
        self.list.ticked.connect(self._on_ticked)
        for box in (self.axis, self.method):
            box.chosen.connect(self.refresh)
        self._on_layers()

    def _fill_form(self) -> None:
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("PAN", self.pan)
        self.form.addLayout(form)
        self.form.addWidget(QLabel("Multispectral bands"))
        self.form.addWidget(self.list)
        rest = QFormLayout()
        rest.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rest.addRow("Band axis", self.axis)
        rest.addRow("Method", self.method)
        self.form.addLayout(rest)
        self.form.addWidget(self.histograms)

    @property
    def bands(self) -> list[Any]:
        """The chosen layers: one with all bands, or one for each."""
        return self.list.value

    @bands.setter
    def bands(self, layers: list[Any]) -> None:
        self.list.show_layers(self._offered(), layers)
        self._on_ticked()

    def problem(self) -> str | None:
        """Return why the widget cannot run now, or None if it can."""
        if self.pan.value is None or not self.bands:
            return "Open a panchromatic layer and the bands to sharpen."
        if self.method.value == "gifnet" and (problem := super().problem()):
            return problem
        try:
            self.make_job().overlap()
        except GifnetError as error:
            return str(error)
        return None

    def make_job(self) -> SharpeningJob:
        """Return the work to do, with the layers as they are now."""
        if self.pan.value is None or not self.bands:
            raise InvalidInputError("Open a panchromatic layer and the bands to sharpen.")
        return SharpeningJob(
            snapshot(self.pan.value),
            tuple(snapshot(layer) for layer in self.bands),
            self.advanced.options("pansharpen"),
            self.axis.value if self.axis.isEnabled() else None,
            self.method.value,
            self.histograms.isChecked(),
        )

    def sources(self) -> tuple[Any, ...]:
        """Return PAN and the layers of bands."""
        return self.pan.value, *self.bands

    def facts(self) -> str:
        """Return what the result will be."""
        job = self.make_job()
        count = job.count
        return f"{count} band{'s' if count > 1 else ''}. {job.overlap().in_words()}"

    def refresh(self, *_: object) -> None:
        """Enable the run button, or tell why it is not."""
        self.histograms.setEnabled(self.method.value == "gifnet")
        super().refresh()

    def show_layers(self, layers: list[Any]) -> None:
        """Offer these image layers, the one with the finest pixels as PAN."""
        planes = [layer for layer in layers if layer.ndim == 2 and not layer.rgb]
        if not any(self._pan is layer for layer in planes):
            self._pan = min(self._sources(planes), key=_pixel, default=None)
        self.pan.show_layers(planes, self._pan)
        kept = [layer for layer in self.bands if any(layer is one for one in layers)]
        offered = self._offered()
        chosen = [layer for layer in kept if any(layer is one for one in offered)]
        if not (self._picked and chosen):
            chosen = self._likely(offered)
        self.list.show_layers(offered, chosen)
        stack = len(chosen) == 1 and chosen[0].ndim > 2 and not chosen[0].rgb
        entries = axis_entries(chosen[0]) if stack else []
        self.axis.set_entries(entries)
        if entries and self.axis.value is None:
            self.axis.value = entries[0][1]
        self.axis.setEnabled(bool(entries))

    def _offered(self) -> list[Any]:
        return [layer for layer in self.watch.images() if layer is not self._pan]

    def _sources(self, layers: list[Any]) -> list[Any]:
        return [layer for layer in layers if METADATA_KEY not in layer.metadata]

    def _likely(self, offered: list[Any]) -> list[Any]:
        """Return the newest layer with all bands in it, else all planes coarser than PAN."""
        sources = self._sources(offered)
        whole = [layer for layer in sources if layer.rgb or layer.ndim > 2]
        if whole or self._pan is None:
            return whole[-1:]
        return [layer for layer in sources if _pixel(layer) > _pixel(self._pan)]

    def _on_pan(self, layer: Any) -> None:
        self._pan = layer
        self._on_layers()

    def _on_ticked(self) -> None:
        self._picked = True
        self._on_layers()


def _pixel(layer: Any) -> float:
    sizes = snapshot(layer).grid.pixel_size[-2:]
    return float(sizes[0] * sizes[1])
