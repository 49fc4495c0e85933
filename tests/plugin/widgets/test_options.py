"""The form of options, made from the fields of `FuseOptions`."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from magicgui.widgets import CheckBox, ComboBox, FileEdit

from gifnet.models.registry import MODELS
from gifnet.options import CHROMA_CHOICES, PRECISION_CHOICES, FuseOptions
from napari_gifnet.widgets.parts.options import HIDDEN, make_options_form


@dataclass(frozen=True)
class MoreOptions(FuseOptions):
    """Options of a later version."""

    sharpness: Literal["low", "high"] = field(default="low", metadata={"help": "How sharp."})
    denoise: bool = field(default=False, metadata={"help": "Denoise first."})
    radius: float = field(default=1.5, metadata={"help": "In pixels."})


@pytest.fixture(autouse=True)
def app(qtbot: Any) -> None:
    """Widgets need a Qt application."""


def test_every_option_is_shown_or_hidden_for_a_reason() -> None:
    names = {option.name for option in dataclasses.fields(FuseOptions)}
    shown = set(make_options_form().asdict())
    assert shown | set(HIDDEN) == names
    assert not shown & set(HIDDEN)
    assert all(HIDDEN.values())


def test_a_new_option_appears_by_itself() -> None:
    form = make_options_form(MoreOptions)
    assert isinstance(form["sharpness"], ComboBox)
    assert form["sharpness"].choices == ("low", "high")
    assert isinstance(form["denoise"], CheckBox)
    assert form["radius"].value == 1.5
    assert form["radius"].tooltip == "In pixels."
    assert form["sharpness"].label == "Sharpness"
    assert MoreOptions(**form.asdict()) == MoreOptions()


def test_choices_and_texts_are_those_of_the_core() -> None:
    form = make_options_form()
    assert form["precision"].choices == PRECISION_CHOICES
    assert form["chroma"].choices == CHROMA_CHOICES
    assert form["model"].choices == (None, *MODELS, "best")
    assert form["tile"].choices[0] == "auto"
    assert isinstance(form["weights"], FileEdit)
    for option in dataclasses.fields(FuseOptions):
        if option.name not in HIDDEN:
            assert form[option.name].tooltip == option.metadata["help"]
    assert FuseOptions(**form.asdict()) == FuseOptions()
