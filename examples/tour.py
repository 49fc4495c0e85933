"""A tour through every widget on the samples: one screenshot a step.

    python examples/tour.py FOLDER [--weights FILE] [--sample KEY ...] [--side PIXELS]

Besides the screenshots, FOLDER gets a saved result and the script that "Copy as script" gives.

Without --weights the bundled weights are used. A display is needed; on a machine without one:
``xvfb-run -a -s "-screen 0 1600x1000x24" python examples/tour.py FOLDER``.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import napari
import numpy as np
from qtpy.QtWidgets import QApplication

TASKS = {
    "multi-focus": "mfif",
    "multi-exposure": "meif",
    "pan-ms": "pansharpen",
    "pet-mri": "medical",
}


def spend(seconds: float) -> None:
    """Let the window work for a while."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.01)


def wait_for(widget: Any) -> float:
    """Let the window work until a run has ended; return the seconds it took."""
    start = time.monotonic()
    while widget.is_running:
        spend(0.05)
    return time.monotonic() - start


class Camera:
    """Takes numbered screenshots of a viewer's whole window."""

    def __init__(self, viewer: napari.Viewer, folder: Path):
        self._viewer, self._folder, self._count = viewer, folder, 0

    def shoot(self, name: str) -> None:
        spend(0.7)
        self._count += 1
        path = self._folder / f"{self._count:02d}-{name}.png"
        self._viewer.window.screenshot(str(path), canvas_only=False, flash=False)
        print(path, flush=True)


def wait_for_preview(widget: Any) -> None:
    """Let the window work until the preview rests."""
    resting = 0
    while resting < 8:
        spend(0.1)
        busy = widget.preview.is_running or widget.preview.layer is None
        resting = 0 if busy else resting + 1


def crop(viewer: napari.Viewer, side: int) -> None:
    """Cut every layer to its middle, `side` world units wide, to make a short tour."""
    for layer in viewer.layers:
        centre = layer.extent.world.mean(axis=0)
        cut = []
        for axis in range(2):
            half = side * min(other.scale[axis] for other in viewer.layers) / 2
            start = (centre[axis] - half - layer.translate[axis]) / layer.scale[axis]
            stop = (centre[axis] + half - layer.translate[axis]) / layer.scale[axis]
            cut.append(slice(max(0, round(start)), max(0, round(stop))))
        layer.translate = [
            layer.translate[axis] + cut[axis].start * layer.scale[axis] for axis in range(2)
        ]
        layer.data = layer.data[tuple(cut)]
    viewer.reset_view()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the screenshots go")
    parser.add_argument("--weights", help="a weights file instead of the bundled one")
    parser.add_argument("--sample", action="append", choices=TASKS, help="only these samples")
    parser.add_argument("--side", type=int, help="cut the samples to so many fine pixels a side")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)

    viewer = napari.Viewer()
    viewer.window.resize(1400, 900)
    camera = Camera(viewer, arguments.folder)
    _, fuse = viewer.window.add_plugin_dock_widget("napari-gifnet", "Fuse")
    fuse.advanced.weights.line.setText(arguments.weights or "")
    camera.shoot("empty")
    for key in arguments.sample or TASKS:
        viewer.layers.clear()
        viewer.open_sample("napari-gifnet", key)
        if arguments.side:
            crop(viewer, arguments.side)
        fuse.task.value = TASKS[key]
        camera.shoot(f"{key}-opened")
        if problem := fuse.problem():
            raise SystemExit(problem)
        fuse.run()
        print(f"{key}: {wait_for(fuse):.1f} s")
        camera.shoot(f"{key}-fused")
    compare(viewer, camera)
    look_ahead(viewer, camera, fuse)
    refuse(viewer, camera, fuse)
    save(viewer, camera, arguments.folder, fuse)
    fuse.advanced.section.expand(animate=False)
    camera.shoot("advanced")
    fuse.advanced.section.collapse(animate=False)
    viewer.window.remove_dock_widget(fuse)
    enhance(viewer, camera, arguments.weights or "")
    viewer.close()


def compare(viewer: napari.Viewer, camera: Camera) -> None:
    """Draw the curtain between a source and the result."""
    _, widget = viewer.window.add_plugin_dock_widget("napari-gifnet", "Compare")
    widget.button.click()
    camera.shoot("curtain")
    widget.slider.setValue(250)
    camera.shoot("curtain-moved")
    widget.close_curtain()
    viewer.window.remove_dock_widget(widget)


def look_ahead(viewer: napari.Viewer, camera: Camera, fuse: Any) -> None:
    """Show the overlap's outline, and the preview of a part of the image."""
    viewer.layers.remove(viewer.layers[-1])
    place = np.array(viewer.layers[0].translate)
    size = np.ptp(viewer.layers[0].extent.world, axis=0)
    viewer.layers[0].translate = place + 0.3 * size
    viewer.reset_view()
    fuse.outline_button.setChecked(True)
    camera.shoot("overlap")
    viewer.layers[0].translate = place
    fuse.outline_button.setChecked(False)
    viewer.reset_view()
    fuse.preview_box.setChecked(True)
    wait_for_preview(fuse)
    camera.shoot("preview")
    viewer.scene.camera.zoom *= 3
    wait_for_preview(fuse)
    camera.shoot("preview-zoomed")
    fuse.preview_box.setChecked(False)
    viewer.reset_view()


def refuse(viewer: napari.Viewer, camera: Camera, fuse: Any) -> None:
    """Move a layer out of the other's way, and see what the widget says."""
    place = np.array(viewer.layers[0].translate)
    viewer.layers[0].translate = place + 1e5
    camera.shoot("no-overlap")
    viewer.layers[0].translate = place


def save(viewer: napari.Viewer, camera: Camera, folder: Path, fuse: Any) -> None:
    """Save a result, reopen it, and copy the run as a script."""
    fuse.mask.setChecked(True)
    fuse.run()
    wait_for(fuse)
    path = folder / "result.ome.tif"
    viewer.layers[-1].save(str(path), plugin="napari-gifnet")
    viewer.open(path, plugin="napari-gifnet")
    fuse.copy_script()
    (folder / "script.py").write_text(QApplication.clipboard().text(), encoding="utf-8")
    camera.shoot("saved-reopened-and-copied")
    viewer.layers.remove(viewer.layers[-1])


def enhance(viewer: napari.Viewer, camera: Camera, weights: str) -> None:
    """Enhance one layer."""
    _, widget = viewer.window.add_plugin_dock_widget("napari-gifnet", "Enhance")
    widget.advanced.weights.line.setText(weights)
    widget.layer = viewer.layers[1]
    camera.shoot("enhance")
    widget.run()
    print(f"enhance: {wait_for(widget):.1f} s")
    camera.shoot("enhanced")


if __name__ == "__main__":
    main()
