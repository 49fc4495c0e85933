"""Extent, brightness, alignment and retouching of stacks, in scripts and in the Stack widget."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.layers import Image

from gifnet import fuse_stack
from gifnet.errors import InvalidInputError
from napari_gifnet import fuse_stack_layers, rerun
from napari_gifnet.records import job_of
from tests.helpers.stack_samples import make_shifted, make_slices

RUN_LIMIT = 120_000


def test_a_crop_keeps_its_place_and_its_record(random_weights: Path) -> None:
    slices = make_shifted()
    place = {"scale": (5, 2, 3), "translate": (0, 10, 20), "rotate": (0, 0, 30)}
    stack = Image(np.stack(slices), name="stack", **place, affine=np.diag((1, 2, 2, 1)))
    asked = {"align": "translation", "crop": "common", "equalise": "brightness"}
    map_layer, fused = fuse_stack_layers(stack, return_map=True, **asked, weights=random_weights)
    image, info = fuse_stack(slices, **asked, return_info=True, weights=random_weights)
    np.testing.assert_array_equal(fused.data, image)
    assert fused.data.shape < (64, 64)
    corner = stack.data_to_world((1, info.region.top, info.region.left))[1:]
    np.testing.assert_allclose(fused.data_to_world((0, 0)), corner)
    np.testing.assert_allclose(map_layer.data_to_world((0, 0)), corner)
    np.testing.assert_array_equal(map_layer.data, info.sharpest + 1)
    assert list(map_layer.features["slice"][:2]) == ["not changed", "0 of stack"]
    record = json.loads(json.dumps(fused.metadata["napari_gifnet"]))
    again = rerun([stack], record)
    assert [layer.data.tobytes() for layer in again] == [
        map_layer.data.tobytes(), fused.data.tobytes()
    ]  # fmt: skip


def test_a_crop_of_coloured_slices(random_weights: Path) -> None:
    slices = [np.stack([one // 20] * 3, axis=-1).astype(np.uint8) for one in make_shifted()]
    asked = {"align": "translation", "crop": "common", "weights": random_weights}
    (fused,) = fuse_stack_layers([Image(one, rgb=True) for one in slices], **asked)
    assert fused.rgb
    expected = fuse_stack(slices, value_range=(0, 255), **asked)
    assert fused.data.shape == expected.shape


def test_planes_of_a_time_series_are_cropped_alike(random_weights: Path) -> None:
    slices = make_shifted()
    series = Image(np.stack([np.stack(slices), np.stack(slices[::-1])]), name="series")
    asked = {"align": "translation", "crop": "common", "axis": 1, "weights": random_weights}
    (fused,) = fuse_stack_layers(series, **asked)
    assert fused.data.shape[0] == 2
    record = fused.metadata["napari_gifnet"]
    assert [len(plane) for plane in record["stack"]["transforms"]] == [3, 3]
    (again,) = fuse_stack_layers(series, transforms=fused, **asked)
    assert again.data.tobytes() == fused.data.tobytes()
    with pytest.raises(InvalidInputError, match=r"transforms is for 2 plane\(s\)"):
        fuse_stack_layers(Image(np.stack(slices)), transforms=fused, weights=random_weights)
    painted = np.full(fused.data.shape, -1)
    with pytest.raises(InvalidInputError, match="leading axes"):
        fuse_stack_layers(series, retouching=painted, transforms=fused, **asked)


def test_another_channel_uses_an_alignment_again(random_weights: Path) -> None:
    slices = make_shifted()
    (first,) = fuse_stack_layers(
        [Image(one, name=f"a{i}") for i, one in enumerate(slices)],
        align="affine",
        weights=random_weights,
    )
    other = [Image(one // 2, name=f"b{i}") for i, one in enumerate(slices)]
    (second,) = fuse_stack_layers(other, transforms=first, weights=random_weights)
    stack = [layer.metadata["napari_gifnet"]["stack"] for layer in (first, second)]
    assert stack[0]["transforms"] == stack[1]["transforms"]
    # Copied scripts contain the transforms.
    job = job_of(other, second.metadata["napari_gifnet"])
    call = dict(eval(repr(job.call().keywords)))
    (scripted,) = fuse_stack_layers(other, **call, weights=random_weights)
    assert scripted.data.tobytes() == second.data.tobytes()
    (again,) = rerun(other, second.metadata["napari_gifnet"])
    assert again.data.tobytes() == second.data.tobytes()
    with pytest.raises(InvalidInputError, match="There are 3 transforms"):
        fuse_stack_layers(other[:2], transforms=first, weights=random_weights)
    with pytest.raises(InvalidInputError, match="holds no transforms"):
        fuse_stack_layers(other, transforms=other[0], weights=random_weights)


def test_painted_slices_are_blended_in(random_weights: Path) -> None:
    slices = make_slices()
    stack = Image(np.stack(slices), name="stack", scale=(1, 2, 2))
    labels, fused = fuse_stack_layers(stack, return_map=True, weights=random_weights)
    with pytest.raises(InvalidInputError, match="Nothing is painted in layer 'Slice map of stack'"):
        fuse_stack_layers(stack, retouching=labels, weights=random_weights)
    labels.data[10:20, 10:20] = 3
    labels.data[0] = 0  # erased: the result stays
    (better,) = fuse_stack_layers(stack, retouching=labels, feather=0, weights=random_weights)
    # What the network has chosen by itself is not painted.
    assert (better.data[10:20, 10:20] == slices[2][10:20, 10:20]).all()
    changed = better.data != fused.data
    assert changed[10:20, 10:20].any()
    assert changed.sum() <= 100
    assert better.name == "Fused stack retouched"
    record = json.loads(json.dumps(better.metadata["napari_gifnet"]))
    (again,) = rerun([stack], record)
    assert again.data.tobytes() == better.data.tobytes()
    call = dict(eval(repr(job_of([stack], record).call().keywords)))
    (scripted,) = fuse_stack_layers(stack, **call, weights=random_weights)
    assert scripted.data.tobytes() == better.data.tobytes()
    labels.data[30, 30] = 4
    with pytest.raises(InvalidInputError, match="label 4, but the stack has 3 slices"):
        fuse_stack_layers(stack, retouching=labels, weights=random_weights)


def test_a_map_of_a_time_series_is_painted_plane_by_plane(random_weights: Path) -> None:
    slices = np.stack(make_slices())
    series = Image(np.stack([slices, slices[::-1]]), name="series")
    asked = {"axis": 1, "weights": random_weights}
    labels, fused = fuse_stack_layers(series, return_map=True, **asked)
    assert labels.data.shape == (2, 48, 48)
    labels.data[1, 10:20, 10:20] = 1
    (better,) = fuse_stack_layers(series, retouching=labels, feather=0, **asked)
    assert (better.data[0] == fused.data[0]).all()
    assert (better.data[1, 10:20, 10:20] == slices[2, 10:20, 10:20]).all()
    (again,) = rerun([series], json.loads(json.dumps(better.metadata["napari_gifnet"])))
    assert again.data.tobytes() == better.data.tobytes()


def test_an_aligned_stack_has_no_preview(viewer: Any, stack_widget: Any, run: Any) -> None:
    open_slices(viewer, make_shifted())
    stack_widget.registration.kind.value = "translation"
    run(stack_widget)
    stack_widget.registration.kind.value = "none"
    stack_widget.preview_job()
    stack_widget.stack_options.alignment.value = viewer.layers[-1]
    with pytest.raises(InvalidInputError, match="aligns no slices"):
        stack_widget.preview_job()


def open_slices(viewer: Any, slices: list[Any], name: str = "s") -> list[Image]:
    return [viewer.add_image(one, name=f"{name}{i}") for i, one in enumerate(slices)]


def test_the_widget_uses_the_last_alignment_again(
    viewer: Any, stack_widget: Any, run: Any, notifications: list[Any]
) -> None:
    layers = open_slices(viewer, make_shifted())
    options = stack_widget.stack_options
    assert options.crop.native.isHidden()
    assert options.alignment.native.isHidden()
    stack_widget.registration.kind.value = "translation"
    assert not options.crop.native.isHidden()
    assert not stack_widget.make_job().is_reused
    run(stack_widget)
    assert "alignment" not in stack_widget.controls.status.text()
    first = viewer.layers[-1]
    assert "alignment of the last run is used again" in stack_widget.controls.info.text()
    assert options.alignment.choices == (None, first)  # the depth map is no fused stack
    options.crop.value = True
    assert "alignment of the last run" in stack_widget.controls.info.text()
    run(stack_widget)
    assert not notifications, notifications
    assert "alignment of the last run was used" in stack_widget.controls.status.text()
    second = viewer.layers[-1]
    stack = [layer.metadata["napari_gifnet"]["stack"] for layer in (first, second)]
    assert stack[0]["transforms"] == stack[1]["transforms"]
    assert second.data.shape < first.data.shape
    assert "transforms" not in stack_widget.make_job().call().keywords
    stack_widget.registration.kind.value = "affine"
    assert stack_widget.make_job().transforms is None
    stack_widget.registration.kind.value = "translation"
    assert stack_widget.make_job().is_reused
    other = open_slices(viewer, [one // 2 for one in make_shifted()], "other")
    stack_widget.layers = other
    assert stack_widget.make_job().transforms is None
    options.alignment.value = first
    assert stack_widget.registration.kind.native.isHidden()
    job = stack_widget.make_job()
    assert [len(plane) for plane in job.transforms] == [3]
    assert "transforms" in job.call().keywords
    stack_widget.layers = other[:2]
    assert "that of 3 slices, but 2" in stack_widget.controls.status.text()
    for layer in layers:
        viewer.layers.remove(layer)
    assert stack_widget._last is None


def test_the_widget_applies_a_painted_map(
    viewer: Any, stack_widget: Any, run: Any, qtbot: Any, notifications: list[Any]
) -> None:
    slices = make_shifted()
    open_slices(viewer, slices)
    stack_widget.registration.kind.value = "translation"
    options = stack_widget.stack_options
    assert options.section.isHidden()
    options.map.value = True
    run(stack_widget)
    labels = viewer.layers[-1]
    fused = viewer.layers["Fused s0 to s2"]
    assert labels.name == "Slice map of s0 to s2"
    assert not labels.visible
    assert not options.section.isHidden()
    assert options.which.value is labels
    options.apply_button.native.click()
    assert "Nothing is painted" in notifications[-1].message
    labels.paint((32, 32), 3)
    options.feather.value = 0
    options.apply_button.native.click()
    qtbot.waitUntil(lambda: not stack_widget.controls.is_running, timeout=RUN_LIMIT)
    better = viewer.layers["Fused s0 to s2 retouched"]
    assert viewer.layers[-1] is labels
    assert viewer.layers.selection == {labels}
    records = [layer.metadata["napari_gifnet"]["stack"] for layer in (fused, better)]
    assert records[0]["transforms"] == records[1]["transforms"]
    changed = better.data != fused.data
    assert 0 < changed.sum() <= 100
    (again,) = rerun(viewer.layers, json.loads(json.dumps(better.metadata["napari_gifnet"])))
    assert again.data.tobytes() == better.data.tobytes()
    count = len(viewer.layers)
    labels.data[40:50, 40:50] = 1
    options.apply_button.native.click()
    qtbot.waitUntil(lambda: not stack_widget.controls.is_running, timeout=RUN_LIMIT)
    assert "Updated" in stack_widget.controls.status.text()
    assert len(viewer.layers) == count
    assert (better.data != again.data)[40:50, 40:50].any()
    viewer.layers.remove("s1")
    options.apply_button.native.click()
    assert "['s1'] are not among the layers" in notifications[-1].message


def test_a_map_says_which_slice_is_under_the_cursor(
    viewer: Any, stack_widget: Any, run: Any
) -> None:
    open_slices(viewer, make_slices())
    stack_widget.stack_options.map.value = True
    run(stack_widget)
    labels = viewer.layers[-1]
    labels.visible = True
    name = f"s{labels.data[5, 5] - 1}"
    assert f"slice: {name}" in labels.get_status((5, 5), world=True)["coordinates"]
