"""Dock widgets that scroll where the window is too low, instead of laying texts over each other."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

#: Wide enough for the longest label and box side by side.
_WIDTH = 280


def scrolling_layout(widget: QWidget) -> QVBoxLayout:
    """Return a layout within a widget that has none yet; it scrolls up and down."""
    area = QScrollArea(widgetResizable=True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    inner = QWidget()
    area.setWidget(inner)
    outer = QVBoxLayout(widget)
    outer.setContentsMargins(0, 0, 0, 0)
    outer.addWidget(area)
    widget.setMinimumWidth(_WIDTH)
    return QVBoxLayout(inner)
