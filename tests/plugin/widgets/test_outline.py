"""The outline of the overlap."""

from __future__ import annotations

from typing import Any

import numpy as np


def test_the_widget_tells_and_draws_the_overlap(viewer: Any, fuse_widget: Any) -> None:
    assert fuse_widget.controls.info.isHidden()
    assert not fuse_widget.outline_button.enabled
    first = viewer.add_image(np.zeros((40, 60), np.uint8), name="a")
    second = viewer.add_image(np.zeros((40, 60), np.uint8), name="b", translate=(20, 0))
    assert "20 × 60 px, 50 % of it" in fuse_widget.controls.info.text()
    fuse_widget.outline_button.native.click()
    outline = viewer.layers["Overlap"]
    corners = np.array([outline.data_to_world(point) for point in outline.data[0]])
    np.testing.assert_allclose(corners.min(axis=0), (19.5, -0.5))
    np.testing.assert_allclose(corners.max(axis=0), (39.5, 59.5))
    second.translate = (30, 0)
    outline = viewer.layers["Overlap"]
    assert outline.data[0][:, 0].min() == 29.5
    assert fuse_widget.layers == [first, second]
    second.translate = (100, 0)
    assert "Overlap" not in viewer.layers
    second.translate = (0, 0)
    assert "Overlap" in viewer.layers
    fuse_widget.outline_button.native.click()
    assert [layer.name for layer in viewer.layers] == ["a", "b"]
