"""The collapsible section of options that most fusions leave alone."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QLabel, QVBoxLayout, QWidget
from superqt import QCollapsible

from gifnet.models.registry import MODELS, model_spec
from gifnet.options import CHROMA_CHOICES, PRECISION_CHOICES, FuseOptions

from .jobs import device_in_words, devices
from .pickers import FileEdit, ValueBox
from .worker import Outcome, Runner

HELP: dict[str, str] = {
    field.name: str(field.metadata.get("help", "")) for field in dataclasses.fields(FuseOptions)
}

_VALUE_RANGES = (("Automatic", "auto"), ("The data type's", "dtype"))


class AdvancedOptions(QWidget):
    """Model, weights, device, precision, value range and colour."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.model = ValueBox([(name, name) for name in MODELS], HELP["model"])
        self.weights = FileEdit(
            "bundled",
            "Choose a weights file",
            "Weights (*.safetensors *.model *.pth *.pt *.ckpt);;All files (*)",
            HELP["weights"],
        )
        self.device = ValueBox([("auto", "auto")], HELP["device"])
        self.precision = ValueBox([(name, name) for name in PRECISION_CHOICES], HELP["precision"])
        self.value_range = ValueBox(
            _VALUE_RANGES,
            "What maps to the network's black and white: automatic takes all of 0 to 255 for "
            "8-bit images and each layer's own minimum and maximum otherwise.",
        )
        self.chroma = ValueBox([(name, name) for name in CHROMA_CHOICES], HELP["chroma"])
        self.device_label = QLabel("Device: looking for it …", wordWrap=True)
        self._auto = ""
        self._lay_out()
        for box in (self.model, self.device):
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
        rows.addRow("Value range", self.value_range)
        rows.addRow("Colour from", self.chroma)
        self.section = QCollapsible("Advanced")
        self.section.addWidget(form)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.section)
        layout.addWidget(self.device_label)

    @property
    def has_mask(self) -> bool:
        """Whether the chosen model tells the share of each source."""
        return model_spec(self.model.value).has_mask

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
            value_range=self.value_range.value,
            chroma=self.chroma.value,
        )

    def problem(self) -> str | None:
        """Return why these options cannot run, or None if they can."""
        path = self.weights.path
        if path and not Path(path).expanduser().is_file():
            return f"There is no weights file {path}."
        if not path and model_spec(self.model.value).bundled_weights() is None:
            return (
                f"No weights are bundled for model {self.model.value}: choose a weights file "
                "under Advanced."
            )
        return None

    def _on_devices(self, outcome: Outcome) -> None:
        # In a broken installation the run itself will tell what is wrong.
        names, self._auto = outcome.result or (["auto"], f"unknown: {outcome.error}")
        self.device.set_entries((name, name) for name in names)
        self._show_device()

    def _on_changed(self, *_: Any) -> None:
        self._show_device()
        self.changed.emit()

    def _show_device(self) -> None:
        if self._auto:
            name = self.device.value
            self.device_label.setText(f"Device: {self._auto if name == 'auto' else name}")
