"""The Compare widget: a curtain between a source and a result, and the result's quality."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from magicgui.widgets import PushButton, Slider
from qtpy.QtWidgets import QWidget

from ..jobs.quality import find_result
from ..layers.curtain import Curtain
from ..layers.selection import Choice, LayerWatch, choose, follow
from ..layers.snapshot import METADATA_KEY
from .parts.dock import fill_dock, wrapped_label
from .parts.inputs import LayerBox, make_form
from .parts.quality_table import QualityPanel

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

_STEPS = 1000


class CompareWidget(QWidget):
    """Compare two layers by drawing a curtain from one to the other, and measure the result.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer, which napari passes in.
    """

    def __init__(self, napari_viewer: Viewer):
        super().__init__()
        self.viewer = napari_viewer
        self.boxes = (
            LayerBox(label="Left", tooltip="Shown left of the curtain's edge."),
            LayerBox(
                label="Right", tooltip="Shown right of it; the edge is parallel to its columns."
            ),
        )
        self.button = PushButton(text="Draw curtain")
        self.button.native.setCheckable(True)
        self.slider = Slider(
            label="Edge", tooltip="The place of the edge.", max=_STEPS, value=_STEPS // 2,
            readout=False,
        )  # fmt: skip
        self.note = wrapped_label()
        self.quality = QualityPanel(napari_viewer)
        self._choice: Choice = (None, None)
        self._picked = False
        self.curtain: Curtain | None = None
        form = make_form(*self.boxes, self.button, self.slider)
        fill_dock(self, form, self.note, self.quality)
        for slot, box in enumerate(self.boxes):
            box.changed.connect(lambda layer, slot=slot: self._choose(slot, layer))
        self.button.native.toggled.connect(self._on_toggled)
        self.slider.changed.connect(self._move)
        self.slider.enabled = False
        self.watch = LayerWatch(napari_viewer.layers, self._on_layers)
        # Bound to an object that outlives this widget, which is half gone by then.
        self.destroyed.connect(self.watch.close)
        self._on_layers()

    @property
    def left(self) -> Image | None:
        """The layer left of the edge, or None."""
        return self._choice[0]

    @left.setter
    def left(self, layer: Image) -> None:
        self._choose(0, layer)

    @property
    def right(self) -> Image | None:
        """The layer right of the edge, or None."""
        return self._choice[1]

    @right.setter
    def right(self, layer: Image) -> None:
        self._choose(1, layer)

    def close_curtain(self) -> None:
        """Take the curtain away."""
        self.button.native.setChecked(False)

    def _choose(self, slot: int, layer: Image) -> None:
        self._picked = True
        self._choice = choose(self._choice, slot, layer)
        self._on_layers()

    def _on_layers(self) -> None:
        images = self.watch.images()
        if not self._picked and self.curtain is None:
            self._choice = newest_result(images)
        before, self._choice = self._choice, follow(images, self._choice)
        for box, layer in zip(self.boxes, self._choice, strict=True):
            box.show_layers(images, layer)
        ready = None not in self._choice
        self.button.enabled = ready
        self.note.setText("" if ready else "Open two image layers to compare.")
        chosen = [layer for layer in self._choice if layer is not None]
        self.quality.show_result(find_result(chosen), images)
        if self.curtain is None:
            return
        if not self.curtain.is_up or before != self._choice:
            self.close_curtain()
        elif (self.curtain.left, self.curtain.right) != self._choice:
            self._on_toggled(False)
            self._on_toggled(True)

    def _on_toggled(self, on: bool) -> None:
        curtain, self.curtain = self.curtain, None
        if curtain is not None:
            curtain.close()
        if on and None not in self._choice:
            drawn = Curtain(self.viewer.layers, *self._choice)
            self.curtain = drawn
            self._move(self.slider.value)
        self.button.text = "Remove curtain" if self.curtain is not None else "Draw curtain"
        self.slider.enabled = self.curtain is not None

    def _move(self, value: int) -> None:
        if self.curtain is not None and self.curtain.is_up:
            self.curtain.move(value / _STEPS)


def newest_result(images: Sequence[Image]) -> Choice:
    """Return the last layer that this plugin made, and the first source that it is made of."""
    by_name = {layer.name: layer for layer in images}
    for layer in reversed(images):
        record = layer.metadata.get(METADATA_KEY) or {}
        for source in record.get("sources", ()):
            found = by_name.get(source.get("name"))
            if found is not None and found is not layer:
                return found, layer
    return None, None
