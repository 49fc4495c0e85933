"""The Batch widget: folders of pairs, fused one after another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QFormLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QProgressBar,
    QTableWidget,
    QTableWidgetItem,
)

from gifnet.io import FORMATS
from gifnet.tasks import TASKS
from gifnet.workflows.batch import BatchResult

from ..jobs.batch import BatchJob, Found, Patterns, Step, match_patterns, totals
from ..jobs.fuse import role_names
from .inputs import FolderEdit, ValueBox
from .options import HELP
from .panel import Panel
from .runner import Outcome, Runner

if TYPE_CHECKING:
    from napari.viewer import Viewer

_FORMATS = tuple((each.name, each.written[0]) for each in FORMATS if each.written)
_PATTERN = (
    "A sub-folder, or a file name with one *, such as pet/*.tif or *_pet.tif. What stands for the "
    "star, or the file's stem, is the pair's name; files of one name are a pair."
)
_WAIT_MS = 300
_MAX_HEIGHT = 260
#: Readable on napari's dark and on its light theme.
_WARNING = QColor(230, 126, 34)


class BatchWidget(Panel):
    """Fuse the pairs of files in a folder.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer, which napari passes in.
    """

    def __init__(self, napari_viewer: Viewer):
        super().__init__(napari_viewer, "Run batch")
        self.script_button.setToolTip(
            "Puts a Python script on the clipboard that does the same without napari."
        )
        tasks = [(task.short_title, task.name) for task in TASKS.values()]
        self.task = ValueBox([("Any pair", None), *tasks], HELP["task"])
        self.folder = FolderEdit("choose a folder", "Choose the folder of the pairs")
        self.names = (QLineEdit(), QLineEdit())
        self.labels = (QLabel(), QLabel())
        self.output = FolderEdit("fused, in that folder", "Choose where the results go")
        self.suffix = ValueBox(_FORMATS, "Format of the results. TIFF keeps all types.")
        self.overwrite = QCheckBox("Replace results that exist")
        self.overwrite.setToolTip("Otherwise they are skipped, so a batch goes on where it was.")
        self.item_bar = QProgressBar(textVisible=False)
        self.item_bar.setFixedHeight(6)
        self.item_bar.hide()
        self.table = QTableWidget(0, 2)
        self._results: list[BatchResult] = []
        #: What the last run came to, as long as the patterns are the same.
        self._sum = ""
        self._found: Found | None = None
        self._trouble = ""
        self._asked: Patterns | None = None
        self._looker = Runner()
        self._looker.ended.connect(self._on_looked)
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._look)
        self._runner.noted.connect(self._on_noted)
        self.destroyed.connect(self._looker.cancel)
        self._fill_form()
        self.task.currentIndexChanged.connect(self._show_roles)
        for line in (self.folder.line, self.output.line, *self.names):
            line.textChanged.connect(self._look_later)
        self.suffix.chosen.connect(self._look_later)
        self.overwrite.toggled.connect(self.refresh)
        self._show_roles()
        self.refresh()

    def _fill_form(self) -> None:
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Task", self.task)
        form.addRow("Folder", self.folder)
        for label, line, hint in zip(
            self.labels, self.names, ("pet  or  *_pet.tif", "mri  or  *_mri.tif"), strict=True
        ):
            line.setPlaceholderText(hint)
            line.setToolTip(_PATTERN)
            label.setWordWrap(True)
            form.addRow(label, line)
        form.addRow("Results in", self.output)
        form.addRow("Format", self.suffix)
        self.form.addLayout(form)
        self.form.addWidget(self.overwrite)
        self.table.setHorizontalHeaderLabels(["Pair", "Result"])
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.table.verticalHeader().hide()
        fitting = QHeaderView.ResizeMode.ResizeToContents
        self.table.verticalHeader().setSectionResizeMode(fitting)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        self.table.hide()
        self.results.addWidget(self.item_bar)
        self.results.addWidget(self.table)

    @property
    def is_looking(self) -> bool:
        """Whether pairs are being matched, or about to be."""
        return self._timer.isActive() or self._looker.is_running

    def patterns(self) -> Patterns:
        """Return what is filled in."""
        first, second = (line.text().strip() for line in self.names)
        return Patterns(
            self.folder.path or "", first, second, self.output.path or "", self.suffix.value
        )

    def problem(self) -> str | None:
        """Return why the widget cannot run now, or None if it can."""
        if not self.folder.path:
            return "Choose a folder with pairs of images."
        if self._found is None:
            return self._trouble or "Looking for pairs …"
        return super().problem()

    def make_job(self) -> BatchJob:
        """Return the batch to run."""
        items = self._found.items if self._found is not None else ()
        return BatchJob(
            items,
            self.patterns(),
            self.advanced.options(self.task.value),
            self.overwrite.isChecked(),
            self._runner.noted.emit,
        )

    def sources(self) -> tuple[Any, ...]:
        """Return nothing: a batch works on files."""
        return ()

    def script(self) -> str:
        """Return a script that does what the run button does."""
        return self.make_job().script()

    def facts(self) -> str:
        """Return how many pairs there are, and how many of them are done already."""
        if self._found is None:
            return ""
        count, existing = len(self._found.items), self._found.existing
        first = self._found.items[0]
        text = f"{count} pair{'s' if count > 1 else ''}, first {first.first.name} + "
        text += f"{first.second.name}."
        if not existing:
            return text
        fate = "will be replaced" if self.overwrite.isChecked() else "will be skipped"
        return f"{text} {existing} of the results exist and {fate}."

    def show_layers(self, layers: list[Any]) -> None:
        """Do nothing: a batch works on files."""

    def before_run(self) -> None:
        """Empty the table."""
        self._results = []
        self.table.setRowCount(0)
        self.table.show()
        self.item_bar.show()

    def deliver(self, result: Any) -> str:
        """Sum up, and warn if something has failed."""
        self._rest(totals(result) + ".")
        failed = sum(one.status == "failed" for one in result)
        if failed:
            from napari.utils.notifications import show_warning

            show_warning(f"{failed} of {len(result)} pairs failed; the Batch table says why.")
        return self._sum

    def on_cancelled(self) -> str:
        """Say what is done so far."""
        self._rest(f"Cancelled. {totals(self._results)}; the next run goes on from there.")
        return self._sum

    def on_failed(self) -> None:
        """Put the bar away."""
        self._rest("")

    def _rest(self, said: str) -> None:
        self.item_bar.hide()
        self._look_later()  # results exist now
        self._sum = said

    def _on_noted(self, told: object) -> None:
        if isinstance(told, Step):
            self.item_bar.setRange(0, told.total)
            self.item_bar.setValue(told.done)
            self.item_bar.setToolTip(told.name)
        elif isinstance(told, BatchResult):
            self._results.append(told)
            self._add_row(told)

    def _add_row(self, result: BatchResult) -> None:
        row = self.table.rowCount()
        self.table.insertRow(row)
        text = f"done, {result.seconds:.1f} s" if result.status == "done" else result.status
        if result.status == "failed":
            text += f": {result.message}"
        for column, words in enumerate((result.item.name, text)):
            cell = QTableWidgetItem(words)
            cell.setToolTip(f"{result.item.output}\n{result.message}".strip())
            if result.status == "failed":
                cell.setForeground(_WARNING)
            self.table.setItem(row, column, cell)
        height = self.table.horizontalHeader().sizeHint().height() + 4
        height += sum(map(self.table.rowHeight, range(self.table.rowCount())))
        self.table.setFixedHeight(min(_MAX_HEIGHT, height))
        self.table.scrollToBottom()

    def _look_later(self, *_: object) -> None:
        self._found, self._trouble, self._sum = None, "", ""
        self._looker.cancel()
        self._timer.start(_WAIT_MS)
        self.refresh()

    def _look(self) -> None:
        if self._looker.is_running:  # one for other patterns is on its way out
            self._timer.start(_WAIT_MS)
            return
        if not self.folder.path:
            return
        patterns = self._asked = self.patterns()
        self._looker.start(lambda progress: match_patterns(patterns, progress))

    def _on_looked(self, outcome: Outcome) -> None:
        if outcome.cancelled or self._asked != self.patterns():
            return
        self._found = outcome.result
        self._trouble = str(outcome.error or "")
        self.refresh()
        if self._sum and self.problem() is None:
            self._show(self._sum)

    def _show_roles(self, *_: object) -> None:
        for label, role in zip(self.labels, role_names(self.task.value), strict=True):
            label.setText(role)
