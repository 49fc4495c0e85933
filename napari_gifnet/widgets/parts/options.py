"""The collapsible section of options that most fusions leave alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args, get_origin, get_type_hints

from magicgui.widgets import CheckBox, Container, create_widget
from magicgui.widgets.bases import BaseValueWidget
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget
from superqt import QCollapsible

from gifnet.errors import InvalidInputError, WeightsError
from gifnet.models.registry import MODELS, model_spec
from gifnet.models.spec import ModelSpec
from gifnet.options import FuseOptions
from gifnet.tasks import DEFAULT_MODEL, TASKS, best_model

from ... import jobs, settings
from ...jobs.torch_import import import_torch
from ...layers.display import SCALE_TITLES, Scale
from ...layers.snapshot import Snapshot
from .dock import wrapped_label
from .inputs import ChoiceBox, Entry, make_form, path_input
from .runner import Runner, notify

if TYPE_CHECKING:
    from gifnet.progress import ProgressCallback

Input = BaseValueWidget[Any]

HELP: dict[str, str] = {
    field.name: str(field.metadata["help"]) for field in dataclasses.fields(FuseOptions)
}
TASK_ENTRIES: list[Entry] = [(task.short_title, task.name) for task in TASKS.values()]
#: Options that the form leaves out, each with the reason.
HIDDEN = {
    "task": "The widgets that have tasks place it first.",
    "statistics": "Sampling saves time with huge images only, which are fused by the shell.",
    "memory": "The automatic choice suits a viewer.",
    "channel_axis": "Layers say whether they are coloured.",
    "balance": "Each layer has a slider.",
    "value_range": "A box of scales takes its place: values as they are displayed.",
    "overshoot": "Enhance has a box for it; fusions of two images have no limit.",
}
#: Names that the types of the fields do not list. Those of devices follow when they are known.
_CHOICES: dict[str, tuple[object, ...]] = {"model": (*MODELS, "best"), "device": ("auto",)}
_LABELS = {"tile": "Tiles", "chroma": "Colour from"}
_TEXTS: dict[object, str] = {
    "auto": "Automatic",
    "best": "best for the task",
    "first": "First layer",
    "second": "Second layer",
    "blend": "Both, blended",
    "none": "None (grey)",
}
_SIDES = (128, 256, 512, 1024, 2048)
_WEIGHTS = "Weights (*.safetensors *.model *.pth *.pt *.ckpt);;All files (*)"


def make_options_form(options: type[FuseOptions] = FuseOptions) -> Container[Input]:
    """Return a form with an input for each option that is not hidden, made from its field."""
    hints = get_type_hints(options)
    shown = [field for field in dataclasses.fields(options) if field.name not in HIDDEN]
    return Container(widgets=[_make_input(field, hints[field.name]) for field in shown])


def make_scale_box() -> ChoiceBox:
    """Return a box for the rule that maps the values of layers to [0, 1]."""
    return ChoiceBox(
        [(title, scale) for scale, title in SCALE_TITLES.items()],
        name="scale",
        label="Range",
        tooltip="The values that are fused as black and white. As displayed: the contrast limits "
        "that you or a file have set. Layers without such limits use percentiles 0.5 and 99.5, or "
        "the type's range if they have 8 bits.",
    )


def _make_input(field: dataclasses.Field[object], hint: object) -> Input:
    """Return an input: a box of choices, a path, or what magicgui has for the type."""
    label = _LABELS.get(field.name, field.name.replace("_", " ").capitalize())
    text = str(field.metadata["help"])
    choices = _CHOICES.get(field.name) or tuple(_literals(hint))
    if int in get_args(hint):
        choices = (*choices, *_SIDES)
    if choices:
        none = _TEXTS["auto"] if field.default is None else ""
        entries = [_entry(value) for value in choices]
        box = ChoiceBox(entries, none=none, name=field.name, label=label, tooltip=text)
        box.value = field.default
        return box
    if str(field.metadata.get("kind")).startswith("path"):
        return path_input("bundled", filter=_WEIGHTS, name=field.name, label=label, tooltip=text)
    made = create_widget(
        annotation=hint, value=field.default, name=field.name, label=label,
        options={"tooltip": text},
    )  # fmt: skip
    return cast(Input, made)


def _literals(hint: object) -> Iterator[object]:
    if get_origin(hint) is Literal:
        yield from get_args(hint)
    elif get_origin(hint) is not tuple:
        for part in get_args(hint):
            yield from _literals(part)


def _entry(value: object) -> Entry:
    return (f"{value} px" if isinstance(value, int) else _TEXTS.get(value, str(value))), value


class AdvancedOptions(QWidget):
    """The form of options in a collapsible section, and the device below it.

    magicgui has no section that collapses, so the section is superqt's.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        kept = settings.load()
        self._wanted_device = kept.device
        self._task: str | None = None
        self.form = make_options_form()
        self.form.append(make_scale_box())
        self.gamma = CheckBox(
            text="Layers' gamma",
            name="gamma",
            tooltip="Draws layers with their gamma, so the result has values of a display.",
        )
        self.form.append(self.gamma)
        self.box("precision").value = kept.precision
        tile = self.box("tile")
        if kept.tile and kept.tile not in tile.choices:
            tile.set_entries(map(_entry, [*tile.choices, kept.tile]))
        tile.value = kept.tile or "auto"
        self.keep_button = QPushButton("Keep as defaults")
        self.keep_button.setToolTip(
            "Start with this device, precision and tile size from now on; where napari has "
            "settings for plugins, they are also under Preferences."
        )
        self.keep_button.clicked.connect(self._keep)
        self.device_label = wrapped_label("Device: looking for it …")
        self.model_note = wrapped_label()
        self._auto = ""
        self._lay_out()
        self._show_model()
        self.form.changed.connect(self._on_changed)
        self._probe = Runner()
        self._probe.succeeded.connect(self._on_devices)
        # In a broken installation the run itself reports what is wrong.
        self._probe.failed.connect(lambda error: self._on_devices((["auto"], f"unknown: {error}")))
        # In the background, since it imports torch, which takes seconds.
        self._probe.start(_find_devices)

    def _lay_out(self) -> None:
        self.section = QCollapsible("Advanced", expandedIcon="▾", collapsedIcon="▸")
        for part in (self.section, self.section.content()):
            if (layout := part.layout()) is not None:
                layout.setContentsMargins(0, 0, 0, 0)
        self.section.addWidget(make_form(*self.form))
        self.section.addWidget(self.model_note)
        self.section.addWidget(self.keep_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.section)
        layout.addWidget(self.device_label)

    def box(self, name: str) -> ChoiceBox:
        """Return the box of an option that has choices."""
        return cast(ChoiceBox, self.form[name])

    def choose_task(self, task: str | None) -> None:
        """Take the fusion task: models may have weights for some tasks only."""
        self._task = task

    @property
    def has_share(self) -> bool:
        """Whether the chosen model gives the share of each source."""
        return self._spec().has_share

    @property
    def any_number(self) -> bool:
        """Whether the chosen model fuses any number of layers, in any order."""
        return self._spec().any_number

    def check_number(self, count: int) -> None:
        """Refuse more layers than the model takes."""
        if count > 2 and not self.any_number:
            raise InvalidInputError(
                f"Model {self._spec().name} fuses two layers, and {count} are ticked. Tick two, or "
                f"choose model {DEFAULT_MODEL} under Advanced."
            )

    def gammas(self, images: Sequence[Snapshot]) -> tuple[float, ...] | None:
        """Return the gamma of each layer if it is wanted and not 1 for all."""
        found = tuple(image.shown["gamma"] for image in images)
        return found if self.gamma.value and any(each != 1 for each in found) else None

    def _spec(self) -> ModelSpec:
        name = self.box("model").value
        return model_spec(best_model(self._task) if name == "best" else name or DEFAULT_MODEL)

    def options(self, task: str | None = None) -> FuseOptions:
        """Return what is chosen.

        Raises
        ------
        InvalidInputError
            If a choice cannot be used.
        """
        chosen = self.form.asdict()
        del chosen["scale"], chosen["gamma"]
        return FuseOptions(task=task, **chosen)

    @property
    def scale(self) -> Scale:
        """How the value range of a layer is found."""
        return cast(Scale, self.box("scale").value)

    def check(self) -> None:
        """Refuse options that cannot run.

        Raises
        ------
        WeightsError
            If there are no weights for them.
        """
        path = self.form["weights"].value
        if isinstance(path, Path) and not path.expanduser().is_file():
            raise WeightsError(f"There is no weights file {path}.")
        spec = self._spec()
        if not path and not spec.has_weights(self._task):
            tasks = ", ".join(TASKS[task].short_title for task in spec.tasks())
            raise WeightsError(
                f"No weights are bundled for model {spec.name}"
                + (f" and this task, only for {tasks}" if tasks else "")
                + ": choose another model or a weights file under Advanced."
            )

    def _keep(self) -> None:
        device, precision, tile = (self.box(name).value for name in ("device", "precision", "tile"))
        try:
            settings.save(settings.Settings(device, precision, 0 if tile == "auto" else tile))
        except OSError as error:
            notify(error)

    def _on_devices(self, found: tuple[list[str], str]) -> None:
        names, self._auto = found
        device = self.box("device")
        device.set_entries(map(_entry, names))
        if device.value == "auto" and self._wanted_device in names:
            device.value = self._wanted_device
        self._show_device()

    def _on_changed(self) -> None:
        self._show_device()
        self._show_model()
        self.changed.emit()

    def _show_model(self) -> None:
        spec = self._spec()
        takes = "any number of layers, in any order" if spec.any_number else "two layers, in roles"
        self.model_note.setText(f"{spec.name}: {spec.title}. It takes {takes}.")

    def _show_device(self) -> None:
        if self._auto:
            name = self.box("device").value
            self.device_label.setText(f"Device: {self._auto if name == 'auto' else name}")


def _find_devices(progress: ProgressCallback) -> tuple[list[str], str]:
    import_torch()
    return jobs.devices.list_devices(), jobs.devices.describe_device()
