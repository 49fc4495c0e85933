"""The curtain between two layers, and its widget."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_gifnet.layers.curtain import Curtain
from napari_gifnet.widgets.compare import CompareWidget, newest_result

PLACE: dict[str, Any] = {
    "scale": (2, 3),
    "translate": (5, 6),
    "rotate": 20,
    "shear": [0.3],
    "affine": [[1, 0.2, 3], [0, 1, 4], [0, 0, 1]],
}


@pytest.fixture
def pair(viewer: Any) -> tuple[Any, Any]:
    source = viewer.add_image(np.zeros((10, 12), np.uint8), name="source")
    record = {"sources": [{"name": "source"}, {"name": "gone"}]}
    result = viewer.add_image(
        np.arange(20 * 40, dtype=np.uint16).reshape(20, 40),
        name="result",
        colormap="magma",
        contrast_limits=(3, 99),
        metadata={"napari_gifnet": record},
        **PLACE,
    )
    return source, result


@pytest.mark.parametrize("fraction", [0.0, 0.25, 0.6, 1.0])
def test_the_right_part_stays_in_place(viewer: Any, pair: Any, fraction: float) -> None:
    curtain = Curtain(viewer.layers, *pair)
    curtain.move(fraction)
    start = min(39, round(fraction * 40))
    shown = curtain.layer
    np.testing.assert_array_equal(shown.data, pair[1].data[:, start:])
    assert np.shares_memory(shown.data, pair[1].data)
    np.testing.assert_allclose(shown.data_to_world((7, 0)), pair[1].data_to_world((7, start)))
    assert tuple(shown.contrast_limits) == (3, 99)
    assert shown.colormap.name == "magma"


def test_nothing_is_left_behind(viewer: Any, pair: Any) -> None:
    third = viewer.add_image(np.zeros((4, 4)), visible=False)
    curtain = Curtain(viewer.layers, *pair)
    assert [layer.visible for layer in viewer.layers] == [True, False, False, True]
    curtain.close()
    assert [layer.visible for layer in viewer.layers] == [True, True, False]
    assert viewer.layers[-1] is third


@pytest.mark.parametrize("kind", ["rgb", "multiscale", "stack"])
def test_other_kinds_of_layers(viewer: Any, kind: str) -> None:
    source = viewer.add_image(np.zeros((8, 8), np.uint8))
    if kind == "rgb":
        right = viewer.add_image(np.zeros((16, 32, 4), np.uint8), rgb=True)
    elif kind == "multiscale":
        levels = [np.zeros((64 >> level, 96 >> level), np.uint8) for level in range(3)]
        right = viewer.add_image(levels, multiscale=True, contrast_limits=(0, 255))
    else:
        right = viewer.add_image(np.zeros((3, 16, 32), np.uint8))
    curtain = Curtain(viewer.layers, source, right)
    for fraction in (0.5, 0.9, 0.1, 1):
        curtain.move(fraction)
    finest = curtain.layer.data[0] if kind == "multiscale" else curtain.layer.data
    width = finest.shape[1] if kind in ("rgb", "multiscale") else finest.shape[-1]
    assert width == 1
    curtain.close()


def test_the_widget(viewer: Any, qtbot: Any, pair: Any) -> None:
    _, widget = viewer.window.add_plugin_dock_widget("napari-gifnet", "Compare")
    assert isinstance(widget, CompareWidget)
    assert (widget.left, widget.right) == pair
    assert not widget.slider.enabled
    widget.button.native.click()
    assert len(viewer.layers) == 3
    assert viewer.layers[-1].data.shape == (20, 20)
    widget.slider.value = 250
    assert viewer.layers[-1].data.shape == (20, 30)
    assert len(widget.boxes[0]) == 2  # the curtain is no image to compare
    widget.left = pair[1]
    assert viewer.layers[-1].data.shape == (10, 9)
    widget.button.native.click()
    assert len(viewer.layers) == 2
    assert widget.button.text == "Draw curtain"


def test_the_widget_follows_the_viewer(viewer: Any, qtbot: Any, pair: Any) -> None:
    _, widget = viewer.window.add_plugin_dock_widget("napari-gifnet", "Compare")
    widget.button.native.click()
    viewer.layers.remove(viewer.layers[-1])  # the curtain itself
    viewer.layers.remove(pair[1])
    assert not widget.button.native.isChecked()
    assert not widget.button.enabled
    assert [layer.visible for layer in viewer.layers] == [True]


def test_the_newest_result_is_offered(viewer: Any, pair: Any) -> None:
    assert newest_result(list(viewer.layers)) == pair
    assert newest_result([pair[0]]) == (None, None)
