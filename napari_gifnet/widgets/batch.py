"""The Batch widget: folders of pairs, fused one after another."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from magicgui.widgets import CheckBox, LineEdit
from napari.utils.notifications import show_warning
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QProgressBar,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from gifnet.errors import GifnetError
from gifnet.io import FORMATS

from ..jobs.batch import BatchJob, Found, ItemProgress, Patterns, match_patterns, totals
from ..jobs.fuse import role_names
from .parts.dock import fill_dock
from .parts.inputs import ChoiceBox, make_form, path_input
from .parts.options import HELP, TASK_ENTRIES, AdvancedOptions
from .parts.run_controls import RunControls
from .parts.runner import DebouncedRunner

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from gifnet.workflows import BatchResult

_FORMATS = tuple((each.name, each.written[0]) for each in FORMATS if each.written)
_PATTERN = (
    "A sub-folder, or a file name with one *, such as pet/*.tif or *_pet.tif. What stands for the "
    "star, or the file's stem, is the pair's name; files of one name are a pair."
)
_WAIT_MS = 300


class BatchWidget(QWidget):
    """Fuse the pairs of files in a folder.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer, which napari passes in.
    """

    def __init__(self, napari_viewer: Viewer):
        super().__init__()
        self.task = ChoiceBox(TASK_ENTRIES, none="Any pair", label="Task", tooltip=HELP["task"])
        self.folder = path_input("choose a folder", is_folder=True, label="Folder")
        self.names = (LineEdit(tooltip=_PATTERN), LineEdit(tooltip=_PATTERN))
        for line, hint in zip(
            self.names, ("pet  or  *_pet.tif", "mri  or  *_mri.tif"), strict=True
        ):
            line.native.setPlaceholderText(hint)
        self.output = path_input("fused, in that folder", is_folder=True, label="Results in")
        self.suffix = ChoiceBox(
            _FORMATS, label="Format", tooltip="Format of the results. TIFF keeps all types."
        )
        self.overwrite = CheckBox(
            text="Replace results that exist",
            tooltip="Otherwise they are skipped, so a batch continues where it was.",
        )
        self.advanced = AdvancedOptions()
        self.controls = RunControls(
            "Run batch",
            make_job=self.make_job,
            summary=self.summary,
            script=BatchJob.script,
            add_result=self.show_totals,
        )
        self.controls.script_button.setToolTip(
            "Puts a Python script on the clipboard that does the same without napari."
        )
        self.item_bar = QProgressBar()
        self.item_bar.setTextVisible(False)
        self.item_bar.setFixedHeight(6)
        self.item_bar.hide()
        self.table = ResultTable()
        self._results: list[BatchResult] = []
        #: The totals of the last run, as long as the patterns are the same.
        self._totals = ""
        self._found: Found | None = None
        self._error = ""
        self._matcher = DebouncedRunner(_WAIT_MS, self)
        form = make_form(
            self.task, self.folder, *self.names, self.output, self.suffix, self.overwrite
        )
        fill_dock(self, form, self.advanced, self.controls, self.item_bar, self.table)
        self._connect()
        self._on_task()

    def _connect(self) -> None:
        self.task.changed.connect(self._on_task)
        for path in (self.folder, self.output, *self.names, self.suffix):
            path.changed.connect(self._match)
        for changed in (self.overwrite.changed, self.advanced.changed):
            changed.connect(self.controls.refresh)
        self._matcher.succeeded.connect(self._on_matched)
        self._matcher.failed.connect(self._on_match_failed)
        self.controls.started.connect(self._on_started)
        self.controls.runner.noted.connect(self._on_noted)
        self.controls.cancelled.connect(self._on_cancelled)
        self.controls.failed.connect(lambda: self._finish(""))

    @property
    def is_matching(self) -> bool:
        """Whether pairs are being matched, or about to be."""
        return self._matcher.is_busy

    def patterns(self) -> Patterns:
        """Return what is filled in."""
        folder, output = (_text(box.value) for box in (self.folder, self.output))
        first, second = (line.value.strip() for line in self.names)
        return Patterns(folder, first, second, output, self.suffix.value)

    def make_job(self) -> BatchJob:
        """Return the batch to run."""
        if not self.folder.value:
            raise GifnetError("Choose a folder with pairs of images.")
        if self._found is None:
            raise GifnetError(self._error or "Looking for pairs …")
        self.advanced.check()
        return BatchJob(
            self._found.items,
            self.patterns(),
            self.advanced.options(self.task.value),
            self.overwrite.value,
            self.controls.runner.noted.emit,
        )

    def summary(self, job: BatchJob) -> str:
        """Return how many pairs there are, and how many of them are done already."""
        count, first = len(job.items), job.items[0]
        existing = self._found.existing if self._found is not None else 0
        text = f"{count} pair{'s' if count > 1 else ''}, first {first.first.name} + "
        text += f"{first.second.name}."
        if not existing:
            return text
        fate = "will be replaced" if self.overwrite.value else "will be skipped"
        return f"{text} {existing} of the results exist and {fate}."

    def show_totals(self, results: list[BatchResult]) -> str:
        """Return the totals of a run, and warn if a pair has failed."""
        self._finish(totals(results) + ".")
        failed = sum(one.status == "failed" for one in results)
        if failed:
            show_warning(f"{failed} of {len(results)} pairs failed; see the Batch table.")
        return self._totals

    def _on_cancelled(self) -> None:
        self._finish(f"Cancelled. {totals(self._results)}; the next run continues from there.")
        self.controls.show_message(self._totals)

    def _finish(self, text: str) -> None:
        self.item_bar.hide()
        self._match()  # results exist now
        self._totals = text

    def _on_started(self) -> None:
        self._results = []
        self.table.setRowCount(0)
        self.table.show()
        self.item_bar.show()

    def _on_noted(self, note: ItemProgress | BatchResult) -> None:
        if isinstance(note, ItemProgress):
            self.item_bar.setRange(0, note.total)
            self.item_bar.setValue(note.done)
            self.item_bar.setToolTip(note.name)
        else:
            self._results.append(note)
            self.table.add(note)

    def _match(self) -> None:
        self._found, self._error, self._totals = None, "", ""
        self._matcher.stop()
        if self.folder.value:
            patterns = self.patterns()
            self._matcher.request(patterns, lambda: partial(match_patterns, patterns))
        self.controls.refresh()

    def _on_matched(self, found: Found) -> None:
        self._found = found
        self.controls.refresh()
        if self._totals and not self.controls.blocking_reason():
            self.controls.show_message(self._totals)

    def _on_match_failed(self, error: Exception) -> None:
        self._error = str(error)
        self.controls.refresh()

    def _on_task(self) -> None:
        for line, role in zip(self.names, role_names(self.task.value), strict=True):
            line.label = role
        self.advanced.choose_task(self.task.value)
        self.controls.refresh()


class ResultTable(QTableWidget):
    """The results of a batch; magicgui's table cannot grow row by row, colour or explain cells."""

    _MAX_HEIGHT = 260
    #: Readable on napari's dark and on its light theme.
    _WARNING = QColor(230, 126, 34)

    def __init__(self) -> None:
        super().__init__(0, 2)
        self.setHorizontalHeaderLabels(["Pair", "Result"])
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        if (rows := self.verticalHeader()) is not None:
            rows.hide()
            rows.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        if (columns := self.horizontalHeader()) is not None:
            columns.setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
            columns.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        self.hide()

    def add(self, result: BatchResult) -> None:
        """Append a result."""
        row = self.rowCount()
        self.insertRow(row)
        text = f"done, {result.seconds:.1f} s" if result.status == "done" else result.status
        if result.status == "failed":
            text += f": {result.message}"
        for column, words in enumerate((result.item.name, text)):
            cell = QTableWidgetItem(words)
            cell.setToolTip(f"{result.item.output}\n{result.message}".strip())
            if result.status == "failed":
                cell.setForeground(self._WARNING)
            self.setItem(row, column, cell)
        header = self.horizontalHeader()
        height = (header.sizeHint().height() if header else 0) + 4
        height += sum(map(self.rowHeight, range(self.rowCount())))
        self.setFixedHeight(min(self._MAX_HEIGHT, height))
        self.scrollToBottom()


def _text(path: object) -> str:
    return "" if path is None else str(path)
