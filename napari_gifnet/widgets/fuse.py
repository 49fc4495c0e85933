"""The Fuse widget: two layers of one scene fused into a new one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QCheckBox, QGridLayout, QLabel, QPushButton

from gifnet.errors import GifnetError
from gifnet.registration.transform import Transform
from gifnet.tasks import TASKS

from ..jobs.fuse import FusionJob, role_names
from ..layers.outline import Outline
from ..layers.overlap import find_overlap
from ..layers.selection import Choice, choose, follow
from ..layers.snapshot import METADATA_KEY, snapshot
from .inputs import LayerBox, ValueBox
from .options import HELP
from .preview_panel import PreviewPanel
from .registration import RegistrationBox

if TYPE_CHECKING:
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


class FuseWidget(PreviewPanel):
    """Fuse two image layers of one scene into a new one.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer, which napari passes in.
    """

    def __init__(self, napari_viewer: Viewer):
        super().__init__(napari_viewer, "Fuse")
        # What a title has in brackets, the labels of the two sources say.
        tasks = [(task.short_title, task.name) for task in TASKS.values()]
        self.task = ValueBox([("Any pair", None), *tasks], HELP["task"])
        self.boxes = (LayerBox(), LayerBox())
        self.labels = (QLabel(), QLabel())
        self.swap_button = QPushButton("⇅", toolTip="Swap the two layers")
        self.swap_button.setFixedWidth(28)
        self.grid = ValueBox(
            _GRIDS,
            "Whose pixels the result has. The other layer is resampled onto them through world "
            "coordinates (scale, translate, rotate, shear, affine, units).",
        )
        self.mask = QCheckBox("Also add the first layer's share")
        self.mask.setToolTip(
            "Adds a hidden layer that tells for every pixel how much of it comes from the first "
            "layer (1) and how much from the second (0)."
        )
        self.outline_button = QPushButton("Show overlap", checkable=True)
        self.outline_button.setToolTip("Draws the outline of what both layers cover.")
        self._outline = Outline(napari_viewer.layers)
        self.registration = RegistrationBox()
        self._choice: Choice = (None, None)
        self._fill_form()
        self.outline_button.toggled.connect(self._show_outline)
        self.grid.chosen.connect(self.refresh)
        self.destroyed.connect(self._outline.hide)
        self.registration.changed.connect(self.refresh)
        self.task.currentIndexChanged.connect(self._show_roles)
        self.swap_button.clicked.connect(self.swap)
        self.boxes[0].chosen.connect(lambda layer: self._choose(0, layer))
        self.boxes[1].chosen.connect(lambda layer: self._choose(1, layer))
        self.advanced.changed.connect(self._show_mask)
        self._show_roles()
        self._show_mask()
        self._on_layers()

    def _fill_form(self) -> None:
        grid = QGridLayout()
        grid.addWidget(QLabel("Task"), 0, 0)
        grid.addWidget(self.task, 0, 1, 1, 2)
        for row, (label, box) in enumerate(zip(self.labels, self.boxes, strict=True), start=1):
            box.setToolTip(_ORDER)
            label.setToolTip(_ORDER)
            label.setWordWrap(True)
            grid.addWidget(label, row, 0)
            grid.addWidget(box, row, 1)
        grid.addWidget(self.swap_button, 1, 2, 2, 1)
        grid.addWidget(QLabel("Result grid"), 3, 0)
        grid.addWidget(self.grid, 3, 1, 1, 2)
        grid.addWidget(self.outline_button, 4, 1, 1, 2)
        grid.addWidget(QLabel("Registration"), 5, 0)
        grid.addWidget(self.registration.kind, 5, 1, 1, 2)
        grid.setColumnStretch(1, 1)
        self.form.addLayout(grid)
        self.form.addWidget(self.registration)
        self.form.addWidget(self.mask)

    @property
    def first(self) -> Any:
        """The first source's layer, or None."""
        return self._choice[0]

    @first.setter
    def first(self, layer: Any) -> None:
        self._choose(0, layer)

    @property
    def second(self) -> Any:
        """The second source's layer, or None."""
        return self._choice[1]

    @second.setter
    def second(self, layer: Any) -> None:
        self._choose(1, layer)

    def swap(self) -> None:
        """Let the two layers change places."""
        self._choice = (self._choice[1], self._choice[0])
        self._on_layers()

    def problem(self) -> str | None:
        """Return why the widget cannot run now, or None if it can."""
        if self.first is None or self.second is None:
            return "Open two image layers to fuse."
        if problem := super().problem():
            return problem
        try:
            self._overlap()
        except GifnetError as error:
            return str(error)
        return None

    def facts(self) -> str:
        """Return the result's grid, the overlap, and an estimate of a large run."""
        overlap = self._overlap()
        sources = (overlap.reference, overlap.moving)
        options = self.advanced.options(self.task.value)
        estimate = self.forecast.text(overlap.reference, sources, options)
        return " ".join(filter(None, (overlap.in_words(), estimate)))

    def sources(self) -> tuple[Any, ...]:
        """Return the two layers to fuse."""
        return self.first, self.second

    def preview_job(self) -> FusionJob:
        """Return the fusion to preview."""
        if self.first is None or self.second is None:
            raise GifnetError("Open two image layers to fuse.")
        job = self.make_job()
        if job.registration.is_wanted and job.registration.found is None:
            raise GifnetError("Press Find first, so that the preview is registered.")
        return job.register(lambda done, total: None)[0]

    def before_run(self) -> None:
        """Stop everything else."""
        super().before_run()
        self.registration.stop()

    def deliver(self, result: Any) -> str:
        """Add the result, and show the registration that it was made with."""
        said = super().deliver(result)
        record = result[-1][1]["metadata"][METADATA_KEY]
        if isinstance(self.job, FusionJob) and "registration" in record:
            self.registration.show_transform(self.job, Transform.from_dict(record["registration"]))
        return said

    def refresh(self, *_: object) -> None:
        """Tell how things stand, and draw the outline anew."""
        ready = self.problem() is None
        self.registration.show_pair(self.make_job() if ready else None, self.sources())
        super().refresh()
        self.outline_button.setEnabled(self.problem() is None)
        if self.outline_button.isChecked():
            self._show_outline(True)

    def _overlap(self) -> Any:
        return find_overlap(snapshot(self.first), snapshot(self.second), self.grid.value)

    def _show_outline(self, on: bool) -> None:
        if on and self.problem() is None:
            self._outline.show(self._overlap())
        else:
            self._outline.hide()

    def make_job(self) -> FusionJob:
        """Return the fusion to do, with both layers as they are now."""
        return FusionJob(
            snapshot(self.first),
            snapshot(self.second),
            self.advanced.options(self.task.value),
            self.grid.value,
            self.mask.isEnabled() and self.mask.isChecked(),
            self.registration.selection(),
        )

    def show_layers(self, layers: list[Any]) -> None:
        """Offer these image layers, keeping the chosen two as long as they are there."""
        self._choice = follow(layers, self._choice)
        for box, layer in zip(self.boxes, self._choice, strict=True):
            box.show_layers(layers, layer)

    def _choose(self, slot: int, layer: Any) -> None:
        self._choice = choose(self._choice, slot, layer)
        self._on_layers()

    def _show_roles(self, *_: object) -> None:
        self.advanced.choose_task(self.task.value)
        for label, role in zip(self.labels, role_names(self.task.value), strict=True):
            label.setText(role)

    def _show_mask(self) -> None:
        self.mask.setEnabled(self.advanced.has_share)
