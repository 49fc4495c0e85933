"""Colours of channels and bands, by their names."""

from __future__ import annotations

import pytest

from napari_gifnet.layers.looks import band_of, looks_of


@pytest.mark.parametrize(
    ("name", "band"),
    [
        ("Red", "red"),
        ("B04 red", "red"),
        ("GREEN", "green"),
        ("Blue", "blue"),
        ("NIR", "nir"),
        ("Near Infrared", "nir"),
        ("NIR 1", "nir"),
        ("red edge", None),
        ("RedEdge 1", None),
        ("coastal blue", None),
        ("SWIR", None),
        ("665 nm", "red"),
        ("0.56", "green"),
        ("0.49 um", "blue"),
        ("842", "nir"),
        ("2190 nm", None),
        ("channel 1", None),
    ],
)
def test_bands_are_known_by_name_or_wavelength(name: str, band: str | None) -> None:
    assert band_of(name) == band


def test_primary_bands_have_their_colours_and_others_are_hidden() -> None:
    looks = looks_of(["Blue", "Green", "Red", "Red edge", "NIR"])
    assert [look.colormap for look in looks] == ["blue", "green", "red", "gray", "gray"]
    assert [look.visible for look in looks] == [True, True, True, False, False]


def test_fluorophores_have_their_usual_colours_over_transmitted_light() -> None:
    looks = looks_of(["GFP", "DAPI", "Phase contrast", "mCherry", "Cy5"])
    assert [look.colormap for look in looks] == ["green", "blue", "gray", "red", "magenta"]
    assert [look.is_below for look in looks] == [False, False, True, False, False]
    assert looks[2].arguments()["blending"] == "translucent_no_depth"


@pytest.mark.parametrize(
    ("name", "colour"),
    [("Hoechst 33342", "blue"), ("Alexa Fluor 488", "green"), ("EGFP", "green"), ("Cy3", "red"),
     ("AF647", "magenta"), ("Texas Red", "red"), ("YFP", "yellow"), ("488", "green")],
)  # fmt: skip
def test_dyes_are_known_in_their_spellings(name: str, colour: str) -> None:
    assert looks_of([name, "DIC"])[0].colormap == colour


def test_colours_of_the_file_come_first() -> None:
    looks = looks_of(["GFP", "DAPI"], ["#ff0000", "#123456"])
    assert [look.colormap for look in looks] == ["red", "#123456"]


def test_one_colour_for_all_was_chosen_by_nobody() -> None:
    looks = looks_of(["GFP", "DAPI"], ["#ffffff", "#ffffff"])
    assert [look.colormap for look in looks] == ["green", "blue"]


def test_unknown_channels_have_colours_that_differ() -> None:
    assert [look.colormap for look in looks_of(["a", "b"])] == ["magenta", "green"]
    many = [look.colormap for look in looks_of(["GFP", "b", "c", "d"])]
    assert many[0] == "green"
    assert len(set(many)) == 4
