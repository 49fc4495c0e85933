"""The Fuse widget in a real viewer."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from gifnet.errors import InvalidInputError
from gifnet.tasks import best_model
from napari_gifnet.jobs.base import FuserCache


def add_pair(viewer: Any) -> tuple[Any, Any]:
    """Add an 8-bit RGB layer with coarse pixels and a 16-bit grey one with fine pixels."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (32, 40, 3), dtype=np.uint8)
    fine = rng.integers(0, 4096, (64, 80), dtype=np.uint16)
    place = {"units": ("um", "um"), "axis_labels": ("y", "x")}
    first = viewer.add_image(
        coarse, name="coarse", rgb=True, scale=(2, 2), translate=(10.5, 20.5), **place
    )
    second = viewer.add_image(fine, name="fine", translate=(10, 20), **place)
    return first, second


def same_place(one: Any, other: Any) -> bool:
    keys = ("scale", "translate", "rotate", "shear")
    return (
        all(np.array_equal(getattr(one, key), getattr(other, key)) for key in keys)
        and np.array_equal(one.affine.affine_matrix, other.affine.affine_matrix)
        and one.units == other.units
        and one.axis_labels == other.axis_labels
    )


def test_real_model_fuses_layers_of_two_grids_and_types(
    viewer: Any, fuse_widget: Any, run: Any, notifications: list[Any]
) -> None:
    first, second = add_pair(viewer)
    second.rotate = 30
    first.rotate = 30
    before = first.data.copy(), second.data.copy()
    fuse_widget.task.value = "medical"
    fuse_widget.extra.value = True
    assert fuse_widget.layers == [first, second]
    run(fuse_widget)
    assert not notifications, notifications
    assert [layer.name for layer in viewer.layers] == [
        "coarse",
        "fine",
        "Share of coarse in coarse + fine",
        "Share of fine in coarse + fine",
        "Fused coarse + fine",
    ]
    share, _, fused = viewer.layers[2:]
    assert same_place(fused, second)
    assert same_place(share, second)
    assert fused.data.shape == (64, 80, 3)
    assert fused.data.dtype == np.uint8
    assert fused.rgb
    assert not share.rgb
    assert not share.visible
    assert share.data.dtype == np.float32
    assert 0 <= share.data.min() <= share.data.max() <= 1
    np.testing.assert_array_equal(first.data, before[0])
    np.testing.assert_array_equal(second.data, before[1])
    record = fused.metadata["napari_gifnet"]
    assert record["sources"][0] == {"name": "coarse", "role": "PET, SPECT or CT", "dtype": "uint8"}
    assert record["sources"][1]["role"] == "MRI"
    assert record["reference"] == "fine"
    coarse, (low, high) = record["options"]["value_range"]
    assert coarse == (0.0, 255.0)
    assert 0 < low < 100 < 4000 < high < 4096
    assert len(record["weights"]["sha256"]) == 64
    assert "torch" in record["versions"]


@pytest.mark.parametrize(("choice", "shape"), [("first", (32, 40)), ("second", (64, 80))])
def test_reference_grid_can_be_chosen(
    viewer: Any, fuse_widget: Any, fake_fuser: Any, run: Any, choice: str, shape: tuple[int, int]
) -> None:
    layers = dict(zip(("first", "second"), add_pair(viewer), strict=True))
    fuse_widget.grid.value = layers[choice]
    run(fuse_widget)
    fused = viewer.layers[-1]
    assert fused.data.shape[:2] == shape
    assert same_place(fused, layers[choice])


def test_second_run_does_not_overwrite_the_first(
    viewer: Any, fuse_widget: Any, fake_fuser: Any, run: Any
) -> None:
    add_pair(viewer)
    run(fuse_widget)
    result = viewer.layers[-1]
    run(fuse_widget)
    assert len(viewer.layers) == 4
    assert viewer.layers[-1] is not result
    assert len({layer.name for layer in viewer.layers}) == 4


def test_window_stays_responsive(
    viewer: Any, fuse_widget: Any, fake_fuser: Any, qtbot: Any, run: Any
) -> None:
    from qtpy.QtCore import QTimer

    add_pair(viewer)
    fake_fuser.tiles, fake_fuser.pause = 10, 0.1
    moments: list[float] = []
    timer = QTimer()
    timer.timeout.connect(lambda: moments.append(time.monotonic()))
    timer.start(20)
    run(fuse_widget)
    timer.stop()
    assert len(moments) > 15
    assert np.diff(moments).max() < 0.5


