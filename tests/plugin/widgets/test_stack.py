"""The Stack widget, and stacks of layers in scripts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.layers import Image
from scipy.ndimage import gaussian_filter

from gifnet import fuse_stack
from gifnet.errors import InvalidInputError
from napari_gifnet import fuse_stack_layers, rerun
from tests.helpers.widgets import dock

RUN_LIMIT = 120_000


def make_slices(count: int = 3, side: int = 48) -> list[Any]:
    """Return slices of 16 bits, each sharp in a band of rows of its own."""
    scene = np.random.default_rng(0).uniform(0, 4000, (side, side))
    slices = []
    for index in range(count):
        blurred = gaussian_filter(scene, 3)
        rows = slice(index * side // count, (index + 1) * side // count)
        blurred[rows] = scene[rows]
        slices.append(blurred.astype(np.uint16))
    return slices


PLACE = {"scale": (5, 0.5, 0.25), "translate": (7, 10, 20), "units": ("um",) * 3}


@pytest.fixture
def stack_widget(viewer: Any, qtbot: Any, random_weights: Path) -> Any:
    return dock(viewer, qtbot, "Stack", random_weights)


def test_one_layer_is_fused_along_its_axis(random_weights: Path) -> None:
    stack = Image(np.stack(make_slices()), name="stack", **PLACE, axis_labels=("z", "y", "x"))
    stack.rotate = (0, 0, 20)
    depth, fused = fuse_stack_layers(stack, return_depth=True, weights=random_weights)
    image, measured = fuse_stack(
        make_slices(), return_depth=True, spacing=(7, 12, 17), weights=random_weights
    )
    np.testing.assert_array_equal(fused.data, image)
    np.testing.assert_array_equal(depth.data, measured)
    assert depth.metadata["depth"] == {"unit": "micrometer", "positions": [7, 12, 17]}
    assert depth.contrast_limits == [7, 17]
    assert fused.data.dtype == np.uint16
    for layer in (fused, depth):
        np.testing.assert_array_equal(layer.scale, (0.5, 0.25))
        np.testing.assert_array_equal(layer.translate, (10, 20))
        np.testing.assert_allclose(layer.rotate, np.asarray(stack.rotate)[1:, 1:])
        assert layer.axis_labels == ("y", "x")
        assert [str(unit) for unit in layer.units] == ["micrometer"] * 2
    assert not depth.visible
    record = json.loads(json.dumps(fused.metadata["napari_gifnet"]))
    assert record["operation"] == "fuse_stack"
    assert record["stack"] == {"align": "none", "reference": 1, "slices": 3}
    again = rerun([stack], record)
    assert [layer.data.tobytes() for layer in again] == [
        depth.data.tobytes(), fused.data.tobytes()
    ]  # fmt: skip


def test_layers_are_fused_on_the_reference_grid(random_weights: Path) -> None:
    slices = make_slices(2)
    far = Image(slices[1][::2, ::2], name="far", scale=(2, 2), translate=(0.5, 0.5))
    near = Image(slices[0], name="near")
    (fused,) = fuse_stack_layers([near, far], reference=0, weights=random_weights, task="mfif")
    assert fused.data.shape == near.data.shape
    assert fused.name == "Fused near to far"
    (again,) = rerun([far, near], fused.metadata["napari_gifnet"])
    assert again.data.tobytes() == fused.data.tobytes()
    (coarse,) = fuse_stack_layers([near, far], weights=random_weights)
    assert coarse.data.shape == far.data.shape


def test_a_time_series_of_stacks(random_weights: Path) -> None:
    slices = np.stack(make_slices())
    series = Image(np.stack([slices, slices[:, ::-1]]), name="series", scale=(3, 2, 1, 1))
    (fused,) = fuse_stack_layers(series, axis=1, weights=random_weights)
    assert fused.data.shape == (2, 48, 48)
    np.testing.assert_array_equal(fused.scale, (3, 1, 1))
    np.testing.assert_array_equal(fused.data[0], fuse_stack(slices, weights=random_weights))


def test_a_time_series_has_one_value_range(random_weights: Path) -> None:
    slices = np.stack(make_slices())
    frames = np.stack([slices // 40, slices // 4, slices])
    series = Image(frames, name="series")
    (fused,) = fuse_stack_layers(series, axis=1, weights=random_weights)
    record = fused.metadata["napari_gifnet"]
    limits = (float(frames.min()), float(frames.max()))
    assert record["options"]["value_range"] == limits
    assert record["request"]["options"]["value_range"] == "auto"
    for frame, found in zip(frames, fused.data, strict=True):
        expected = fuse_stack(frame, weights=random_weights, value_range=limits)
        np.testing.assert_array_equal(found, expected)
    flat = Image(np.full((2, 3, 16, 16), 7, np.uint16), contrast_limits=(0, 9))
    (fused,) = fuse_stack_layers(flat, axis=1, weights=random_weights)
    assert (fused.data == 7).all()


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing")
def test_slices_that_do_not_fit(random_weights: Path) -> None:
    one, two = (Image(data, name=name) for data, name in zip(make_slices(2), "ab", strict=True))
    with pytest.raises(InvalidInputError, match="two or more"):
        fuse_stack_layers([one])
    with pytest.raises(InvalidInputError, match="'c' and 'b' are of types"):
        fuse_stack_layers([Image(one.data.astype(float), name="c"), two])
    colour = Image(np.zeros((48, 48, 3), np.uint8), name="d", rgb=True)
    with pytest.raises(InvalidInputError, match="colour channels"):
        fuse_stack_layers([colour, two])
    with pytest.raises(InvalidInputError, match="overlap"):
        fuse_stack_layers([one, Image(two.data, name="far", translate=(1000, 0))])
    with pytest.raises(InvalidInputError, match="cannot be taken out"):
        fuse_stack_layers(one)
    tilted = Image(np.stack([one.data, two.data]), name="tilted", rotate=(0, 20, 0))
    with pytest.raises(InvalidInputError, match="rotated or sheared"):
        fuse_stack_layers(tilted)
    with pytest.raises(InvalidInputError, match="reference is 5"):
        fuse_stack_layers([one, two], reference=5)
    with pytest.raises(InvalidInputError, match=r"reference is 0\.5; give an integer"):
        fuse_stack_layers([one, two], reference=0.5)  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="axis is 'z'; give an integer"):
        fuse_stack_layers(tilted, axis="z")  # type: ignore[arg-type]


def test_the_widget_chooses_what_looks_like_a_stack(viewer: Any, stack_widget: Any) -> None:
    assert "Open" in stack_widget.controls.status.text()
    assert not stack_widget.controls.run_button.isEnabled()
    layers = [viewer.add_image(data, name=f"s{i}") for i, data in enumerate(make_slices())]
    assert stack_widget.layers == layers
    assert stack_widget.axis.native.isHidden()
    odd = viewer.add_image(np.zeros((9, 9), np.uint8), name="odd")
    assert stack_widget.layers == [odd]
    stack_widget.layers = layers[:2]
    assert len(stack_widget.grid) == 3
    viewer.layers.remove(layers[0])
    assert stack_widget.layers == layers[1:2]
    stack = viewer.add_image(np.stack(make_slices(5)), name="stack")
    stack_widget.layers = [stack]
    assert not stack_widget.axis.native.isHidden()
    assert "5 slices of 48 × 48 px." in stack_widget.controls.info.text()
    stack_widget.advanced.form.model.value = "gifnet"
    assert "5 slices of 48 × 48 px: 8 comparisons." in stack_widget.controls.info.text()
    stack_widget.advanced.form.model.value = "gifnet-cvpr"
    stack_widget.controls.refresh()
    assert "no shares" in stack_widget.controls.status.text()


def test_the_widget_runs_and_copies_a_script(
    viewer: Any, stack_widget: Any, run: Any, qtbot: Any, notifications: list[Any]
) -> None:
    from qtpy.QtWidgets import QApplication

    slices = make_slices()
    for index, data in enumerate(slices):
        viewer.add_image(data, name=f"s{index}", scale=(2, 2))
    stack_widget.controls.script_button.click()
    script = QApplication.clipboard().text()
    run(stack_widget)
    assert not notifications, notifications
    depth, fused = viewer.layers[-2:]
    assert (depth.name, fused.name) == ("Depth of s0 to s2", "Fused s0 to s2")
    assert depth.contrast_limits == [0, 2]
    np.testing.assert_array_equal(fused.scale, (2, 2))
    run(stack_widget)
    assert len(viewer.layers) == 7  # the results are no slices
    assert len({layer.name for layer in viewer.layers}) == 7
    names: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        import napari

        patch.setattr(napari, "current_viewer", lambda: viewer)
        exec(compile(script, "script.py", "exec"), names)
    np.testing.assert_array_equal(viewer.layers[-1].data, fused.data)


def test_cancel(viewer: Any, stack_widget: Any, fake_fuser: Any, qtbot: Any) -> None:
    fake_fuser.tiles, fake_fuser.pause = 50, 0.02
    viewer.add_image(np.stack(make_slices()), name="stack")
    stack_widget.controls.run_button.click()
    qtbot.wait(200)
    stack_widget.controls.cancel_button.click()
    qtbot.waitUntil(lambda: not stack_widget.controls.is_running, timeout=RUN_LIMIT)
    assert "Cancelled" in stack_widget.controls.status.text()
    assert len(viewer.layers) == 1


def test_the_dev_stack(shared_dir: Path, random_weights: Path) -> None:
    """Aligned slices of a real stack, thinned out: shape, type, and transforms in the record."""
    from gifnet.io import read_images

    folder = shared_dir / "data" / "dev" / "focus_stack"
    if not folder.is_dir():
        pytest.skip("needs the focus stack")
    paths = sorted(folder.glob("pcb_*.jpg"))[:3]
    layers = [Image(read_images(path)[0].data[::8, ::8], name=path.stem) for path in paths]
    (fused,) = fuse_stack_layers(layers, align="affine", weights=random_weights)
    assert fused.rgb
    transforms = fused.metadata["napari_gifnet"]["stack"]["transforms"]
    assert [one["kind"] for one in transforms] == ["affine", "none", "affine"]


def make_shifted(count: int = 3, side: int = 64) -> list[Any]:
    """Return slices that are shifted against each other by whole pixels."""
    wide = make_slices(count, side + 12)
    return [
        one[4 + 2 * index : 4 + 2 * index + side, 6 - index : 6 - index + side]
        for index, one in enumerate(wide)
    ]


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
    (again,) = rerun([stack], json.loads(json.dumps(better.metadata["napari_gifnet"])))
    assert again.data.tobytes() == better.data.tobytes()
    labels.data[30, 30] = 4
    with pytest.raises(InvalidInputError, match="label 4, but the stack has 3 slices"):
        fuse_stack_layers(stack, retouching=labels, weights=random_weights)


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
    better = viewer.layers[-1]
    assert better.name == "Fused s0 to s2 retouched"
    records = [layer.metadata["napari_gifnet"]["stack"] for layer in (fused, better)]
    assert records[0]["transforms"] == records[1]["transforms"]
    changed = better.data != fused.data
    assert 0 < changed.sum() <= 100
    (again,) = rerun(viewer.layers, json.loads(json.dumps(better.metadata["napari_gifnet"])))
    assert again.data.tobytes() == better.data.tobytes()


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
