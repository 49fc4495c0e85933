"""The quality table: it measures in the background and follows the viewer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_gifnet.layers.viewport import camera


@pytest.fixture
def planes() -> list[Any]:
    """Return two sources and their average, uint8."""
    rng = np.random.default_rng(3)
    noise = [gaussian_filter(rng.standard_normal((64, 80)), 1.5) for _ in range(2)]
    first, second = (
        np.clip(128 + 160 * plane / np.abs(plane).max(), 0, 255).astype(np.uint8) for plane in noise
    )
    return [first, second, ((first.astype(int) + second) // 2).astype(np.uint8)]


@pytest.fixture
def filled(viewer: Any, planes: list[Any]) -> Any:
    """A viewer with two sources and a result of theirs."""
    first, second, fused = planes
    viewer.add_image(first, name="IR")
    viewer.add_image(second, name="VIS")
    record = {
        "sources": [{"name": "IR"}, {"name": "VIS"}],
        "request": {"options": {"task": "ivif", "value_range": "auto"}},
    }
    viewer.add_image(fused, name="Fused", metadata={"napari_gifnet": record})
    return viewer


def test_the_panel(filled: Any, qtbot: Any) -> None:
    _, widget = filled.window.add_plugin_dock_widget("napari-gifnet", "Compare")
    panel = widget.quality
    assert panel.table.isHidden()
    camera(filled).center, camera(filled).zoom = (32, 40), 2
    panel.button.click()
    assert not panel.button.isEnabled()
    qtbot.waitUntil(lambda: not panel.is_running, timeout=30_000)
    table = panel.table
    titles = [table.horizontalHeaderItem(column).text() for column in range(4)]
    assert titles == ["", "kept", "VIF-lesser ↑", "Qabf"]
    rows = [table.item(row, 0).text() for row in range(3)]
    assert rows == ["Result", "IR", "VIS"]
    assert 0 < float(table.item(0, 1).text()) < 1
    assert "pixels measured" in panel.note.text()
    assert panel.button.isEnabled()


def test_the_panel_follows_the_layers(filled: Any, qtbot: Any) -> None:
    _, widget = filled.window.add_plugin_dock_widget("napari-gifnet", "Compare")
    panel = widget.quality
    assert panel.result is filled.layers["Fused"]
    filled.layers["VIS"].name = "visible"
    assert "'VIS' is not among" in panel.note.text()
    assert not panel.button.isEnabled()
    filled.layers["visible"].name = "VIS"
    assert panel.button.isEnabled()
    filled.layers.remove("Fused")
    assert panel.result is None
    assert not panel.button.isEnabled()
    assert "Choose a result" in panel.note.text()