def test_cancel_leaves_nothing_behind(
    viewer: Any, fuse_widget: Any, fake_fuser: Any, qtbot: Any, notifications: list[Any], run: Any
) -> None:
    from napari.utils import progress

    add_pair(viewer)
    fake_fuser.tiles, fake_fuser.pause = 100, 0.1
    assert not fuse_widget.controls.cancel_button.isEnabled()
    fuse_widget.controls.run_button.click()
    qtbot.waitUntil(lambda: fuse_widget.controls.bar.value() > 0)
    assert not fuse_widget.controls.run_button.isEnabled()
    assert [bar.desc for bar in progress._all_instances] == ["Fusing coarse + fine"]
    start = time.monotonic()
    fuse_widget.controls.cancel_button.click()
    qtbot.waitUntil(lambda: not fuse_widget.controls.is_running)
    assert time.monotonic() - start < 2
    assert len(viewer.layers) == 2
    assert not notifications
    assert not progress._all_instances
    assert "Cancelled" in fuse_widget.controls.status.text()
    fake_fuser.tiles = 1
    run(fuse_widget)
    assert len(viewer.layers) == 3


def test_layer_removed_while_running(
    viewer: Any, fuse_widget: Any, fake_fuser: Any, qtbot: Any
) -> None:
    first, _ = add_pair(viewer)
    fake_fuser.pause = 0.1
    fuse_widget.controls.run_button.click()
    viewer.layers.remove(first)
    assert fuse_widget.layers == list(viewer.layers)
    qtbot.waitUntil(lambda: not fuse_widget.controls.is_running)
    assert viewer.layers[-1].name == "Fused coarse + fine"


def test_expected_errors_become_notifications_and_leave_no_layer(
    viewer: Any, fuse_widget: Any, fake_fuser: Any, notifications: list[Any], run: Any
) -> None:
    add_pair(viewer)
    fake_fuser.error = InvalidInputError("The image is upside down; turn it.")
    run(fuse_widget)
    assert [str(note.message) for note in notifications] == ["The image is upside down; turn it."]
    assert notifications[0].severity.value == "error"
    assert len(viewer.layers) == 2
    assert fuse_widget.controls.run_button.isEnabled()


def test_unexpected_errors_become_notifications_with_their_traceback(
    viewer: Any, fuse_widget: Any, fake_fuser: Any, monkeypatch: Any, run: Any
) -> None:
    from napari.utils.notifications import notification_manager

    received: list[Any] = []
    monkeypatch.setattr(notification_manager, "receive_error", lambda *args: received.append(args))
    add_pair(viewer)
    fake_fuser.error = ZeroDivisionError("by zero")
    run(fuse_widget)
    ((kind, _, traceback),) = received
    assert kind is ZeroDivisionError
    assert traceback is not None
    assert len(viewer.layers) == 2


def test_damaged_weights_give_one_notification(
    viewer: Any, fuse_widget: Any, notifications: list[Any], tmp_path: Any, run: Any
) -> None:
    add_pair(viewer)
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(b"not weights at all")
    fuse_widget.advanced.form.weights.value = str(damaged)
    run(fuse_widget)
    assert len(notifications) == 1
    assert str(damaged) in notifications[0].message
    assert len(viewer.layers) == 2


def test_layers_that_do_not_meet(viewer: Any, fuse_widget: Any) -> None:
    first, _ = add_pair(viewer)
    assert fuse_widget.controls.run_button.isEnabled()
    first.translate = (1000, 1000)
    assert not fuse_widget.controls.run_button.isEnabled()
    assert "do not overlap" in fuse_widget.controls.status.text()
    first.translate = (10.5, 20.5)
    assert fuse_widget.controls.run_button.isEnabled()
    first.units = ("pixel", "pixel")
    assert "cannot be converted" in fuse_widget.controls.run_button.toolTip()


