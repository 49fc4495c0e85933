"""Plugin widgets in a test's viewer."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def dock(viewer: Any, qtbot: Any, name: str, weights: Path) -> Any:
    """Dock a widget, wait until it knows its device, and return it."""
    _, widget = viewer.window.add_plugin_dock_widget("napari-gifnet", name)
    qtbot.waitUntil(
        lambda: (
            widget.advanced.device_label.text().startswith("Device: cpu")
            or "cuda" in widget.advanced.device_label.text()
        ),
        timeout=60_000,
    )
    widget.advanced.form.weights.value = str(weights)
    return widget
