"""The layers that the Fuse widget ticks by itself."""

from __future__ import annotations

from typing import Any


def test_other_layers_are_proposed_when_all_that_were_chosen_are_gone(
    viewer: Any, fuse_widget: Any
) -> None:
    viewer.open_sample("napari-gifnet", "multi-focus")
    fuse_widget.layers = fuse_widget.layers[::-1]
    viewer.layers.clear()
    viewer.open_sample("napari-gifnet", "multi-exposure")
    assert [layer.name for layer in fuse_widget.layers] == ["Over-exposed", "Under-exposed"]
    assert fuse_widget.task.value == "meif"


def test_an_empty_list_is_low(fuse_widget: Any) -> None:
    assert fuse_widget.list.height() < 60
