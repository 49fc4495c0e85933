"""Transforms of a stack are kept, written, and used again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from gifnet import align_stack, fuse_stack
from gifnet.errors import InvalidInputError, ReadError
from gifnet.workflows import read_transforms
from tests.helpers.stack_samples import moved_stack

METHOD = {"method": "pyramid"}
TRANSLATION = {"align": "translation"}


def test_another_channel_reuses_the_transforms() -> None:
    slices, other = moved_stack(), moved_stack(1)
    fused, info = fuse_stack(slices, align="translation", return_info=True, **METHOD)
    assert [one.kind for one in info.transforms] == ["translation"] * 2 + ["none", "translation"]
    by_info, by_record, by_list = (
        fuse_stack(other, transforms=kept, **METHOD)
        for kept in (info, info.provenance, list(info.transforms))
    )
    assert_array_equal(by_info, by_record)
    assert_array_equal(by_info, by_list)
    # The same transforms as found for the first channel, not those of the second one.
    moved = (align_stack(slices, **how).images[0] for how in ({"transforms": info}, TRANSLATION))
    assert_allclose(*moved)
    again, info_again = fuse_stack(slices, transforms=info, return_info=True, **METHOD)
    assert_array_equal(again, fused)
    assert info_again.transforms == info.transforms


def test_the_result_is_cropped_to_what_all_slices_cover() -> None:
    slices = moved_stack()
    whole, info = fuse_stack(slices, align="translation", return_info=True, **METHOD)
    assert (info.region.height, info.region.width) == whole.shape
    cropped, info = fuse_stack(slices, transforms=info, crop="common", return_info=True, **METHOD)
    region = info.region
    assert cropped.shape == (region.height, region.width)
    # Slices 0, 1 and 3 are up to 2 rows and 4 columns away from slice 2, in both directions.
    assert region.height in (60, 61)
    assert region.width in (57, 58)
    aligned = align_stack(slices, transforms=info, crop="common")
    assert not np.ma.is_masked(np.ma.stack(aligned.images))
    assert fuse_stack(slices, crop="common", **METHOD).shape == slices.shape[1:]


def test_transforms_that_do_not_fit_are_named() -> None:
    slices = moved_stack()
    found = align_stack(slices, align="translation")
    with pytest.raises(InvalidInputError, match="There are 4 transforms, but the stack has 3"):
        fuse_stack(slices[:3], transforms=found, **METHOD)
    with pytest.raises(InvalidInputError, match="for slices of 64 x 64 pixels, but these have 60"):
        fuse_stack(slices[:, 4:], transforms=found, **METHOD)
    for wrong in ({}, {"stack": {}}, "transforms.json", 3, [{"kind": "affine"}]):
        with pytest.raises(InvalidInputError, match="Pass the transforms of an earlier run"):
            fuse_stack(slices, transforms=wrong, **METHOD)
    far = [moved_by(one, 40.0 * n) for n, one in enumerate(found.transforms)]
    with pytest.raises(InvalidInputError, match="No pixel is covered by all slices"):
        fuse_stack(slices, transforms=far, crop="common", **METHOD)
    with pytest.raises(InvalidInputError, match="crop is 'luck'; choose one of reference, common"):
        fuse_stack(slices, crop="luck", **METHOD)


def moved_by(transform: Any, by: float) -> dict[str, object]:
    values = transform.to_dict()
    values["matrix"][0][2] += by
    return {**values, "kind": "translation"}


def test_files_without_transforms_are_named(tmp_path: Path) -> None:
    path = tmp_path / "no.json"
    with pytest.raises(ReadError, match="cannot be read as transforms"):
        read_transforms(path)
    path.write_text('{"transforms": []}', encoding="utf-8")
    with pytest.raises(InvalidInputError, match=r"no.json.* holds no transforms"):
        read_transforms(path)
