"""Open napari, load every sample, fuse it with the widget, and save screenshots.

    python examples/tour.py FOLDER [--weights FILE] [--sample KEY ...] [--side PIXELS]

Without --weights the bundled weights are used. A display is needed; on a machine without one:
``xvfb-run -a -s "-screen 0 1600x1000x24" python examples/tour.py FOLDER``.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import napari
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


def shoot(viewer: napari.Viewer, path: Path) -> None:
    spend(1)
    viewer.window.screenshot(str(path), canvas_only=False, flash=False)
    print(path)


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
    _, fuse = viewer.window.add_plugin_dock_widget("napari-gifnet", "Fuse")
    fuse.advanced.weights.line.setText(arguments.weights or "")
    for key in arguments.sample or TASKS:
        viewer.layers.clear()
        viewer.open_sample("napari-gifnet", key)
        if arguments.side:
            crop(viewer, arguments.side)
        fuse.task.value = TASKS[key]
        fuse.mask.setChecked(True)
        shoot(viewer, arguments.folder / f"{key}-before.png")
        if problem := fuse.problem():
            raise SystemExit(problem)
        fuse.run()
        print(f"{key}: {wait_for(fuse):.1f} s")
        shoot(viewer, arguments.folder / f"{key}-after.png")

    fuse.advanced.section.expand(animate=False)
    _, enhance = viewer.window.add_plugin_dock_widget("napari-gifnet", "Enhance")
    enhance.advanced.weights.line.setText(arguments.weights or "")
    enhance.layer = viewer.layers[1]
    shoot(viewer, arguments.folder / "enhance-before.png")
    enhance.run()
    print(f"enhance: {wait_for(enhance):.1f} s")
    shoot(viewer, arguments.folder / "enhance-after.png")
    viewer.close()


if __name__ == "__main__":
    main()
