"""The layout of dock widgets, by hand since magicgui has no scroll area as wide as its content."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QFrame, QLabel, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

#: A dock is no lower than this, if its content is higher.
_MIN_HEIGHT = 240


class _Area(QScrollArea):
    """Scrolls vertically only: it is as wide as its content."""

    def __init__(self, inner: QWidget):
        super().__init__()
        self._inner = inner
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(inner)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Follow the content's width, besides what Qt's own filter does."""
        if watched is self._inner and event and event.type() == QEvent.Type.LayoutRequest:
            self.fit()
        return bool(super().eventFilter(watched, event))

    def fit(self) -> None:
        """Be wide enough for the content and the scroll bar, and not too low."""
        least, bar = self._inner.minimumSizeHint(), self.verticalScrollBar()
        self.setMinimumWidth(least.width() + (bar.sizeHint().width() if bar else 0))
        self.setMinimumHeight(min(_MIN_HEIGHT, least.height()))


def fill_dock(dock: QWidget, *parts: QWidget) -> None:
    """Lay parts out from top to bottom of a dock widget, which scrolls if it is too low."""
    inner = QWidget()
    layout = QVBoxLayout(inner)
    for part in parts:
        layout.addWidget(part)
    layout.addStretch(1)
    outer = QVBoxLayout(dock)
    outer.setContentsMargins(0, 0, 0, 0)
    outer.addWidget(_Area(inner))
    dock.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)


def wrapped_label(text: str = "") -> QLabel:
    """Return a label that breaks its lines."""
    label = QLabel(text)
    label.setWordWrap(True)
    return label


def show_note(label: QLabel, text: str) -> None:
    """Show a text, and no label at all if it is empty."""
    label.setText(text)
    label.setVisible(bool(text))
