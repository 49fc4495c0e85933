"""The Stack widget: a focus stack or an exposure bracket fused into one image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QCheckBox, QFormLayout, QLabel

from gifnet.errors import GifnetError
from gifnet.tasks import TASKS

from ..jobs.estimate import count_pixels, duration
from ..jobs.stack import StackJob
from ..layers.selection import axis_entries, follow_slices
from ..layers.snapshot import snapshot
from .inputs import LayerList, ValueBox
from .panel import Panel

if TYPE_CHECKING:
    from napari.viewer import Viewer

_ALIGNMENTS = (
    ("Not needed", "none"),
    ("Translation", "translation"),
    ("Rigid", "rigid"),
    ("Affine", "affine"),
)


class StackWidget(Panel):
    """Fuse the slices of a stack, one layer or several, into one image.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer, which napari passes in.
    """

    def __init__(self, napari_viewer: Viewer):
        super().__init__(napari_viewer, "Fuse stack")
        self.list = LayerList(
            "Tick one layer with a stack axis, or two or more slices. Neighbours in this list "
            "should be neighbours in focus or exposure."
        )
        self.axis = ValueBox(tooltip="The axis along which the slices lie.")
        tasks = [(TASKS[name].title, name) for name in ("mfif", "meif")]
        self.task = ValueBox(tasks, "What the stack is; the same network serves both.")
        self.align = ValueBox(
            _ALIGNMENTS,
            "Registers every slice to the reference slice first. Affine follows the change of "
            "magnification that comes with refocusing.",
        )
        self.reference = ValueBox(tooltip="The slice whose frame the result has.")
        self.depth = QCheckBox("Also add the depth map", checked=True)
        self.depth.setToolTip(
            "Adds a hidden layer with the number of the slice, from 0, that has the greatest share "
            "of each pixel."
        )
        self._picked = False
        self._fill_form()
        self.list.ticked.connect(self._on_ticked)
        self.axis.chosen.connect(self._on_layers)
        for box in (self.task, self.align, self.reference):
            box.chosen.connect(self.refresh)
        self._on_layers()

    def _fill_form(self) -> None:
        self.form.addWidget(QLabel("Slices, or one layer with a stack axis"))
        self.form.addWidget(self.list)
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Stack axis", self.axis)
        form.addRow("Task", self.task)
        form.addRow("Align", self.align)
        form.addRow("Reference", self.reference)
        self.form.addLayout(form)
        self.form.addWidget(self.depth)

    @property
    def slices(self) -> list[Any]:
        """The chosen layers: one with a stack axis, or the slices."""
        return self.list.value

    @slices.setter
    def slices(self, layers: list[Any]) -> None:
        self.list.show_layers(self.watch.images(), layers)
        self._on_ticked()

    def problem(self) -> str | None:
        """Return why the widget cannot run now, or None if it can."""
        if not self.slices:
            return "Open the slices of a stack, or one layer with a stack axis."
        if not self.advanced.has_share:
            return "This model tells no shares, which stacks are fused by: choose another one."
        if problem := super().problem():
            return problem
        try:
            self.make_job()
        except GifnetError as error:
            return str(error)
        return None

    def make_job(self) -> StackJob:
        """Return the fusion to do, with the layers as they are now."""
        job = StackJob(
            tuple(snapshot(layer) for layer in self.slices),
            self.advanced.options(self.task.value),
            self._axis(),
            self.align.value,
            self.reference.value,
            self.depth.isChecked(),
        )
        job.check()
        return job

    def sources(self) -> tuple[Any, ...]:
        """Return the layers to work on."""
        return tuple(self.slices)

    def facts(self) -> str:
        """Return how much work it is."""
        job = self.make_job()
        rows, columns = job.place.grid.shape[-2:]
        runs = 2 * (job.count - 1)
        text = f"{job.count} slices of {rows} × {columns} px: {runs} comparisons"
        seconds = self._speeds.seconds(job.options, runs * count_pixels(job.place))
        return f"{text}, {duration(seconds)}." if seconds and seconds > 1 else f"{text}."

    def show_layers(self, layers: list[Any]) -> None:
        """Offer these image layers, keeping those that a person has ticked."""
        self.list.show_layers(layers, follow_slices(layers, self.slices, self._picked))
        chosen = self.slices
        entries = axis_entries(chosen[0])[:-2] if len(chosen) == 1 else []
        self.axis.set_entries(entries)
        if entries and self.axis.value is None:
            self.axis.value = entries[0][1]
        self.axis.setEnabled(bool(entries))
        names = self._slice_names()
        self.reference.set_entries(
            [("Middle slice", None), *((name, index) for index, name in enumerate(names))]
        )

    def _axis(self) -> int | None:
        return self.axis.value if len(self.slices) == 1 else None

    def _slice_names(self) -> list[str]:
        axis = self._axis()
        if axis is None:
            return [layer.name for layer in self.slices]
        count = snapshot(self.slices[0]).grid.shape[axis]
        return [f"Slice {index}" for index in range(count)]

    def _on_ticked(self) -> None:
        self._picked = True
        self._on_layers()
