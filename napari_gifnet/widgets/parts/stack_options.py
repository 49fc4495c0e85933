"""Inputs that only stacks have: extent, brightness, alignment, map of slices, retouching."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from magicgui.widgets import CheckBox, FloatSpinBox, PushButton
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget
from superqt import QCollapsible

from .inputs import ChoiceBox, make_form

if TYPE_CHECKING:
    from napari.layers import Image, Labels

_GAINS: list[tuple[str, object]] = [
    ("No", "none"),
    ("Brightness", "brightness"),
    ("Brightness and colour", "colour"),
]


class StackOptions(QWidget):
    """The options of a stack, and the retouching section."""

    changed = Signal()
    #: The map of slices is to be applied.
    applied = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.alignment = ChoiceBox(
            none="Found by Align",
            label="Alignment of",
            tooltip="An earlier fused stack whose alignment is used, for instance of another "
            "channel. It must have as many slices, of the same size.",
        )
        self.equalise = ChoiceBox(
            _GAINS,
            label="Equalise",
            tooltip="Gives the slices of a focus stack the brightness, or also the white balance, "
            "of the reference slice. Not for exposure brackets.",
        )
        self.crop = CheckBox(
            text="Crop to what all slices cover",
            tooltip="Without this, the borders come from the slices that cover them.",
        )
        self.map = CheckBox(
            text="Also add the map of slices",
            tooltip="Adds a labels layer with the main slice of every pixel: its number plus 1. "
            "Paint in it to take other slices.",
        )
        self.which = ChoiceBox(label="Map", tooltip="The map of slices that somebody has painted.")
        self.feather = FloatSpinBox(
            value=1.5,
            min=0,
            max=100,
            step=0.5,
            label="Feather",
            tooltip="The softness of the borders of painted slices in pixels.",
        )
        self.apply_button = PushButton(
            text="Apply the map",
            tooltip="Fuses again, with the settings and the alignment of the map's run, and takes "
            "the painted slices where the map was changed.",
        )
        self.form = make_form(self.alignment, self.equalise, self.crop, self.map)
        self.section = QCollapsible("Retouching", expandedIcon="▾", collapsedIcon="▸")
        for part in (self.section, self.section.content()):
            if (inner := part.layout()) is not None:
                inner.setContentsMargins(0, 0, 0, 0)
        self.section.addWidget(make_form(self.which, self.feather, self.apply_button))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.form)
        layout.addWidget(self.section)
        for box in (self.alignment, self.equalise, self.crop, self.map):
            box.changed.connect(self._on_changed)
        self.apply_button.clicked.connect(self._on_applied)

    def show_layers(
        self, is_stack: bool, aligns: bool, earlier: Sequence[Image], maps: Sequence[Labels]
    ) -> None:
        """Show the inputs that apply.

        Parameters
        ----------
        is_stack : bool
            Whether a stack is chosen.
        aligns : bool
            Whether its slices are aligned anew.
        earlier : sequence of napari.layers.Image
            Fused stacks with an alignment.
        maps : sequence of napari.layers.Labels
            Maps of slices, the newest first.
        """
        self.alignment.set_entries((layer.name, layer) for layer in earlier)
        self.which.set_entries((layer.name, layer) for layer in maps)
        self.form.show_row(self.alignment, is_stack and bool(earlier))
        self.form.show_row(self.equalise, is_stack)
        self.form.show_row(self.crop, is_stack and (aligns or self.alignment.value is not None))
        self.form.show_row(self.map, is_stack)
        self.section.setVisible(bool(maps))

    def _on_changed(self, *_: object) -> None:
        self.changed.emit()

    def _on_applied(self, *_: object) -> None:
        self.applied.emit()
