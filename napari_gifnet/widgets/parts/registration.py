"""Registration in the Fuse widget, by hand since its buttons and notes depend on each other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from gifnet.errors import GifnetError
from gifnet.options import REGISTRATION_CHOICES
from gifnet.registration.transform import Transform

from ...jobs.fuse import FusionJob
from ...jobs.registration import (
    Registration,
    find_transform,
    has_mutual_information,
    misalignment_warning,
    order_pair,
    world_correction,
)
from ...layers.snapshot import Matrix, Snapshot
from .dock import show_note, wrapped_label
from .inputs import ChoiceBox
from .runner import DebouncedRunner, Runner, notify

if TYPE_CHECKING:
    from napari.layers import Image

#: Transform kinds as entries of a form.
KIND_ENTRIES = [
    ("Not needed" if kind == "none" else kind.capitalize(), kind) for kind in REGISTRATION_CHOICES
]
_CHECK_MS = 700


class RegistrationBox(QWidget):
    """Controls for registration: find the transform, show it, apply it to the moving layer.

    The parent form places `kind`. While no kind is chosen, every new pair is checked in the
    background, and a warning shown if it looks misaligned.
    """

    #: The choice has changed, or a transform was found.
    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.kind = ChoiceBox(
            KIND_ENTRIES,
            label="Registration",
            tooltip="The kind of transform that lays one layer onto the other before they are "
            "fused. The layer that does not give the result's grid is moved.",
        )
        measures = [("By edges", "edges")]
        tip = "What has to agree: edges, which holds for most pairs"
        if has_mutual_information():
            measures.append(("By mutual information", "mutual-information"))
            tip += ", or the mutual information of intensities, for PET and SPECT."
        else:
            tip += ". For mutual information, which suits PET and SPECT, install SimpleITK."
        self.measure = ChoiceBox(measures, tooltip=tip)
        self.find_button = QPushButton("Find")
        self.find_button.setToolTip("Finds the transform without fusing, for instance to preview.")
        self.apply_button = QPushButton("Apply to layer")
        self.apply_button.setCheckable(True)
        self.note = wrapped_label()
        self._pair: FusionJob | None = None
        self._layers: tuple[Image | None, Image | None] = (None, None)
        self._key: tuple[object, ...] = ()
        self._found: Transform | None = None
        self._applied: _Applied | None = None
        self._warning = ""
        self._finder, self._checker = Runner(), DebouncedRunner(_CHECK_MS, self)
        self._finder.ended.connect(self._show)
        self._finder.succeeded.connect(self._on_found)
        self._finder.failed.connect(notify)
        # An error of the check blocks the run as well, which reports it.
        self._checker.succeeded.connect(self._on_checked)
        self._lay_out()
        self.kind.changed.connect(self._on_chosen)
        self.measure.changed.connect(self._on_chosen)
        self.find_button.clicked.connect(self.find_transform)
        self.apply_button.toggled.connect(self._on_toggled)
        # Bound to an object that outlives this widget, which is half gone by then.
        self.destroyed.connect(self._finder.cancel)
        self._show()

    def _lay_out(self) -> None:
        self._row = QWidget()
        row = QHBoxLayout(self._row)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.measure.native, 1)
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
    def is_checking(self) -> bool:
        """Whether the alignment of the layers is being checked, or about to be."""
        return self._checker.is_busy

    def selection(self) -> Registration:
        """Return what is chosen, with the transform if it was found for this very pair."""
        return Registration(self.kind.value, self.measure.value, self._found)

    def show_pair(self, pair: FusionJob | None, layers: tuple[Image | None, Image | None]) -> None:
        """Work on two layers; a transform found for others, or for another place, is dropped."""
        self._pair, self._layers = pair, layers
        key = _key(pair)
        if key != self._key:
            self._key, self._found, self._warning = key, None, ""
            self.stop()
            self._check()
        if self._applied is not None:
            layer, after = self._applied.layer, self._applied.after
            if layer not in layers or not np.allclose(layer.affine.affine_matrix, after):
                self._forget_applied()
        self._show()

    def show_transform(self, job: FusionJob, transform: Transform) -> None:
        """Show the transform that a run has found, if it still fits the layers and the choice."""
        if _key(job) == self._key and _choice(job.registration) == _choice(self.selection()):
            self._found = transform
            self._show()

    def stop(self) -> None:
        """Stop all computation in the background."""
        self._finder.cancel()
        self._checker.stop()

    def find_transform(self) -> None:
        """Find the transform in the background."""
        if self._pair is None or self.is_running or self.kind.value == "none":
            return
        _, fixed, moving = _ordered(self._pair)
        work = partial(find_transform, fixed, moving, self.kind.value, self.measure.value)
        self._finder.start(work, f"Registering {moving.name}")
        self._show()

    def _on_found(self, transform: Transform) -> None:
        self._found = transform
        self.changed.emit()
        self._show()

    def _check(self) -> None:
        pair = self._pair
        if pair is not None and self.kind.value == "none" and not self._warning:
            work = partial(misalignment_warning, pair.layers, pair.reference)
            self._checker.request(self._key, lambda: work)

    def _on_checked(self, warning: str) -> None:
        self._warning = warning
        self._show()

    def _on_chosen(self, *_: object) -> None:
        self._found = None
        self.stop()
        self._forget_applied()
        self._check()
        self._show()
        self.changed.emit()

    def _on_toggled(self, on: bool) -> None:
        if on:
            self._apply()
        elif self._applied is not None:
            applied, self._applied = self._applied, None
            applied.layer.affine = applied.before
        self._show()

    def _apply(self) -> None:
        if self._pair is None or self._found is None:
            return
        index, fixed, moving = _ordered(self._pair)
        layer = self._layers[1 - index]
        if layer is None:
            return
        before = np.array(layer.affine.affine_matrix)
        after = world_correction(fixed, moving, self._found) @ before
        words = f"{moving.name} onto {fixed.name}, {self._found.describe()}"
        self._applied = _Applied(layer, before, after, words)
        with self.kind.changed.blocked():
            self.kind.value = "none"  # it is registered now
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
        self._row.setVisible(wanted and self._pair is not None)
        self.find_button.setEnabled(self._pair is not None and not self.is_running)
        ready = wanted and self._found is not None and self._pair is not None
        self.apply_button.setVisible(ready or self._applied is not None)
        applied = self._applied is not None
        self.apply_button.setText("Take it back" if applied else "Apply to layer")
        show_note(self.note, self._text())
        self.note.setStyleSheet("color: orange;" if self._is_warning() else "")

    def _is_warning(self) -> bool:
        return bool(self._warning) and self.kind.value == "none" and self._applied is None

    def _text(self) -> str:
        if self._applied is not None:
            return f"Applied: {self._applied.words}."
        if self.is_running:
            return "Registering …"
        if self._is_warning():
            return self._warning
        if self.kind.value == "none" or self._found is None or self._pair is None:
            return ""
        _, fixed, moving = _ordered(self._pair)
        self.apply_button.setToolTip(
            f"Sets the affine of {moving.name}, so that it matches {fixed.name} in the viewer too. "
            "Press again to take it back."
        )
        return f"{moving.name} onto {fixed.name}, {self._found.describe()}."


@dataclass(frozen=True, eq=False)
class _Applied:
    """A correction that was applied to a layer's affine, and how to take it back."""

    layer: Image
    before: Matrix
    after: Matrix
    words: str


def _choice(registration: Registration) -> tuple[str, str]:
    return registration.kind, registration.measure


def _ordered(pair: FusionJob) -> tuple[int, Snapshot, Snapshot]:
    return order_pair(pair.layers, pair.reference)


def _key(pair: FusionJob | None) -> tuple[object, ...]:
    """Return what a found transform depends on; the arrays are kept alive by the pair."""
    if pair is None:
        return ()
    try:
        index = _ordered(pair)[0]
    except GifnetError:
        return ()
    places = [(id(one.data), one.grid.matrix.tobytes(), one.units) for one in pair.layers]
    return (index, *places)
