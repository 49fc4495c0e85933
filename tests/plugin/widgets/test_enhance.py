"""The Enhance widget in a real viewer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest


def test_real_model_enhances_a_stack(viewer: Any, enhance_widget: Any, run: Any) -> None:
    data = np.random.default_rng(0).integers(0, 4096, (2, 24, 32), dtype=np.uint16)
    layer = viewer.add_image(data.copy(), name="stack", scale=(2, 0.5, 0.5), units=["um"] * 3)
    assert enhance_widget.layers == [layer]
    run(enhance_widget)
    result = viewer.layers[-1]
    assert result.name == "Enhanced stack"
    assert result.data.shape == data.shape
    assert result.data.dtype == np.uint16
    assert tuple(result.scale) == (2, 0.5, 0.5)
    assert result.units == layer.units
    assert result.metadata["napari_gifnet"]["operation"] == "enhance"
    np.testing.assert_array_equal(layer.data, data)


@pytest.mark.parametrize("channels", [3, 4])
def test_colour_stays_colour(
    viewer: Any, enhance_widget: Any, fake_fuser: Any, run: Any, channels: int
) -> None:
    viewer.add_image(np.zeros((40, 40, channels), np.uint8), rgb=True)
    run(enhance_widget)
    assert viewer.layers[-1].rgb


def test_needs_a_layer(viewer: Any, enhance_widget: Any) -> None:
    assert "Open image layers" in enhance_widget.controls.run_button.toolTip()
    layer = viewer.add_image(np.zeros((8, 8)))
    assert enhance_widget.controls.run_button.isEnabled()
    other = viewer.add_image(np.zeros((8, 8)))
    assert enhance_widget.layers == [layer]
    enhance_widget.layers = [other]
    viewer.layers.remove(other)
    assert enhance_widget.layers == [layer]


def test_halos_can_be_let_through(
    viewer: Any, enhance_widget: Any, fake_fuser: Any, run: Any
) -> None:
    viewer.add_image(np.zeros((40, 40), np.uint8))
    assert enhance_widget.preview_job().options.overshoot == 0.03
    for limited in (True, False):
        enhance_widget.halos.value = limited
        run(enhance_widget)
        record = viewer.layers[-1].metadata["napari_gifnet"]
        assert record["options"]["overshoot"] == ("auto" if limited else None)
    assert enhance_widget.preview_job().options.overshoot is None
