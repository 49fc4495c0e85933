"""Inputs of forms: magicgui's, with entries that change and with layers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from magicgui.types import FileDialogMode
from magicgui.widgets import ComboBox, FileEdit, Select
from magicgui.widgets.bases import ButtonWidget, Widget
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QFormLayout, QLabel, QListWidget, QWidget

if TYPE_CHECKING:
    from napari.layers import Image

Entry = tuple[str, object]

_MIN_CHARACTERS = 14


class ChoiceBox(ComboBox):
    """A combo box of (text, value) entries.

    Parameters
    ----------
    entries : iterable of (str, object)
        Their texts must differ.
    none : str
        The text of the value None, which is the first entry then; there is none if it is empty.
    name, label, tooltip : str
        As for all widgets of magicgui.
    """

    def __init__(
        self,
        entries: Iterable[Entry] = (),
        *,
        none: str = "",
        name: str = "",
        label: str = "",
        tooltip: str = "",
    ):
        self._entries = list(entries)
        if none:
            self.null_string = none
        super().__init__(
            choices=lambda box: self._entries,
            nullable=bool(none),
            name=name,
            label=label,
            tooltip=tooltip,
        )
        # Long layer names must not widen the whole dock.
        policy = QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        self.native.setSizeAdjustPolicy(policy)
        self.native.setMinimumContentsLength(_MIN_CHARACTERS)

    def set_entries(self, entries: Iterable[Entry]) -> None:
        """Replace all entries, in this order; the value stays if it is among them."""
        kept, self._entries = self.value, list(entries)
        with self.changed.blocked():
            self.native.clear()  # or magicgui appends what is new to what stays
            self.reset_choices()
            if kept in self.choices:
                self.value = kept


class LayerBox(ChoiceBox):
    """A combo box of image layers."""

    def show_layers(self, layers: Sequence[Image], chosen: Image | None) -> None:
        """List layers by name and select one, or none."""
        self.set_entries((layer.name, layer) for layer in layers)
        with self.changed.blocked():
            self.native.setCurrentIndex(layers.index(chosen) if chosen in layers else -1)
        for index, layer in enumerate(layers):
            self.native.setItemData(index, _describe(layer), Qt.ItemDataRole.ToolTipRole)


class LayerList(Select):
    """A list of image layers, of which any number can be selected by clicks.

    Parameters
    ----------
    label, tooltip : str
        As for all widgets of magicgui.
    """

    def __init__(self, label: str, tooltip: str):
        self._layers: list[Image] = []
        super().__init__(choices=lambda box: self._layers, label=label, tooltip=tooltip)
        self.native.setSelectionMode(QListWidget.SelectionMode.MultiSelection)
        self.native.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.native.setTextElideMode(Qt.TextElideMode.ElideMiddle)

    @property
    def selected(self) -> list[Image]:
        """The selected layers, in the order of the list."""
        selected = self.value
        return [layer for layer in self._layers if layer in selected]

    def show_layers(self, layers: Sequence[Image], chosen: Sequence[Image]) -> None:
        """List layers by name and select some."""
        self._layers = list(layers)
        with self.changed.blocked():
            self.native.clear()
            self.reset_choices()
            self.value = [layer for layer in layers if layer in chosen]
        for row, layer in enumerate(layers):
            self.native.item(row).setToolTip(_describe(layer))
        rows = min(max(len(layers), 2), 7)
        height = self.native.sizeHintForRow(0) if layers else self.native.fontMetrics().height() + 6
        self.native.setFixedHeight(rows * height + 2 * self.native.frameWidth() + 2)


def _describe(layer: Image) -> str:
    data = layer.data[0] if layer.multiscale else layer.data
    shape = " x ".join(str(side) for side in data.shape)
    return f"{layer.name}: {shape}, {data.dtype}"


def path_input(
    placeholder: str,
    *,
    is_folder: bool = False,
    filter: str | None = None,
    name: str = "",
    label: str = "",
    tooltip: str = "",
) -> FileEdit:
    """Return an input for the path of a file or folder."""
    mode = FileDialogMode.EXISTING_DIRECTORY if is_folder else FileDialogMode.EXISTING_FILE
    box = FileEdit(mode=mode, filter=filter, nullable=True, name=name, label=label, tooltip=tooltip)
    box.line_edit.native.setPlaceholderText(placeholder)
    box.line_edit.native.setClearButtonEnabled(True)
    box.choose_btn.text = "…"
    box.choose_btn.native.setFixedWidth(28)
    return box


def make_form(*inputs: Widget) -> QWidget:
    """Return inputs below each other; magicgui's own labels do not align in napari's font."""
    form = QWidget()
    rows = QFormLayout(form)
    rows.setContentsMargins(0, 0, 0, 0)
    rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    for each in inputs:
        if isinstance(each, ButtonWidget):
            rows.addRow(each.native)
            continue
        label = QLabel(each.label)
        each.label_changed.connect(lambda text, label=label: label.setText(text))
        rows.addRow(label, each.native)
    return form
