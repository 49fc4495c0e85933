"""Dock widgets that scroll where the window is too low, instead of laying texts over each other."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

#: A dock is no lower than this, if there is so much in it.
_MIN_HEIGHT = 240


class _Area(QScrollArea):
    """Scrolls up and down only: it is as wide as what is in it."""

    def __init__(self, inner: QWidget):
        super().__init__(widgetResizable=True)
        self._inner = inner
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(inner)

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Follow the width of what is in it; Qt's own filter is asked too."""
        if watched is self._inner and event.type() == QEvent.Type.LayoutRequest:
            self.fit()
        return bool(super().eventFilter(watched, event))

    def fit(self) -> None:
        """Be wide enough for all there is, with the scroll bar, and not too low."""
        least = self._inner.minimumSizeHint()
        self.setMinimumWidth(least.width() + self.verticalScrollBar().sizeHint().width())
        self.setMinimumHeight(min(_MIN_HEIGHT, least.height()))


def scrolling_layout(widget: QWidget) -> QVBoxLayout:
    """Return a layout within a widget that has none yet; it scrolls up and down."""
    inner = QWidget()
    layout = QVBoxLayout(inner)
    outer = QVBoxLayout(widget)
    outer.setContentsMargins(0, 0, 0, 0)
    outer.addWidget(_Area(inner))
    return layout
