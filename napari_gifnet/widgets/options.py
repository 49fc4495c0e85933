"""The collapsible section of options that most fusions leave alone."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QLabel, QPushButton, QVBoxLayout, QWidget
from superqt import QCollapsible

from gifnet.models.registry import MODELS, model_spec
from gifnet.models.spec import ModelSpec
from gifnet.options import CHROMA_CHOICES, PRECISION_CHOICES, FuseOptions
from gifnet.tasks import TASKS, best_model

from .. import settings
from ..jobs.devices import device_in_words, devices
from .inputs import FileEdit, ValueBox
from .runner import Outcome, Runner, notify

HELP: dict[str, str] = {
    field.name: str(field.metadata.get("help", "")) for field in dataclasses.fields(FuseOptions)
}

_VALUE_RANGES = (("Automatic", "auto"), ("The data type's", "dtype"))
_TILES = (("Automatic", "auto"), *((f"{side} px", side) for side in (128, 256, 512, 1024, 2048)))
_CHROMA = {
    "auto": "Automatic",
    "first": "First layer",
    "second": "Second layer",
    "blend": "Both, blended",
    "none": "None (grey)",
}
_AUTOMATIC = "Automatic"


class AdvancedOptions(QWidget):
    """Model, weights, device, precision, tiles, value range and colour."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        kept = settings.load()
        self._wanted_device = kept.device
        models = [(name, name) for name in MODELS]
        self.model = ValueBox([*models, ("best for the task", "best")], HELP["model"])
        self._task: str | None = None
        self.weights = FileEdit(
            "bundled",
            "Choose a weights file",
            "Weights (*.safetensors *.model *.pth *.pt *.ckpt);;All files (*)",
            HELP["weights"],
        )
        self.device = ValueBox([(_AUTOMATIC, "auto")], HELP["device"])
        self.precision = ValueBox(
            [(_AUTOMATIC if name == "auto" else name, name) for name in PRECISION_CHOICES],
            HELP["precision"],
        )
        self.precision.value = kept.precision
        self.tile = ValueBox(
            [*_TILES, *([(f"{kept.tile} px", kept.tile)] if kept.tile else [])],
            "Side of the tiles that a large image is cut into. Smaller ones need less memory and "
            "answer Cancel sooner; the result is the same, with FRUFN and EFRUFN nearly.",
        )
        self.tile.value = kept.tile or "auto"
        self.value_range = ValueBox(
            _VALUE_RANGES,
            "What maps to the network's black and white: automatic takes all of 0 to 255 for "
            "8-bit images and each layer's own minimum and maximum otherwise.",
        )
        self.chroma = ValueBox([(_CHROMA[name], name) for name in CHROMA_CHOICES], HELP["chroma"])
        self.keep_button = QPushButton("Keep as defaults")
        self.keep_button.setToolTip(
            "Start with this device, precision and tile size from now on; where napari has "
            "settings for plugins, they are also under Preferences."
        )
        self.keep_button.clicked.connect(self._keep)
        self.device_label = QLabel("Device: looking for it …", wordWrap=True)
        self._auto = ""
        self._lay_out()
        for box in (
            self.model, self.device, self.precision, self.tile, self.value_range, self.chroma
        ):  # fmt: skip
            box.chosen.connect(self._on_changed)
        self.weights.changed.connect(self._on_changed)
        self._probe = Runner()
        self._probe.ended.connect(self._on_devices)
        # Not here: this imports torch, which takes seconds.
        self._probe.start(lambda _: (devices(), device_in_words("auto")))

    def _lay_out(self) -> None:
        form = QWidget()
        rows = QFormLayout(form)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rows.addRow("Model", self.model)
        rows.addRow("Weights", self.weights)
        rows.addRow("Device", self.device)
        rows.addRow("Precision", self.precision)
        rows.addRow("Tiles", self.tile)
        rows.addRow("Value range", self.value_range)
        rows.addRow("Colour from", self.chroma)
        rows.addRow("", self.keep_button)
        self.section = QCollapsible("Advanced", expandedIcon="▾", collapsedIcon="▸")
        self.section.layout().setContentsMargins(0, 0, 0, 0)
        self.section.content().layout().setContentsMargins(0, 0, 0, 0)
        self.section.addWidget(form)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.section)
        layout.addWidget(self.device_label)

    def choose_task(self, task: str | None) -> None:
        """Take the fusion task: models may have weights for some tasks only."""
        self._task = task
        self.changed.emit()

    @property
    def has_share(self) -> bool:
        """Whether the chosen model tells the share of each source."""
        return self._spec().has_share

    def _spec(self) -> ModelSpec:
        name = self.model.value
        return model_spec(best_model(self._task) if name == "best" else name)

    def options(self, task: str | None = None) -> FuseOptions:
        """Return what is chosen.

        Raises
        ------
        InvalidInputError
            If a choice cannot be used.
        """
        return FuseOptions(
            task=task,
            model=self.model.value,
            weights=self.weights.path,
            device=self.device.value,
            precision=self.precision.value,
            tile=self.tile.value,
            value_range=self.value_range.value,
            chroma=self.chroma.value,
        )

    def problem(self) -> str | None:
        """Return why these options cannot run, or None if they can."""
        path = self.weights.path
        if path and not Path(path).expanduser().is_file():
            return f"There is no weights file {path}."
        spec = self._spec()
        if not path and not spec.has_weights(self._task):
            tasks = ", ".join(TASKS[task].short_title for task in spec.tasks())
            return (
                f"No weights are bundled for model {spec.name}"
                + (f" and this task, only for {tasks}" if tasks else "")
                + ": choose another model or a weights file under Advanced."
            )
        return None

    def _keep(self) -> None:
        tile = self.tile.value
        kept = settings.Settings(
            self.device.value, self.precision.value, 0 if tile == "auto" else tile
        )
        try:
            settings.save(kept)
        except OSError as error:
            notify(error)

    def _on_devices(self, outcome: Outcome) -> None:
        # In a broken installation the run itself will tell what is wrong.
        names, self._auto = outcome.result or (["auto"], f"unknown: {outcome.error}")
        self.device.set_entries((_AUTOMATIC if name == "auto" else name, name) for name in names)
        if self.device.value == "auto" and self._wanted_device in names:
            self.device.value = self._wanted_device
        self._show_device()

    def _on_changed(self, *_: Any) -> None:
        self._show_device()
        self.changed.emit()

    def _show_device(self) -> None:
        if self._auto:
            name = self.device.value
            self.device_label.setText(f"Device: {self._auto if name == 'auto' else name}")
