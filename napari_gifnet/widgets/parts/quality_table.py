"""The quality of a result and its sources, in a table that magicgui cannot explain cell by cell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QGroupBox,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
)

from gifnet.errors import GifnetError, InvalidInputError
from gifnet.metrics import metric
from gifnet.options import ValueRange

from ...jobs.quality import Quality, QualityJob, sources_of_result
from ...layers.sampling import RangeCache
from ...layers.snapshot import METADATA_KEY, snapshot
from ...layers.viewport import region_in_view
from .dock import wrapped_label
from .runner import Runner, notify

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer


_NO_RESULT = "Choose a result of the Fuse or the Enhance widget to measure."


class QualityPanel(QGroupBox):
    """A table of the metrics that suit a result's task best, and the button that fills it.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Its layers include the sources, and its view is what is measured.
    """

    def __init__(self, viewer: Viewer):
        super().__init__("Quality")
        self._viewer = viewer
        self.result: Image | None = None
        self._layers: Sequence[Image] = []
        self.button = QPushButton("Measure what is in view")
        self.table = QTableWidget(0, 0)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        if (rows := self.table.verticalHeader()) is not None:
            rows.hide()
        self.table.hide()
        self.note = wrapped_label()
        layout = QVBoxLayout(self)
        layout.addWidget(self.button)
        layout.addWidget(self.table)
        layout.addWidget(self.note)
        self._ranges, self._runner = RangeCache(), Runner()
        self._runner.ended.connect(self._refresh)
        self._runner.succeeded.connect(self._show)
        self._runner.failed.connect(self._on_failed)
        self._runner.cancelled.connect(lambda: self.note.setText(self.blocking_reason() or ""))
        self.button.clicked.connect(self.measure)
        self.destroyed.connect(self._runner.cancel)

    @property
    def is_running(self) -> bool:
        """Whether something is being measured."""
        return self._runner.is_running

    def show_result(self, result: Image | None, layers: Sequence[Image]) -> None:
        """Offer to measure a layer, whose sources are among `layers`."""
        if result is not self.result:
            self._runner.cancel()
            self.table.hide()
        self.result, self._layers = result, layers
        self._refresh()

    def blocking_reason(self) -> str | None:
        """Return why nothing can be measured, or None if it can."""
        try:
            self._find_sources()
        except GifnetError as error:
            return str(error)
        return None

    def measure(self) -> None:
        """Measure in the background, if nothing keeps the panel from it."""
        if self.is_running or self.blocking_reason() is not None:
            self._refresh()
            return
        try:
            job = self.make_job()
        except GifnetError as error:
            self.note.setText(str(error))
            return
        self.button.setEnabled(False)
        self.note.setText("Measuring …")
        ranges = self._ranges
        description = f"Measuring {job.result.name}"
        self._runner.start(lambda progress: job.run(ranges, progress), description)

    def make_job(self) -> QualityJob:
        """Return the measurement to do, with the layers as they are now."""
        sources, task, value_range = self._find_sources()
        result = snapshot(self.result)
        region = region_in_view(self._viewer, result)
        return QualityJob(result, tuple(map(snapshot, sources)), task, value_range, region)

    def _find_sources(self) -> tuple[list[Image], str | None, ValueRange]:
        if self.result is None:
            raise InvalidInputError(_NO_RESULT)
        by_name = {layer.name: layer for layer in self._layers if layer is not self.result}
        return sources_of_result(self.result.metadata.get(METADATA_KEY) or {}, by_name)

    def _refresh(self) -> None:
        reason = self.blocking_reason()
        self.button.setEnabled(reason is None and not self.is_running)
        if not self.is_running and (reason or self.table.isHidden()):
            self.note.setText(reason or "")

    def _on_failed(self, error: Exception) -> None:
        self.note.setText(f"Failed: {error}")
        if not isinstance(error, GifnetError):
            notify(error)

    def _show(self, quality: Quality) -> None:
        self.table.setColumnCount(1 + len(quality.values))
        self.table.setRowCount(len(quality.names))
        for column, name in enumerate(quality.values, start=1):
            known = metric(name)
            arrow = "" if known.needs_care else (" ↑" if known.higher_is_better else " ↓")
            item = QTableWidgetItem(name + arrow)
            care = f"; {known.needs_care}" if known.needs_care else ""
            item.setToolTip(f"{known.title}{care}.")
            self.table.setHorizontalHeaderItem(column, item)
        self.table.setHorizontalHeaderItem(0, QTableWidgetItem(""))
        if (columns := self.table.horizontalHeader()) is not None:
            columns.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
            columns.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for row, name in enumerate(quality.names):
            cell = QTableWidgetItem("Result" if row == 0 else name)
            cell.setToolTip(name)
            self.table.setItem(row, 0, cell)
            for column, values in enumerate(quality.values.values(), start=1):
                value = values[row]
                text = "–" if math.isnan(value) else f"{value:.3f}"
                cell = QTableWidgetItem(text)
                cell.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.table.setItem(row, column, cell)
        rows = sum(self.table.rowHeight(row) for row in range(len(quality.names)))
        header = self.table.horizontalHeader()
        self.table.setFixedHeight(rows + (header.sizeHint().height() if header else 0) + 4)
        self.table.show()
        height, width = quality.shape
        self.note.setText(
            f"{height} × {width} pixels measured. A source's row: its values as if it were the "
            "result. ↑ more is better, ↓ less; no arrow: neither way is better by itself."
        )