def test_choices_follow_the_viewer(viewer: Any, fuse_widget: Any) -> None:
    assert "Open image layers" in fuse_widget.controls.run_button.toolTip()
    assert not fuse_widget.controls.run_button.isEnabled()
    first, second = add_pair(viewer)
    viewer.add_labels(np.zeros((8, 8), int))
    viewer.add_points(np.zeros((1, 2)))
    ticks = fuse_widget.list

    def texts() -> list[str]:
        return [ticks.item(row).text() for row in range(ticks.count())]

    assert texts() == ["coarse", "fine"]
    first.name = "renamed"
    assert texts() == ["renamed", "fine"]
    third = viewer.add_image(np.zeros((8, 8)), name="third", visible=False)
    assert fuse_widget.layers == [first, second]  # as they are visible
    fuse_widget.layers = [third, second]
    assert texts() == ["third", "fine", "renamed"]
    viewer.layers.remove(third)
    assert fuse_widget.layers == [second]
    viewer.layers.clear()
    assert not fuse_widget.controls.run_button.isEnabled()


def test_results_and_composites_come_last_and_unticked(viewer: Any, fuse_widget: Any) -> None:
    from napari_gifnet.layers.composite import composite

    bands = [viewer.add_image(np.eye(8), name=f"s {band}") for band in ("red", "green", "blue")]
    data, arguments, _ = composite(bands, "s RGB")
    viewer.layers.insert(0, type(bands[0])(data, **arguments))
    viewer.add_image(np.eye(8), name="result", metadata={"napari_gifnet": {}})
    assert fuse_widget.layers == bands
    names = [layer.name for layer in fuse_widget.list.layers]
    assert names == ["s red", "s green", "s blue", "s RGB", "result"]


