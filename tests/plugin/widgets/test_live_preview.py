"""The live preview in the widgets: it follows the view."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from gifnet.errors import GifnetError
from napari_gifnet.layers.viewport import camera, canvas_size


@pytest.fixture
def pair(viewer: Any) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    shape = (300, 400)
    return tuple(
        viewer.add_image(rng.integers(0, 256, shape, dtype=np.uint8), name=name) for name in "ab"
    )


def wait_for_frame(qtbot: Any, widget: Any) -> Any:
    live = widget.preview.live

    def at_rest() -> bool:
        return not live.runner.is_busy and live.layer is not None

    qtbot.waitUntil(at_rest, timeout=20_000)
    return live.layer


def test_it_follows_the_view(
    viewer: Any, fuse_widget: Any, fake_fuser: Any, qtbot: Any, pair: Any
) -> None:
    camera(viewer).center, camera(viewer).zoom = (150, 200), 1
    active = viewer.layers.selection.active
    fuse_widget.preview.box.setChecked(True)
    layer = wait_for_frame(qtbot, fuse_widget)
    assert viewer.layers[-1] is layer
    assert viewer.layers.selection.active is active
    assert fuse_widget.layers == list(pair)
    assert layer.data.shape == (300, 400)
    expected = (pair[0].data.astype(float) + pair[1].data) / 2
    np.testing.assert_allclose(layer.data, np.floor(expected), atol=1)

    camera(viewer).zoom = 8
    qtbot.waitUntil(lambda: layer.data.shape != (300, 400))
    wait_for_frame(qtbot, fuse_widget)
    height, width = canvas_size(viewer)
    assert layer.data.shape == pytest.approx((height / 8, width / 8), abs=2)
    np.testing.assert_allclose(
        layer.data_to_world(np.array(layer.data.shape) / 2 - 0.5), (150, 200), atol=0.6
    )
    fuse_widget.preview.box.setChecked(False)
    assert [each.name for each in viewer.layers] == ["a", "b"]


def test_a_stale_frame_is_dropped(
    viewer: Any, fuse_widget: Any, fake_fuser: Any, qtbot: Any, pair: Any
) -> None:
    camera(viewer).center, camera(viewer).zoom = (150, 200), 4
    fake_fuser.tiles, fake_fuser.pause = 100, 0.05
    fuse_widget.preview.box.setChecked(True)
    qtbot.waitUntil(lambda: fuse_widget.preview.live.runner.is_busy)
    fake_fuser.tiles, fake_fuser.pause = 1, 0.0
    camera(viewer).center = (20, 30)
    began = time.monotonic()
    layer = wait_for_frame(qtbot, fuse_widget)
    assert time.monotonic() - began < 4
    corner = layer.data_to_world((-0.5, -0.5))
    np.testing.assert_allclose(corner[-2:], (-0.5, -0.5), atol=0.5)


def test_it_goes_with_a_run_and_with_its_layer(
    viewer: Any, fuse_widget: Any, fake_fuser: Any, qtbot: Any, pair: Any, run: Any
) -> None:
    fuse_widget.preview.box.setChecked(True)
    layer = wait_for_frame(qtbot, fuse_widget)
    viewer.layers.remove(layer)
    assert not fuse_widget.preview.box.isChecked()
    assert not fuse_widget.preview.live.is_on
    fuse_widget.preview.box.setChecked(True)
    wait_for_frame(qtbot, fuse_widget)
    run(fuse_widget)
    assert [each.name for each in viewer.layers] == ["a", "b", "Fused a + b"]


def test_what_it_cannot_show_is_said(
    viewer: Any, fuse_widget: Any, fake_fuser: Any, qtbot: Any, notifications: list[Any]
) -> None:
    for name in "ab":
        viewer.add_image(np.zeros((4, 40, 40), np.uint8), name=name)
    fuse_widget.preview.box.setChecked(True)
    wait_for_frame(qtbot, fuse_widget)
    viewer.dims.ndisplay = 3
    qtbot.waitUntil(lambda: "2-D view" in fuse_widget.preview.note.text())
    assert not viewer.layers["Preview"].visible
    viewer.dims.ndisplay = 2
    camera(viewer).center = (1000, 1000)
    qtbot.waitUntil(lambda: "in view" in fuse_widget.preview.note.text())
    viewer.reset_view()
    qtbot.waitUntil(lambda: not fuse_widget.preview.note.text())
    assert viewer.layers["Preview"].visible
    assert not notifications


def test_it_shows_the_slice_in_view(
    viewer: Any, fuse_widget: Any, fake_fuser: Any, qtbot: Any
) -> None:
    stack = np.arange(4, dtype=np.uint8)[:, None, None] * np.ones((4, 40, 40), np.uint8) * 10
    for name in "ab":
        viewer.add_image(stack, name=name)
    viewer.dims.set_current_step(0, 3)
    fuse_widget.preview.box.setChecked(True)
    layer = wait_for_frame(qtbot, fuse_widget)
    assert (layer.data == 30).all()
    viewer.dims.set_current_step(0, 1)
    qtbot.waitUntil(lambda: (layer.data == 10).all())


def test_enhancement_has_one_too(
    viewer: Any, enhance_widget: Any, fake_fuser: Any, qtbot: Any
) -> None:
    data = np.random.default_rng(0).integers(0, 256, (40, 40), dtype=np.uint8)
    viewer.add_image(data)
    enhance_widget.preview.box.setChecked(True)
    layer = wait_for_frame(qtbot, enhance_widget)
    np.testing.assert_allclose(layer.data, data, atol=1)


def test_a_preview_needs_layers(viewer: Any, fuse_widget: Any, pair: Any) -> None:
    viewer.layers.clear()
    with pytest.raises(GifnetError, match="Open image layers"):
        fuse_widget.preview_job()


def test_stacks_have_one_too(viewer: Any, fuse_widget: Any, fake_fuser: Any) -> None:
    viewer.add_image(np.zeros((3, 32, 32), np.uint8), name="stack")
    assert [layer.name for layer in fuse_widget.preview_job().layers] == [
        "stack 0", "stack 1", "stack 2",
    ]  # fmt: skip
    fuse_widget.registration.kind.value = "rigid"
    with pytest.raises(GifnetError, match="aligns no slices"):
        fuse_widget.preview_job()
