"""The part of the Fuse widget that registers: what is wanted, what was found, and a warning."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from gifnet.errors import GifnetError
from gifnet.registration.transform import Transform

from ..jobs.fuse import FusionJob
from ..jobs.registration import (
    Registration,
    find_transform,
    has_mutual_information,
    misalignment_warning,
    order_pair,
    world_correction,
)
from ..layers.snapshot import Snapshot
from .inputs import ValueBox
from .runner import Outcome, Runner, notify

_KINDS = (
    ("Not needed", "none"),
    ("Translation", "translation"),
    ("Rigid", "rigid"),
    ("Affine", "affine"),
)
_GLANCE_MS = 700


class RegistrationBox(QWidget):
    """Chooses a registration, finds it, tells it, and applies it to the layer that is moved.

    Where `kind` stands is for the form to say. While none is chosen the box glances at every new
    pair, in the background, and warns of those that look misaligned.
    """

    #: The choice has changed, or something was found.
    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.kind = ValueBox(
            _KINDS,
            "What the transform may be made of that lays one layer onto the other before they "
            "are fused. The layer that does not give the result's grid is moved.",
        )
        measures = [("By edges", "edges")]
        tip = "What has to agree: edges, which holds for most pairs"
        if has_mutual_information():
            measures.append(("By mutual information", "mutual-information"))
            tip += ", or the mutual information of intensities, for PET and SPECT."
        else:
            tip += ". For mutual information, which suits PET and SPECT, install SimpleITK."
        self.measure = ValueBox(measures, tip)
        self.find_button = QPushButton("Find")
        self.find_button.setToolTip("Finds the transform without fusing, for instance to preview.")
        self.apply_button = QPushButton("Apply to layer", checkable=True)
        self.note = QLabel(wordWrap=True)
        self._pair: FusionJob | None = None
        self._layers: tuple[Any, Any] = (None, None)
        self._key: tuple[Any, ...] = ()
        self._found: Transform | None = None
        self._applied: tuple[Any, Any, Any, str] | None = None
        self._warning = ""
        self._finder, self._glancer = Runner(), Runner()
        self._finder.ended.connect(self._on_found)
        self._glancer.ended.connect(self._on_glanced)
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._glance)
        self._lay_out()
        self.kind.chosen.connect(self._on_chosen)
        self.measure.chosen.connect(self._on_chosen)
        self.find_button.clicked.connect(self.find)
        self.apply_button.toggled.connect(self._on_toggled)
        for runner in (self._finder, self._glancer):
            self.destroyed.connect(runner.cancel)
        self._show()

    def _lay_out(self) -> None:
        self._row = QWidget()
        row = QHBoxLayout(self._row)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.measure, 1)
        row.addWidget(self.find_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._row)
        layout.addWidget(self.note)
        layout.addWidget(self.apply_button)

    @property
    def is_running(self) -> bool:
        """Whether a transform is being sought."""
        return self._finder.is_running

    @property
    def is_glancing(self) -> bool:
        """Whether a pair is being looked at, or about to be."""
        return self._timer.isActive() or self._glancer.is_running

    def selection(self) -> Registration:
        """Return what is chosen, with the transform if it was found for this very pair."""
        return Registration(self.kind.value, self.measure.value, self._found)

    def show_pair(self, pair: FusionJob | None, layers: tuple[Any, Any]) -> None:
        """Work on two layers; what was found for others, or elsewhere, is dropped."""
        self._pair, self._layers = pair, layers
        key = _key(pair)
        if key != self._key:
            self._key, self._found, self._warning = key, None, ""
            self.stop()
            if self._pair is not None and self.kind.value == "none":
                self._timer.start(_GLANCE_MS)
        if self._applied is not None:
            layer, _, after, _ = self._applied
            if layer not in layers or not np.allclose(layer.affine.affine_matrix, after):
                self._forget_applied()
        self._show()

    def show_transform(self, job: FusionJob, transform: Transform) -> None:
        """Show what a run has found, if the layers still lie as they did."""
        wanted = (job.registration.kind, job.registration.measure)
        if _key(job) == self._key and wanted == (self.kind.value, self.measure.value):
            self._found = transform
            self._show()

    def stop(self) -> None:
        """Let nothing compute in the background any more."""
        self._timer.stop()
        self._finder.cancel()
        self._glancer.cancel()

    def find(self) -> None:
        """Find the transform in the background."""
        if self._pair is None or self.is_running or self.kind.value == "none":
            return
        _, fixed, moving = _ordered(self._pair)
        kind, measure = self.kind.value, self.measure.value
        self._asked = (self._key, kind, measure)
        description = f"Registering {moving.name}"
        self._finder.start(
            lambda progress: find_transform(fixed, moving, kind, measure, progress), description
        )
        self._show()

    def _on_found(self, outcome: Outcome) -> None:
        if outcome.error is not None:
            notify(outcome.error)
        elif not outcome.cancelled and self._asked == (
            self._key,
            self.kind.value,
            self.measure.value,
        ):
            self._found = outcome.result
            self.changed.emit()
        self._show()

    def _glance(self) -> None:
        if self._pair is None or self.kind.value != "none":
            return
        if self._glancer.is_running:  # one for another pair is on its way out
            self._timer.start(_GLANCE_MS)
            return
        pair = self._pair
        self._glanced = self._key
        self._glancer.start(
            lambda progress: misalignment_warning(pair.first, pair.second, pair.reference, progress)
        )

    def _on_glanced(self, outcome: Outcome) -> None:
        # An error here keeps the pair from being fused as well, and the run will tell it.
        if outcome.error is None and not outcome.cancelled and self._glanced == self._key:
            self._warning = outcome.result
        self._show()

    def _on_chosen(self, *_: object) -> None:
        self._found = None
        self._finder.cancel()
        self._forget_applied()
        if self.kind.value == "none" and self._pair is not None and not self._warning:
            self._timer.start(_GLANCE_MS)
        self._show()
        self.changed.emit()

    def _on_toggled(self, on: bool) -> None:
        if on:
            self._apply()
        elif self._applied is not None:
            layer, before, _, _ = self._applied
            self._applied = None
            layer.affine = before
        self._show()

    def _apply(self) -> None:
        if self._pair is None or self._found is None:
            return
        index, fixed, moving = _ordered(self._pair)
        layer = self._layers[1 - index]
        before = np.array(layer.affine.affine_matrix)
        after = world_correction(fixed, moving, self._found) @ before
        words = f"{moving.name} onto {fixed.name}, {self._found.describe()}"
        self._applied = layer, before, after, words
        self.kind.value = "none"  # it lies registered now
        layer.affine = after
        self._show()
        self.changed.emit()

    def _forget_applied(self) -> None:
        self._applied = None
        self.apply_button.blockSignals(True)
        self.apply_button.setChecked(False)
        self.apply_button.blockSignals(False)

    def _show(self) -> None:
        wanted = self.kind.value != "none"
        self._row.setVisible(wanted)
        self.find_button.setEnabled(self._pair is not None and not self.is_running)
        ready = wanted and self._found is not None and self._pair is not None
        self.apply_button.setVisible(ready or self._applied is not None)
        applied = self._applied is not None
        self.apply_button.setText("Take it back" if applied else "Apply to layer")
        self.note.setText(self._text())
        self.note.setVisible(bool(self.note.text()))
        self.note.setStyleSheet("color: orange;" if self._is_warning() else "")

    def _is_warning(self) -> bool:
        return bool(self._warning) and self.kind.value == "none" and self._applied is None

    def _text(self) -> str:
        if self._applied is not None:
            return f"Applied: {self._applied[3]}."
        if self.is_running:
            return "Registering …"
        if self._is_warning():
            return self._warning
        if self.kind.value == "none" or self._found is None or self._pair is None:
            return ""
        _, fixed, moving = _ordered(self._pair)
        self.apply_button.setToolTip(
            f"Sets the affine of {moving.name}, so that it lies on {fixed.name} in the viewer too. "
            "Press again to take it back."
        )
        return f"{moving.name} onto {fixed.name}, {self._found.describe()}."


def _ordered(pair: FusionJob) -> tuple[int, Snapshot, Snapshot]:
    return order_pair(pair.first, pair.second, pair.reference)


def _key(pair: FusionJob | None) -> tuple[Any, ...]:
    """Return what a found transform depends on; the arrays are kept alive by the pair."""
    if pair is None:
        return ()
    try:
        index = _ordered(pair)[0]
    except GifnetError:
        return ()
    images = (pair.first, pair.second)
    places = [(id(image.data), image.grid.matrix.tobytes(), image.units) for image in images]
    return (index, *places)
