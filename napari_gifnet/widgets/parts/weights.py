"""A weight for each of the layers that are fused."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from magicgui.widgets import Container, FloatSlider
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget
from superqt import QCollapsible

if TYPE_CHECKING:
    from napari.layers import Image

_MOST = 3.0


class Weights(QWidget):
    """Sliders in a collapsible section; 1 leaves the network's shares as they are."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[int, float] = {}
        self._layers: list[Image] = []
        self.form: Container[FloatSlider] = Container()
        self.form.margins = (0, 0, 0, 0)
        self.section = QCollapsible("Weights", expandedIcon="▾", collapsedIcon="▸")
        for part in (self.section, self.section.content()):
            if (inner := part.layout()) is not None:
                inner.setContentsMargins(0, 0, 0, 0)
        self.section.addWidget(self.form.native)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.section)

    def show_layers(self, layers: Sequence[Image]) -> None:
        """Show a slider per layer; layers keep their weights."""
        names = [layer.name for layer in layers]
        if list(map(id, layers)) == list(map(id, self._layers)) and names == [
            slider.label for slider in self.form
        ]:
            return
        self._layers = list(layers)
        self.form.clear()
        for layer in layers:
            slider = FloatSlider(
                label=layer.name,
                value=self._known.get(id(layer), 1.0),
                max=_MOST,
                step=0.05,
                tooltip="A factor of this layer's shares.",
            )
            slider.changed.connect(partial(self._on_moved, id(layer)))
            self.form.append(slider)

    def values(self, layers: Sequence[Image]) -> tuple[float, ...] | None:
        """Return the weights of layers, None if all are equal."""
        found = tuple(self._known.get(id(layer), 1.0) for layer in layers)
        return None if len(set(found)) < 2 else found

    def _on_moved(self, key: int, value: float) -> None:
        self._known[key] = value
        self.changed.emit()
