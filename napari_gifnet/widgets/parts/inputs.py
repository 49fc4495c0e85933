"""Inputs of forms: magicgui's, with entries that change and with layers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from magicgui.types import FileDialogMode
from magicgui.widgets import ComboBox, FileEdit
from magicgui.widgets.bases import ButtonWidget, Widget
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QWidget,
)

if TYPE_CHECKING:
    from napari.layers import Image

Entry = tuple[str, object]

_MIN_CHARACTERS = 14
_MOST_ROWS = 7
_PLACE = Qt.ItemDataRole.UserRole


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


class LayerList(QListWidget):
    """A list of image layers with ticks, in an order that can be dragged.

    By hand, as magicgui's lists have no ticks.

    Parameters
    ----------
    label, tooltip : str
        As for widgets of magicgui.
    """

    changed = Signal()

    def __init__(self, label: str, tooltip: str):
        super().__init__()
        self.label = label
        self._layers: list[Image] = []
        self._is_filling = False
        self._pressed: Qt.CheckState | None = None
        self.setToolTip(tooltip)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setSelectionMode(QListWidget.SelectionMode.NoSelection)
        self.setDragDropMode(QListWidget.DragDropMode.InternalMove)
        self.itemPressed.connect(lambda item: setattr(self, "_pressed", item.checkState()))
        self.itemClicked.connect(self._on_clicked)
        self.itemChanged.connect(self._on_edited)
        if (model := self.model()) is not None:
            model.rowsMoved.connect(self._on_edited)
        self._fit()

    @property
    def layers(self) -> list[Image]:
        """All layers, in the order of the list."""
        return [self._layers[item.data(_PLACE)] for item in self._items()]

    @property
    def selected(self) -> list[Image]:
        """The ticked layers, in the order of the list."""
        ticked = Qt.CheckState.Checked
        return [
            self._layers[item.data(_PLACE)] for item in self._items() if item.checkState() == ticked
        ]

    def show_layers(self, layers: Sequence[Image], chosen: Sequence[Image]) -> None:
        """List layers by name and tick some."""
        names = [item.text() for item in self._items()]
        same = [*map(id, self.layers)] == [*map(id, layers)]
        if same and names == [layer.name for layer in layers]:
            ticks = {id(one) for one in chosen}
            if {id(one) for one in self.selected} == ticks:
                return
        self._is_filling = True
        self.clear()
        self._layers = list(layers)
        for place, layer in enumerate(layers):
            item = QListWidgetItem(layer.name)
            item.setData(_PLACE, place)
            item.setToolTip(_describe(layer))
            ticked = any(layer is one for one in chosen)
            item.setCheckState(Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked)
            self.addItem(item)
        self._is_filling = False
        self._fit()

    def _fit(self) -> None:
        """Be as high as the rows."""
        rows = min(max(self.count(), 2), _MOST_ROWS)
        height = self.sizeHintForRow(0) if self.count() else self.fontMetrics().height() + 6
        self.setFixedHeight(rows * height + 2 * self.frameWidth() + 2)

    def _items(self) -> list[QListWidgetItem]:
        found = (self.item(row) for row in range(self.count()))
        return [item for item in found if item is not None]

    def _on_clicked(self, item: QListWidgetItem) -> None:
        """Tick by a click on the name too."""
        if item.checkState() == self._pressed:
            ticked = item.checkState() == Qt.CheckState.Checked
            item.setCheckState(Qt.CheckState.Unchecked if ticked else Qt.CheckState.Checked)

    def _on_edited(self, *_: object) -> None:
        if not self._is_filling:
            self.changed.emit()


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


class Form(QWidget):
    """Inputs below each other; magicgui's own labels do not align in napari's font.

    Parameters
    ----------
    *inputs : Widget or LayerList
    """

    def __init__(self, *inputs: Widget | LayerList):
        super().__init__()
        self._rows = QFormLayout(self)
        self._labels: dict[int, QLabel] = {}
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for each in inputs:
            native = each if isinstance(each, QWidget) else each.native
            if isinstance(each, ButtonWidget):
                self._rows.addRow(native)
                continue
            label = self._labels[id(each)] = QLabel(each.label)
            if isinstance(each, Widget):
                each.label_changed.connect(lambda text, label=label: label.setText(text))
            self._rows.addRow(label, native)

    def show_row(self, each: Widget, shown: bool) -> None:
        """Show or hide an input with its label."""
        if hasattr(self._rows, "setRowVisible"):  # Qt 6.4: without a gap
            self._rows.setRowVisible(each.native, shown)
            return
        each.native.setVisible(shown)
        if (label := self._labels.get(id(each))) is not None:
            label.setVisible(shown)


def make_form(*inputs: Widget | LayerList) -> Form:
    """Return inputs below each other."""
    return Form(*inputs)
