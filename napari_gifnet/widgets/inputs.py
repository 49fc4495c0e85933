"""Small input widgets: a layer, a file, a value out of a list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSizePolicy,
    QWidget,
)

_MINIMUM_CHARACTERS = 14


class ValueBox(QComboBox):
    """A combo box of (text, value) entries.

    The signal `chosen` carries the value and is sent only when a person picks one.
    """

    chosen = Signal(object)

    def __init__(self, entries: Iterable[tuple[str, Any]] = (), tooltip: str = ""):
        super().__init__()
        self._values: list[Any] = []
        self.setToolTip(tooltip)
        # Long layer names must not widen the whole dock.
        policy = QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        self.setSizeAdjustPolicy(policy)
        self.setMinimumContentsLength(_MINIMUM_CHARACTERS)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.activated.connect(lambda index: self.chosen.emit(self._values[index]))
        self.set_entries(entries)

    @property
    def value(self) -> Any:
        """The chosen value, or None if the box is empty."""
        index = self.currentIndex()
        return self._values[index] if 0 <= index < len(self._values) else None

    @value.setter
    def value(self, value: Any) -> None:
        self.setCurrentIndex(_position(self._values, value))

    def set_entries(self, entries: Iterable[tuple[str, Any]]) -> None:
        """Replace all entries, keeping the chosen value if it is among them."""
        kept, entries = self.value, list(entries)
        self.clear()
        self._values = [value for _, value in entries]
        for index, (text, _) in enumerate(entries):
            self.addItem(text)
            self.setItemData(index, text, Qt.ItemDataRole.ToolTipRole)
        position = _position(self._values, kept)
        self.setCurrentIndex(max(position, 0) if entries else -1)


def _position(values: Sequence[Any], value: Any) -> int:
    """Find a value by identity for layers, by equality for plain values."""
    for index, candidate in enumerate(values):
        if candidate is value or (isinstance(value, str | int) and candidate == value):
            return index
    return -1


class LayerBox(ValueBox):
    """A combo box of image layers."""

    def show_layers(self, layers: Sequence[Any], chosen: Any) -> None:
        """List layers by name and select one, or none."""
        self.set_entries((layer.name, layer) for layer in layers)
        for index, layer in enumerate(layers):
            self.setItemData(index, _in_words(layer), Qt.ItemDataRole.ToolTipRole)
        self.value = chosen


def _in_words(layer: Any) -> str:
    data = layer.data[0] if layer.multiscale else layer.data
    shape = " x ".join(str(side) for side in data.shape)
    return f"{layer.name}: {shape}, {data.dtype}"


class LayerList(QListWidget):
    """A list of image layers to tick.

    The signal `ticked` is sent only when a person ticks one, or takes the tick away.
    """

    ticked = Signal()

    def __init__(self, tooltip: str = ""):
        super().__init__()
        self._layers: list[Any] = []
        self.setToolTip(tooltip)
        self.setSelectionMode(QListWidget.SelectionMode.NoSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.itemChanged.connect(lambda item: self.ticked.emit())

    @property
    def value(self) -> list[Any]:
        """The ticked layers, in the order of the list."""
        ticked = Qt.CheckState.Checked
        return [
            layer for row, layer in enumerate(self._layers) if self.item(row).checkState() == ticked
        ]

    def show_layers(self, layers: Sequence[Any], chosen: Sequence[Any]) -> None:
        """List layers by name and tick some."""
        self.blockSignals(True)
        self.clear()
        self._layers = list(layers)
        for layer in layers:
            item = QListWidgetItem(layer.name)
            item.setToolTip(_in_words(layer))
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
            on = any(layer is one for one in chosen)
            item.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)
            self.addItem(item)
        rows = min(max(len(layers), 2), 7)
        height = self.sizeHintForRow(0) if layers else self.fontMetrics().height() + 6
        self.setFixedHeight(rows * height + 2 * self.frameWidth() + 2)
        self.blockSignals(False)


class FileEdit(QWidget):
    """A line for a path with a button that opens a file dialog."""

    changed = Signal(str)

    def __init__(self, placeholder: str, caption: str, pattern: str, tooltip: str = ""):
        super().__init__()
        self._caption, self._pattern = caption, pattern
        self.line = QLineEdit(placeholderText=placeholder, clearButtonEnabled=True)
        self.line.textChanged.connect(self.changed)
        button = QPushButton("…", toolTip=caption)
        button.setFixedWidth(28)
        button.clicked.connect(self._browse)
        self.setToolTip(tooltip)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.line)
        layout.addWidget(button)

    @property
    def path(self) -> str | None:
        """The path, or None if the line is empty."""
        return self.line.text().strip() or None

    def _browse(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, self._caption, self.path or "", self._pattern)
        if path:
            self.line.setText(path)


class FolderEdit(FileEdit):
    """A line for a folder with a button that opens a dialog."""

    def __init__(self, placeholder: str, caption: str, tooltip: str = ""):
        super().__init__(placeholder, caption, "", tooltip)

    def _browse(self) -> None:
        path = QFileDialog.getExistingDirectory(self, self._caption, self.path or "")
        if path:
            self.line.setText(path)
