"""The Fuse widget: two layers of one scene fused into a new one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from magicgui.widgets import CheckBox, Container, PushButton
from qtpy.QtWidgets import QWidget

from gifnet.errors import GifnetError
from gifnet.registration.transform import Transform

from ..jobs.fuse import FusionJob, role_names
from ..jobs.script import as_script
from ..layers.display import describe_ranges
from ..layers.outline import Outline
from ..layers.selection import Choice, LayerWatch, choose, follow
from ..layers.snapshot import METADATA_KEY, LayerData, snapshot
from .parts.dock import fill_dock
from .parts.inputs import ChoiceBox, LayerBox, make_form
from .parts.live_preview import Preview
from .parts.options import HELP, TASK_ENTRIES, AdvancedOptions
from .parts.registration import RegistrationBox
from .parts.run_controls import RunControls, RunEstimate, add_layers

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

_ORDER = (
    "The network is not symmetric: the functional or spectral image comes first (infrared, PET, "
    "multispectral, over-exposed), the structural one second (visible, MRI, panchromatic)."
)
_GRIDS = (
    ("Finer pixels", "finer"),
    ("First layer", "first"),
    ("Second layer", "second"),
)


class FuseWidget(QWidget):
    """Fuse two image layers of one scene into a new one.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer, which napari passes in.
    """

    def __init__(self, napari_viewer: Viewer):
        super().__init__()
        self.viewer = napari_viewer
        self.task = ChoiceBox(TASK_ENTRIES, none="Any pair", label="Task", tooltip=HELP["task"])
        self.boxes = (LayerBox(tooltip=_ORDER), LayerBox(tooltip=_ORDER))
        self.swap_button = PushButton(text="⇅ Swap", tooltip="Swap the two layers.")
        self.outline_button = PushButton(
            text="Show overlap", tooltip="Draws the outline of what both layers cover."
        )
        self.outline_button.native.setCheckable(True)
        self.grid = ChoiceBox(
            _GRIDS,
            label="Result grid",
            tooltip="Whose pixels the result has. The other layer is resampled onto them through "
            "world coordinates (scale, translate, rotate, shear, affine, units).",
        )
        self.share = CheckBox(
            text="Also add the first layer's share",
            tooltip="Adds a hidden layer with the share of the first layer in every pixel: 1 where "
            "all comes from the first layer, 0 where all comes from the second.",
        )
        self.registration = RegistrationBox()
        self.advanced = AdvancedOptions()
        self.estimate = RunEstimate(self)
        self.preview = Preview(napari_viewer, self.preview_job)
        self.controls = RunControls(
            "Fuse",
            make_job=self.make_job,
            summary=self.summary,
            script=lambda job: as_script(job, self._choice, self.viewer.layers),
            add_result=self.add_result,
        )
        self._outline = Outline(napari_viewer.layers)
        self._choice: Choice = (None, None)
        buttons = Container(
            widgets=[self.swap_button, self.outline_button], layout="horizontal", labels=False,
            label=" ",
        )  # fmt: skip
        buttons.margins = (0, 0, 0, 0)
        form = make_form(self.task, *self.boxes, buttons, self.grid, self.registration.kind)
        fill_dock(
            self, form, self.registration, self.share.native, self.preview, self.advanced,
            self.controls,
        )  # fmt: skip
        self.watch = LayerWatch(napari_viewer.layers, self._on_layers)
        self._connect()
        self._on_task()
        self._on_layers()

    def _connect(self) -> None:
        for slot, box in enumerate(self.boxes):
            box.changed.connect(lambda layer, slot=slot: self._choose(slot, layer))
        self.task.changed.connect(self._on_task)
        self.swap_button.changed.connect(self.swap)
        self.outline_button.native.toggled.connect(self.controls.refresh)
        self.grid.changed.connect(self.controls.refresh)
        self.registration.changed.connect(self.controls.refresh)
        self.advanced.changed.connect(self._on_options)
        self.estimate.changed.connect(self.controls.show_summary)
        self.controls.refreshed.connect(self._on_refreshed)
        for stop in (self.estimate.stop, self.preview.stop, self.registration.stop):
            self.controls.started.connect(stop)
        # Bound to objects that outlive this widget, which is half gone by then.
        self.destroyed.connect(self._outline.hide)
        self.destroyed.connect(self.watch.close)

    @property
    def first(self) -> Image | None:
        """The first source's layer, or None."""
        return self._choice[0]

    @first.setter
    def first(self, layer: Image) -> None:
        self._choose(0, layer)

    @property
    def second(self) -> Image | None:
        """The second source's layer, or None."""
        return self._choice[1]

    @second.setter
    def second(self, layer: Image) -> None:
        self._choose(1, layer)

    def swap(self) -> None:
        """Let the two layers change places."""
        self._choice = (self._choice[1], self._choice[0])
        self._on_layers()

    def make_job(self) -> FusionJob:
        """Return the fusion to do, with both layers as they are now."""
        if self.first is None or self.second is None:
            raise GifnetError("Open two image layers to fuse.")
        self.advanced.check()
        job = FusionJob(
            (snapshot(self.first), snapshot(self.second)),
            self.advanced.options(self.task.value),
            self.grid.value,
            "first" if self.advanced.has_share and self.share.value else "none",
            self.registration.selection(),
            self.advanced.scale,
        )
        job.overlap()  # raises if there is none
        return job

    def preview_job(self) -> FusionJob:
        """Return the fusion to preview."""
        job = self.make_job()
        if job.registration.is_wanted and job.registration.found is None:
            raise GifnetError("Press Find first, so that the preview is registered.")
        return job.register(lambda done, total: None)[0]

    def summary(self, job: FusionJob) -> str:
        """Return the result's grid, the overlap, and an estimate of a large run."""
        overlap = job.overlap()
        sources = (overlap.reference, overlap.moving)
        estimate = self.estimate.text(overlap.reference, sources, job.options)
        ranges = describe_ranges(job.layers, self.advanced.scale)
        return " ".join(filter(None, (overlap.in_words(), ranges, estimate)))

    def add_result(self, result: list[LayerData]) -> str:
        """Add the result, and show the registration that it was made with."""
        message = add_layers(self.viewer, result)
        record = result[-1][1]["metadata"][METADATA_KEY]
        if self.controls.job is not None and "registration" in record:
            transform = Transform.from_dict(record["registration"])
            self.registration.show_transform(self.controls.job, transform)
        return message

    def _choose(self, slot: int, layer: Image) -> None:
        self._choice = choose(self._choice, slot, layer)
        self._on_layers()

    def _on_layers(self) -> None:
        """Offer the image layers, keeping the chosen two as long as they are there."""
        layers = self.watch.images()
        self._choice = follow(layers, self._choice)
        for box, layer in zip(self.boxes, self._choice, strict=True):
            box.show_layers(layers, layer)
        self.controls.refresh()

    def _on_task(self) -> None:
        for box, role in zip(self.boxes, role_names(self.task.value), strict=True):
            box.label = role
        self.advanced.choose_task(self.task.value)

    def _on_options(self) -> None:
        self.share.enabled = self.advanced.has_share
        self.controls.refresh()

    def _on_refreshed(self, job: FusionJob | None) -> None:
        self.registration.show_pair(job, self._choice)
        self.preview.refresh(job)
        self.outline_button.enabled = job is not None
        if job is not None and self.outline_button.native.isChecked():
            self._outline.show(job.overlap())
        else:
            self._outline.hide()
