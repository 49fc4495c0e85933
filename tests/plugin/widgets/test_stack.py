"""The Stack widget, and stacks of layers in scripts."""

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
from tests.helpers.stack_samples import make_slices

RUN_LIMIT = 120_000


PLACE = {"scale": (5, 0.5, 0.25), "translate": (7, 10, 20), "units": ("um",) * 3}


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
