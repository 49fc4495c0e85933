"""The overlap of two layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.layers import Image

from gifnet.errors import InvalidInputError
from napari_gifnet.layers.overlap import find_overlap
from napari_gifnet.layers.snapshot import snapshot


def image(shape: tuple[int, ...], name: str = "a", **place: Any) -> Any:
    return snapshot(Image(np.zeros(shape, np.uint8), rgb=False, name=name, **place))


def test_the_same_grid_overlaps_in_all_of_it() -> None:
    overlap = find_overlap(image((40, 60)), image((40, 60), "b"))
    assert overlap.shape == (40, 60)
    assert overlap.share == pytest.approx(1)
    assert overlap.in_words() == (
        "Result on the grid of a: 40 × 60 px. The layers overlap in all of it."
    )


def test_a_part_is_told_in_pixels_and_units() -> None:
    place = {"scale": (0.5, 0.5), "units": ("um", "um")}
    one = image((40, 60), "fine", **place)
    two = image((20, 30), "coarse", scale=(1, 1), translate=(10.25, 0.25), units=("um", "um"))
    overlap = find_overlap(two, one)
    assert overlap.reference is one
    assert overlap.shape == (20, 60)
    assert overlap.share == pytest.approx(0.5)
    assert "20 × 60 px (10 × 30 µm), 50 % of it" in overlap.in_words()


def test_units_are_converted_and_rotations_followed() -> None:
    one = image((100, 100), units=("um", "um"))
    two = image((100, 100), "b", scale=(1e-3, 1e-3), units=("mm", "mm"))
    assert find_overlap(one, two).share == pytest.approx(1, abs=1e-6)
    turned = image((100, 100), "b", rotate=45, units=("um", "um"))
    # Half a square of side 100 that hangs on its corner, without the tip right of column 100.
    tip = 100 * 2**0.5 - 100
    overlap = find_overlap(one, turned)
    assert overlap.share == pytest.approx((5000 - tip**2 / 2) / 1e4, abs=0.01)


@pytest.mark.parametrize(
    "place",
    [{"translate": (40, 0)}, {"translate": (-41.0, 0)}, {"rotate": 135, "translate": (-10, -10)}],
)
def test_no_overlap_is_said(place: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match="'a' and 'b' do not overlap"):
        find_overlap(image((40, 40)), image((40, 40), "b", **place))


def test_stacks_that_pass_each_other() -> None:
    deep = image((5, 20, 20))
    with pytest.raises(InvalidInputError, match="do not overlap"):
        find_overlap(deep, image((5, 20, 20), "b", translate=(7, 0, 0)))
    assert find_overlap(deep, image((20, 20), "b")).in_words().startswith(
        "Result on the grid of a: 5 × 20 × 20 px."
    )  # fmt: skip