def test_a_click_on_a_name_ticks_it(viewer: Any, fuse_widget: Any, qtbot: Any) -> None:
    from qtpy.QtCore import Qt

    first, second = add_pair(viewer)
    ticks = fuse_widget.list
    place = ticks.visualItemRect(ticks.item(1)).center()
    qtbot.mouseClick(ticks.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert fuse_widget.layers == [first]
    qtbot.mouseClick(ticks.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert fuse_widget.layers == [first, second]


def test_roles_follow_names_and_are_asked_for_by_models_that_need_them(
    viewer: Any, fuse_widget: Any
) -> None:
    rng = np.random.default_rng(0)
    mri, pet = (viewer.add_image(rng.random((32, 32)), name=name) for name in ("MRI", "PET"))
    assert fuse_widget.task.value == "medical"
    assert fuse_widget.layers == [pet, mri]
    assert fuse_widget.role.native.isHidden()
    fuse_widget.advanced.form.weights.value = None
    fuse_widget.advanced.form.model.value = "gifnet"
    assert not fuse_widget.role.native.isHidden()
    assert fuse_widget.role.label == "PET, SPECT or CT"
    assert fuse_widget.role.value is pet
    fuse_widget.role.value = mri
    assert fuse_widget.layers == [mri, pet]
    viewer.add_image(rng.random((16, 16)), name="CT", scale=(2, 2))
    assert "fuses two layers, and 3 are ticked" in fuse_widget.controls.status.text()


def test_three_layers_and_their_weights(viewer: Any, fuse_widget: Any, run: Any) -> None:
    rng = np.random.default_rng(0)
    fuse_widget.advanced.form.weights.value = None
    layers = [
        viewer.add_image(rng.random((64, 64)), name=name, colormap=colour, blending="additive")
        for name, colour in (("phase", "gray"), ("GFP", "green"), ("DAPI", "blue"))
    ]
    assert fuse_widget.task.value is None
    assert fuse_widget.make_job().options.balance is None
    fuse_widget.weights.form[1].value = 2
    assert fuse_widget.make_job().options.balance == (1, 2, 1)
    fuse_widget.extra.value = True
    run(fuse_widget)
    names = [layer.name for layer in viewer.layers[3:]]
    assert names[:3] == [f"Share of {one.name} in phase + GFP + DAPI" for one in layers]
    fused = viewer.layers[-1]
    assert fused.rgb
    assert fused.data.dtype == np.uint8
    assert "display" in fused.metadata["napari_gifnet"]["values"]
    fuse_widget.colours.value = False
    run(fuse_widget)
    assert not viewer.layers[-1].rgb
    assert fuse_widget.layers == layers


def test_one_layer_is_enhanced_or_fused_along_an_axis(
    viewer: Any, fuse_widget: Any, fake_fuser: Any, run: Any
) -> None:
    viewer.add_image(np.zeros((3, 32, 32), np.uint8), name="stack")
    assert fuse_widget.make_job().description == "Fusing 3 slices of stack"
    fuse_widget.axis.value = None
    run(fuse_widget)
    assert viewer.layers[-1].name == "Enhanced stack"


def test_exposures_are_recognised_by_their_brightness(viewer: Any, fuse_widget: Any) -> None:
    scene = np.random.default_rng(0).integers(40, 60, (32, 32)).astype(np.uint8)
    for name, factor in (("a", 1), ("b", 2), ("c", 4)):
        viewer.add_image(scene * np.uint8(factor), name=name)
    assert fuse_widget.task.value == "meif"
    assert fuse_widget.make_job().description == "Fusing 3 slices of a to c"


def test_options_reach_the_job(viewer: Any, fuse_widget: Any, random_weights: Any) -> None:
    add_pair(viewer)
    advanced = fuse_widget.advanced
    fuse_widget.task.value = "mfif"
    advanced.form.precision.value = "float32"
    advanced.form.chroma.value = "none"
    advanced.form.scale.value = "dtype"
    job = fuse_widget.make_job()
    options = job.options
    assert (options.task, options.precision, options.chroma) == ("mfif", "float32", "none")
    assert job.scale == "dtype"
    assert options.weights == str(random_weights)


def test_what_keeps_it_from_running_is_said(viewer: Any, fuse_widget: Any, tmp_path: Any) -> None:
    add_pair(viewer)
    advanced = fuse_widget.advanced
    advanced.form.weights.value = str(tmp_path / "none.safetensors")
    assert not fuse_widget.controls.run_button.isEnabled()
    assert "none.safetensors" in fuse_widget.controls.status.text()
    advanced.form.weights.value = None
    advanced.form.model.value = "gifnet-blend"
    advanced.changed.emit()
    assert "No weights are bundled" in fuse_widget.controls.run_button.toolTip()
    advanced.form.model.value = "gifnet-cvpr"
    advanced.changed.emit()
    assert not fuse_widget.extra.enabled


def test_closing_the_viewer_mid_run(
    viewer: Any, qtbot: Any, fuse_widget: Any, fake_fuser: Any
) -> None:
    add_pair(viewer)
    runner = fuse_widget.controls.runner
    fake_fuser.tiles, fake_fuser.pause = 400, 0.05
    fuse_widget.controls.run_button.click()
    qtbot.wait(100)
    viewer.close()
    qtbot.waitUntil(lambda: not runner.is_running, timeout=10_000)


def test_closing_the_dock_mid_run(
    viewer: Any, qtbot: Any, fuse_widget: Any, fake_fuser: Any
) -> None:
    add_pair(viewer)
    runner = fuse_widget.controls.runner
    fake_fuser.tiles, fake_fuser.pause = 400, 0.05
    fuse_widget.controls.run_button.click()
    qtbot.wait(100)
    viewer.window.remove_dock_widget(fuse_widget)
    fuse_widget.deleteLater()
    qtbot.waitUntil(lambda: not runner.is_running, timeout=10_000)
    assert len(viewer.layers) == 2
    viewer.add_image(np.zeros((8, 8)))


def test_a_model_with_weights_by_task_asks_for_a_task(viewer: Any, fuse_widget: Any) -> None:
    rng = np.random.default_rng(0)
    for name in ("near", "far"):
        viewer.add_image(rng.integers(0, 256, (32, 40), dtype=np.uint8), name=name)
    fuse_widget.advanced.form.weights.value = None
    fuse_widget.advanced.form.model.value = "efrufn"
    assert fuse_widget.task.value == "mfif"  # by the names
    assert fuse_widget.controls.blocking_reason() is None
    fuse_widget.task.value = None
    problem = fuse_widget.controls.blocking_reason()
    assert problem is not None
    assert "only for" in problem
    fuse_widget.task.value = "mfif"
    assert fuse_widget.controls.blocking_reason() is None
    fuse_widget.extra.value = True
    mask, result = fuse_widget.make_job().run(FuserCache(), lambda done, total: None)
    assert result[0].shape == mask[0].shape == (32, 40)
    fuse_widget.advanced.form.model.value = "best"
    assert fuse_widget.controls.blocking_reason() is None
    assert fuse_widget.make_job().options.model == best_model("mfif")
