"""The Stack widget: a focus stack or an exposure bracket fused into one image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from magicgui.widgets import CheckBox
from qtpy.QtWidgets import QWidget

from gifnet.errors import GifnetError
from gifnet.tasks import TASKS

from ..jobs.base import shared_fusers
from ..jobs.estimate import count_pixels, duration
from ..jobs.script import as_script
from ..jobs.stack import StackJob
from ..layers.display import describe_ranges
from ..layers.selection import LayerWatch, axis_entries, follow_slices
from ..layers.snapshot import snapshot
from .parts.dock import fill_dock
from .parts.inputs import ChoiceBox, LayerList, make_form
from .parts.options import AdvancedOptions
from .parts.registration import KIND_ENTRIES
from .parts.run_controls import RunControls, add_layers

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer


class StackWidget(QWidget):
    """Fuse the slices of a stack, one layer or several, into one image.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer, which napari passes in.
    """

    def __init__(self, napari_viewer: Viewer):
        super().__init__()
        self.viewer = napari_viewer
        self.list = LayerList(
            "Slices",
            "Select one layer with a stack axis, or two or more slices. Neighbours in this list "
            "should be neighbours in focus or exposure.",
        )
        self.axis = ChoiceBox(label="Stack axis", tooltip="The axis of the slices.")
        self.task = ChoiceBox(
            [(TASKS[name].title, name) for name in ("mfif", "meif")],
            label="Task",
            tooltip="What the stack is; the same network serves both.",
        )
        self.align = ChoiceBox(
            KIND_ENTRIES,
            label="Align",
            tooltip="Registers every slice to the reference slice first. Affine follows the change "
            "of magnification that comes with refocusing.",
        )
        self.reference = ChoiceBox(
            none="Middle slice",
            label="Reference",
            tooltip="The slice whose frame the result has.",
        )
        self.depth_map = CheckBox(
            text="Also add the depth map",
            value=True,
            tooltip="Adds a hidden layer with the depth of every pixel, measured between the "
            "slices. It has the unit of the stack's axis.",
        )
        self.advanced = AdvancedOptions()
        self.controls = RunControls(
            "Fuse stack",
            make_job=self.make_job,
            summary=self.summary,
            script=lambda job: as_script(job, self.slices, self.viewer.layers),
            add_result=lambda result: add_layers(self.viewer, result),
        )
        self._picked = False
        form = make_form(
            self.list, self.axis, self.task, self.align, self.reference, self.depth_map
        )
        fill_dock(self, form, self.advanced, self.controls)
        self.watch = LayerWatch(napari_viewer.layers, self._on_layers)
        self.list.changed.connect(self._on_picked)
        self.axis.changed.connect(self._on_layers)
        for changed in (
            self.task.changed, self.align.changed, self.reference.changed, self.advanced.changed
        ):  # fmt: skip
            changed.connect(self.controls.refresh)
        # Bound to an object that outlives this widget, which is half gone by then.
        self.destroyed.connect(self.watch.close)
        self._on_layers()

    @property
    def slices(self) -> list[Image]:
        """The chosen layers: one with a stack axis, or the slices."""
        return self.list.selected

    @slices.setter
    def slices(self, layers: list[Image]) -> None:
        self.list.show_layers(self.watch.images(), layers)
        self._on_picked()

    def make_job(self) -> StackJob:
        """Return the fusion to do, with the layers as they are now."""
        if not self.slices:
            raise GifnetError("Open the slices of a stack, or one layer with a stack axis.")
        if not self.advanced.has_share:
            raise GifnetError("This model gives no shares, so it fuses no stacks; choose another.")
        self.advanced.check()
        job = StackJob(
            tuple(snapshot(layer) for layer in self.slices),
            self.advanced.options(self.task.value),
            self._axis(),
            self.align.value,
            self.reference.value,
            self.depth_map.value,
            self.advanced.scale,
        )
        job.check()
        return job

    def summary(self, job: StackJob) -> str:
        """Return how much work it is."""
        rows, columns = job.place.grid.shape[-2:]
        runs = 2 * (job.count - 1)
        text = f"{job.count} slices of {rows} × {columns} px: {runs} comparisons"
        speeds = shared_fusers().speeds
        seconds = speeds.seconds(job.options, runs * count_pixels(job.place))
        text += f", {duration(seconds)}." if seconds and seconds > 1 else "."
        return f"{text} {describe_ranges(job.images[:1], self.advanced.scale)}"

    def _on_layers(self) -> None:
        """Offer the image layers, keeping those that a person has selected."""
        layers = self.watch.images()
        self.list.show_layers(layers, follow_slices(layers, self.slices, self._picked))
        chosen = self.slices
        entries = axis_entries(chosen[0])[:-2] if len(chosen) == 1 else []
        self.axis.set_entries(entries)
        self.axis.enabled = bool(entries)
        self.reference.set_entries((name, index) for index, name in enumerate(self._slice_names()))
        self.controls.refresh()

    def _axis(self) -> int | None:
        return self.axis.value if len(self.slices) == 1 else None

    def _slice_names(self) -> list[str]:
        axis = self._axis()
        if axis is None:
            return [layer.name for layer in self.slices]
        count = snapshot(self.slices[0]).grid.shape[axis]
        return [f"Slice {index}" for index in range(count)]

    def _on_picked(self) -> None:
        self._picked = True
        self._on_layers()
