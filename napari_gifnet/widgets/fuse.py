"""The Fuse widget: any number of layers of one scene, or a stack, fused into a new layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from magicgui.widgets import CheckBox, PushButton
from qtpy.QtWidgets import QWidget

from gifnet.errors import GifnetError
from gifnet.options import Wanted
from gifnet.registration.transform import Transform

from ..jobs.base import LayerJob, shared_fusers
from ..jobs.enhance import EnhancementJob
from ..jobs.fuse import FusionJob, colormaps_of, role_names
from ..jobs.preview import stack_preview
from ..jobs.script import as_script
from ..jobs.stacks.job import StackJob
from ..layers.colours import have_colours
from ..layers.display import describe_ranges
from ..layers.outline import Outline
from ..layers.selection import (
    LayerWatch,
    axis_entries,
    guess_task,
    in_offered_order,
    in_roles,
    kind_of,
    propose,
)
from ..layers.snapshot import METADATA_KEY, LayerData, Snapshot, snapshot
from .parts.dock import fill_dock
from .parts.inputs import ChoiceBox, LayerList, make_form
from .parts.live_preview import Preview
from .parts.options import HELP, TASK_ENTRIES, AdvancedOptions
from .parts.registration import RegistrationBox
from .parts.run_controls import RunControls, RunEstimate, add_layers
from .parts.weights import Weights

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

_STACKED = ("mfif", "meif")
_MIDDLE = "middle"


class FuseWidget(QWidget):
    """Fuse the ticked image layers: several of one scene, a stack, or one, which is enhanced.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer, which napari passes in.
    """

    verb = "Fuse"
    #: Whether one layer with a further axis is fused along it at first.
    along_first_axis = True

    def __init__(self, napari_viewer: Viewer):
        super().__init__()
        self.viewer = napari_viewer
        self.list = LayerList(
            "Layers",
            "Tick the layers to fuse, one layer with a stack axis, or one layer to enhance. Drag "
            "them into another order: neighbours in a stack should be neighbours in the list.",
        )
        self.axis = ChoiceBox(
            none="None: enhance it", label="Fuse along", tooltip="The axis of the slices."
        )
        self.task = ChoiceBox(TASK_ENTRIES, none="Any images", label="Kind", tooltip=HELP["task"])
        self.role = ChoiceBox(
            label="First",
            tooltip="The layer in the first role: the functional or spectral one (infrared, PET, "
            "multispectral, over-exposed). The model that is chosen needs to know it.",
        )
        self.grid = ChoiceBox(label="Result grid")
        self.colours = ChoiceBox(
            [("From colormaps", True), ("Grey", False)],
            label="Colours",
            tooltip="From colormaps: coloured layers give their colours to the result, whose "
            "values are those of a display. Grey: values are fused.",
        )
        self.extra = CheckBox(text="Also add shares")
        self.halos = CheckBox(
            text="Keep edges free of halos",
            value=True,
            tooltip="The result passes the range of the 5 x 5 pixels around by no more than 3 % of "
            "the local range. Without this, detail becomes stronger.",
        )
        self.outline_button = PushButton(
            text="Show overlap", tooltip="Draws the outline of what the layers cover in common."
        )
        self.outline_button.native.setCheckable(True)
        self.weights = Weights()
        self.registration = RegistrationBox()
        self.advanced = AdvancedOptions()
        self.estimate = RunEstimate(self)
        self.preview = Preview(napari_viewer, self.preview_job)
        self.controls: RunControls[Any] = RunControls(
            self.verb,
            make_job=self.make_job,
            summary=self.summary,
            script=lambda job: as_script(job, self.layers, self.viewer.layers),
            add_result=self.add_result,
        )
        self._outline = Outline(napari_viewer.layers)
        self._picked = self._told = False
        #: The only layer that is ticked.
        self._alone: Image | None = None
        #: The layer that somebody has put into the first role.
        self._first: Image | None = None
        self.form = make_form(
            self.list, self.axis, self.task, self.role, self.grid, self.colours,
            self.registration.kind, self.extra, self.halos,
        )  # fmt: skip
        fill_dock(
            self, self.form, *self.more_parts(), self.registration, self.weights,
            self.outline_button.native, self.preview, self.advanced, self.controls,
        )  # fmt: skip
        self.watch = LayerWatch(napari_viewer.layers, self._on_layers)
        self._connect()
        self._on_layers()

    def _connect(self) -> None:
        self.list.changed.connect(self._on_ticked)
        self.task.changed.connect(self._on_task)
        self.axis.changed.connect(self._on_chosen)
        self.role.changed.connect(self._on_role)
        for box in (self.grid, self.colours, self.extra, self.halos):
            box.changed.connect(self.controls.refresh)
        self.outline_button.native.toggled.connect(self.controls.refresh)
        self.weights.changed.connect(self.controls.refresh)
        self.registration.changed.connect(self.controls.refresh)
        self.advanced.changed.connect(self._on_chosen)
        self.estimate.changed.connect(self.controls.show_summary)
        self.controls.refreshed.connect(self._on_refreshed)
        self.controls.started.connect(self._on_started)
        for stop in (self.estimate.stop, self.preview.stop, self.registration.stop):
            self.controls.started.connect(stop)
        # Bound to objects that outlive this widget, which is half gone by then.
        self.destroyed.connect(self._outline.hide)
        self.destroyed.connect(self.watch.close)

    @property
    def layers(self) -> list[Image]:
        """The ticked layers, in the order in which they are fused."""
        found = in_roles(self.list.selected, self.task.value)
        if self._needs_roles and self._first in found:
            found.sort(key=lambda layer: layer is not self._first)
        return found

    @layers.setter
    def layers(self, layers: Sequence[Image]) -> None:
        self._picked = True
        others = [one for one in self.watch.images() if one not in layers]
        self.list.show_layers([*layers, *in_offered_order(others)], layers)
        self._on_layers()

    @property
    def is_stack(self) -> bool:
        """Whether the ticked layers are slices, or one layer that has them."""
        found = self.list.selected
        if len(found) < 2:
            return bool(found) and self.axis.value is not None
        alike = len({kind_of(layer) for layer in found}) == 1
        return len(found) > 2 and alike and self.task.value in _STACKED

    @property
    def _needs_roles(self) -> bool:
        return len(self.list.selected) == 2 and not self.advanced.any_number

    def propose(self) -> list[Image]:
        """Return the layers to tick, as long as nobody has chosen."""
        return propose(self.watch.images())

    def more_parts(self) -> list[QWidget]:
        """Return further parts of the widget, which come after the form."""
        return []

    def make_job(self) -> LayerJob:
        """Return what to do, with the layers as they are now."""
        images = [snapshot(layer) for layer in self.layers]
        if not images:
            raise GifnetError("Open image layers, and tick those to fuse, or one to enhance.")
        self.advanced.check()
        options = self.advanced.options(self.task.value)
        if self.is_stack:
            return self._stack_job(images)
        if len(images) == 1:
            if not self.halos.value:
                options = options.updated(overshoot=None)
            return EnhancementJob(images[0], options, self.advanced.scale)
        self.advanced.check_number(len(images))
        if self.advanced.any_number:
            options = options.updated(balance=self.weights.values(self.layers))
        shares: Wanted = "none"
        if self.advanced.has_share and self.extra.value:
            shares = "all" if self.advanced.any_number else "first"
        job = FusionJob(
            tuple(images),
            options,
            self._reference(),
            shares,
            self.registration.selection(),
            self.advanced.scale,
            colormaps_of(images) if have_colours(images) and self.colours.value else None,
            self.advanced.gammas(images),
        )
        job.overlap()  # raises if there is none
        return job

    def _stack_job(self, images: list[Snapshot]) -> StackJob:
        if not self.advanced.has_share:
            raise GifnetError("This model gives no shares, so it fuses no stacks; choose another.")
        job = StackJob(
            tuple(images),
            self.advanced.options(self.task.value or "mfif"),
            self.axis.value if len(images) == 1 else None,
            self.registration.kind.value,
            None if self.grid.value == _MIDDLE else self.grid.value,
            self.extra.value,
            self.advanced.scale,
        )
        job.check()
        return job

    def _reference(self) -> Any:
        chosen, found = self.grid.value, self.layers
        return "finer" if chosen not in found else found.index(chosen)

    def preview_job(self) -> FusionJob:
        """Return the fusion to preview; one layer is enhanced."""
        job = self.make_job()
        if isinstance(job, StackJob):
            return stack_preview(job, shared_fusers().scales)
        if isinstance(job, EnhancementJob):
            return FusionJob((job.image,), job.options.for_one_image(), scale=job.scale)
        assert isinstance(job, FusionJob)
        if job.registration.is_wanted and job.registration.found is None:
            raise GifnetError("Press Find first, so that the preview is registered.")
        return job.register(lambda done, total: None)[0]

    def summary(self, job: LayerJob) -> str:
        """Return the result's grid, the ranges, and an estimate of the run."""
        scale = self.advanced.scale
        if isinstance(job, StackJob):
            rows, columns = job.place.grid.shape[-2:]
            runs = 0 if self.advanced.any_number else 2 * (job.count - 1)
            compared = f": {runs} comparisons" if runs else ""
            text = f"{job.count} slices of {rows} × {columns} px{compared}."
            words = [text, describe_ranges(job.images[:1], scale)]
            sources = (job.place,) * (2 * runs or job.count)
            estimate = self.estimate.text(job.place, sources, job.options)
        elif isinstance(job, EnhancementJob):
            words = [describe_ranges([job.image], scale)]
            estimate = self.estimate.text(job.image, (job.image,), job.options)
        else:
            assert isinstance(job, FusionJob)
            overlap = job.overlap()
            words = [overlap.in_words(), describe_ranges(job.layers, scale)]
            estimate = self.estimate.text(overlap.reference, job.layers, job.options)
        return " ".join(filter(None, (*words, estimate)))

    def add_result(self, result: list[LayerData]) -> str:
        """Add the result, and show the registration that it was made with."""
        message = add_layers(self.viewer, result)
        record = result[-1][1]["metadata"][METADATA_KEY]
        if isinstance(self.controls.job, FusionJob) and "registration" in record:
            transform = Transform.from_dict(record["registration"])
            self.registration.show_transform(self.controls.job, transform)
        return message

    def _on_ticked(self) -> None:
        self._picked = True
        self._on_chosen()

    def _on_started(self) -> None:
        # Whoever hides the sources of a result still means them.
        self._picked = True

    def _on_task(self) -> None:
        self._told = True
        self._on_chosen()

    def _on_role(self, layer: Image) -> None:
        self._first = layer
        self._on_chosen()

    def _on_chosen(self, *_: object) -> None:
        self._fill()
        self.controls.refresh()

    def _on_layers(self, *_: object) -> None:
        """Offer the image layers, keeping the ticked ones as long as they are there."""
        there = self.watch.images()
        kept = [layer for layer in self.list.layers if layer in there]
        new = [layer for layer in there if layer not in kept]
        offered = in_offered_order([*kept, *new] if self._picked else there)
        ticked = [layer for layer in self.list.selected if layer in there]
        self._picked = self._picked and bool(ticked)
        self.list.show_layers(offered, ticked if self._picked else self.propose())
        self._on_chosen()

    def _fill(self) -> None:
        """Show the inputs that the ticked layers need."""
        found = self.list.selected
        if not self._told:
            with self.task.changed.blocked():
                self.task.value = guess_task(found)
        self.advanced.choose_task(self.task.value)
        self._fill_axes(found)
        several, stack, chosen = len(found) > 1, self.is_stack, self.layers
        self.role.label = role_names(self.task.value)[0] or "First"
        self.role.set_entries((layer.name, layer) for layer in chosen)
        with self.role.changed.blocked():
            self.role.native.setCurrentIndex(0)
        slices: list[tuple[str, object]] = [
            (name, index) for index, name in enumerate(self._slice_names() if stack else ())
        ]
        layers: list[tuple[str, object]] = [(layer.name, layer) for layer in chosen]
        finest = ("Middle slice", _MIDDLE) if stack else ("Finest pixels", "finer")
        self.grid.set_entries([finest, *(slices if stack else layers)])
        self.grid.label = "Reference" if stack else "Result grid"
        self.registration.kind.label = "Align" if stack else "Registration"
        self.extra.text = "Also add the depth map" if stack else "Also add shares"
        self.extra.enabled = stack or self.advanced.has_share
        coloured = several and not stack and have_colours([snapshot(one) for one in found])
        for box, shown in (
            (self.axis, bool(self.axis.choices[1:])),
            (self.task, several or (stack and not self.advanced.any_number)),
            (self.role, self._needs_roles and not stack),
            (self.grid, several or stack),
            (self.colours, coloured),
            (self.registration.kind, stack or len(found) == 2),
            (self.extra, several or stack),
            (self.halos, len(found) == 1 and not stack),
        ):
            self.form.show_row(box, shown)
        self.outline_button.native.setVisible(several and not stack)
        self.weights.show_layers(chosen if several and not stack else [])
        self.weights.setVisible(several and not stack and self.advanced.any_number)

    def _fill_axes(self, found: list[Image]) -> None:
        alone = found[0] if len(found) == 1 else None
        entries = axis_entries(alone)[:-2] if alone is not None else []
        self.axis.set_entries(entries)
        if alone is not self._alone:
            self._alone = alone
            with self.axis.changed.blocked():
                self.axis.value = entries[0][1] if entries and self.along_first_axis else None

    def _slice_names(self) -> list[str]:
        found = self.list.selected
        if len(found) != 1 or self.axis.value is None:
            return [layer.name for layer in self.layers]
        count = snapshot(found[0]).grid.shape[self.axis.value]
        return [f"Slice {index}" for index in range(count)]

    def _on_refreshed(self, job: LayerJob | None) -> None:
        pair = job if isinstance(job, FusionJob) and len(job.layers) == 2 else None
        layers = self.layers
        self.registration.show_pair(pair, (layers[0], layers[1]) if pair else (None, None))
        self.preview.refresh(job)
        is_fusion = isinstance(job, FusionJob)
        self.outline_button.enabled = is_fusion
        if isinstance(job, FusionJob) and self.outline_button.native.isChecked():
            self._outline.show(job.overlap())
        else:
            self._outline.hide()
