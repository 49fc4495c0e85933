"""A tour through every widget on the samples: one screenshot a step.

    python -m tools.tour FOLDER [--weights FILE] [--sample KEY ...] [--side PIXELS]

Besides the screenshots, FOLDER gets a saved result, a small batch, and the script that "Copy as
script" gives. While something computes, a timer measures how long the event loop stands still.

Without --weights the bundled weights are used. A display is needed; on a machine without one:
``xvfb-run -a -s "-screen 0 1600x1000x24" python -m tools.tour FOLDER``.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import napari
import numpy as np
from qtpy.QtWidgets import QApplication

from benchmarks.event_loop import Pulse
from gifnet.io import write_image

SAMPLES = (
    "multi-focus",
    "multi-exposure",
    "exposure-bracket",
    "fluorescence",
    "pan-ms",
    "pet-mri",
)
#: No text is cut off, and no widget needs to scroll, in a window of this size.
WINDOW = (1280, 720)


def spend(seconds: float) -> None:
    """Let the window work for a while."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.002)


class Tour:
    """A viewer, the widgets that are docked in it, and a camera.

    Parameters
    ----------
    folder : Path
        Where the screenshots go.
    weights : str
        A weights file; empty for the bundled one.
    side : int or None
        So many fine pixels a side the samples are cut to.
    """

    def __init__(self, folder: Path, weights: str, side: int | None):
        self.folder, self._weights, self._side = folder, weights, side
        folder.mkdir(parents=True, exist_ok=True)
        self.viewer = napari.Viewer()
        self.viewer.window.resize(*WINDOW)
        self._count, self._pulse = 0, Pulse()
        self._before_adding = 0.0
        self.viewer.layers.events.inserting.connect(self._on_inserting)

    def shoot(self, name: str) -> None:
        """Take a screenshot of the whole window."""
        spend(0.7)
        self._count += 1
        path = self.folder / f"{self._count:02d}-{name}.png"
        self.viewer.window.screenshot(str(path), canvas_only=False, flash=False)
        print(path, flush=True)

    def dock(self, name: str) -> Any:
        """Open a widget of the plugin."""
        _, widget = self.viewer.window.add_plugin_dock_widget("napari-gifnet", name, tabify=True)
        if hasattr(widget, "advanced"):
            widget.advanced.form.weights.value = self._weights or None
        return widget

    def undock(self, widget: Any) -> None:
        """Close a widget."""
        self.viewer.window.remove_dock_widget(widget)
        spend(0.2)

    def open(self, key: str) -> None:
        """Open a sample in an empty viewer."""
        self.viewer.layers.clear()
        self.viewer.open_sample("napari-gifnet", key)
        if self._side:
            crop(self.viewer, self._side)
        self.viewer.reset_view()

    def run(self, widget: Any) -> None:
        """Press the button, and wait for the end."""
        if problem := widget.controls.blocking_reason():
            raise SystemExit(problem)
        spend(0.2)
        self._pulse.longest()
        self._before_adding = 0.0
        began = time.monotonic()
        widget.controls.run()
        starting = self._pulse.longest()
        self._wait(widget)
        after = self._pulse.longest()
        running = self._before_adding or after
        seconds = time.monotonic() - began
        print(
            f"{widget.controls.job.description}: {seconds:.1f} s; the event loop stood still for "
            f"{1000 * starting:.0f} ms to begin, {1000 * running:.0f} ms while it ran, "
            f"{1000 * after:.0f} ms to add layers"
        )

    def _wait(self, widget: Any) -> None:
        while widget.controls.is_running:
            spend(0.05)

    def _on_inserting(self, event: Any) -> None:
        self._before_adding = self._before_adding or self._pulse.longest()

    def wait_for(self, busy: Any, what: str) -> None:
        """Wait while the window works, and report how long the event loop stalled."""
        spend(0.1)
        self._pulse.longest()
        while busy():
            spend(0.05)
        print(f"{what}: the event loop stood still for {1000 * self._pulse.longest():.0f} ms")


def crop(viewer: napari.Viewer, side: int) -> None:
    """Cut every layer to its middle, `side` world units wide, to make a short tour."""
    for layer in viewer.layers:
        lead = layer.ndim - 2
        centre = layer.extent.world.mean(axis=0)[lead:]
        cut = []
        for axis in range(2):
            scale, start = layer.scale[lead + axis], layer.translate[lead + axis]
            half = side * min(other.scale[-2 + axis] for other in viewer.layers) / 2
            first = round((centre[axis] - half - start) / scale)
            last = round((centre[axis] + half - start) / scale)
            cut.append(slice(max(0, first), max(0, last)))
        layer.translate = [
            *layer.translate[:lead],
            *(layer.translate[lead + a] + cut[a].start * layer.scale[lead + a] for a in range(2)),
        ]
        layer.data = layer.data[(slice(None),) * lead + tuple(cut)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the screenshots go")
    parser.add_argument("--weights", default="", help="a weights file instead of the bundled one")
    parser.add_argument("--sample", action="append", choices=SAMPLES, help="only these samples")
    parser.add_argument("--side", type=int, help="cut the samples to so many fine pixels a side")
    arguments = parser.parse_args()
    tour = Tour(arguments.folder, arguments.weights, arguments.side)
    keys = arguments.sample or list(SAMPLES)
    fuse = tour.dock("Fuse")
    tour.shoot("empty")
    for key in keys:
        tour.open(key)
        tour.shoot(f"{key}-opened")
        tour.run(fuse)
        tour.shoot(f"{key}-fused")
    compare(tour)
    look_ahead(tour, fuse)
    refuse(tour, fuse)
    save(tour, fuse)
    register(tour, fuse, keys[0])
    fuse.advanced.section.expand(animate=False)
    tour.shoot("advanced")
    tour.undock(fuse)
    enhance(tour)
    stack(tour)
    pansharpen(tour)
    batch(tour)
    tour.viewer.close()


def compare(tour: Tour) -> None:
    """Draw the curtain between a source and the result, and measure."""
    widget = tour.dock("Compare")
    widget.button.native.click()
    tour.shoot("curtain")
    widget.slider.value = 250
    tour.shoot("curtain-moved")
    widget.quality.button.click()
    tour.wait_for(lambda: widget.quality.is_running, "measuring")
    tour.shoot("measured")
    widget.close_curtain()
    tour.undock(widget)


def look_ahead(tour: Tour, fuse: Any) -> None:
    """Show the overlap's outline, and the preview of a part of the image."""
    viewer = tour.viewer
    viewer.layers.remove(viewer.layers[-1])
    layer = viewer.layers[0]
    place, size = np.array(layer.translate), np.ptp(layer.extent.world, axis=0)
    layer.translate = place + 0.3 * size
    viewer.reset_view()
    fuse.outline_button.native.setChecked(True)
    tour.shoot("overlap")
    layer.translate = place
    fuse.outline_button.native.setChecked(False)
    viewer.reset_view()

    def unrest() -> bool:
        return fuse.preview.live.layer is None or fuse.preview.live.runner.is_busy

    fuse.preview.box.setChecked(True)
    tour.wait_for(unrest, "previewing")
    tour.shoot("preview")
    viewer.scene.camera.zoom *= 3
    tour.wait_for(unrest, "previewing a part")
    tour.shoot("preview-zoomed")
    fuse.preview.box.setChecked(False)
    viewer.reset_view()


def refuse(tour: Tour, fuse: Any) -> None:
    """Move a layer out of the other's way, and see what the widget says."""
    layer = tour.viewer.layers[0]
    place = np.array(layer.translate)
    layer.translate = place + 1e5
    tour.shoot("no-overlap")
    layer.translate = place


def save(tour: Tour, fuse: Any) -> None:
    """Save a result, reopen it, and copy the run as a script."""
    viewer = tour.viewer
    fuse.extra.value = True
    tour.run(fuse)
    path = tour.folder / "result.ome.tif"
    viewer.layers[-1].save(str(path), plugin="napari-gifnet")
    viewer.open(path, plugin="napari-gifnet")
    fuse.controls.copy_script()
    (tour.folder / "script.py").write_text(QApplication.clipboard().text(), encoding="utf-8")
    tour.shoot("saved-reopened-and-copied")
    fuse.extra.value = False


def register(tour: Tour, fuse: Any, key: str) -> None:
    """Turn and shift a layer; be warned, find the transform, fuse, and apply it."""
    tour.open(key)
    layer = tour.viewer.layers[1]
    layer.rotate = 3
    layer.translate = np.array(layer.translate) + 0.02 * np.ptp(layer.extent.world, axis=0)
    box = fuse.registration
    tour.wait_for(lambda: box.is_checking, "checking the alignment")
    tour.shoot("misaligned")
    box.kind.value = "rigid"
    box.find_button.click()
    tour.wait_for(lambda: box.is_running, "registering")
    tour.run(fuse)
    tour.shoot("registered-and-fused")
    box.apply_button.click()
    tour.shoot("registration-applied")


def enhance(tour: Tour) -> None:
    """Enhance one layer."""
    tour.open("multi-exposure")
    widget = tour.dock("Enhance")
    widget.layers = [tour.viewer.layers[1]]
    tour.shoot("enhance")
    tour.run(widget)
    tour.shoot("enhanced")
    tour.undock(widget)


def stack(tour: Tour) -> None:
    """Fuse a focus stack; show the result and the depth map."""
    tour.open("focus-stack")
    widget = tour.dock("Stack")
    tour.shoot("stack")
    tour.run(widget)
    tour.shoot("stack-fused")
    tour.viewer.layers[-1].visible = False
    tour.viewer.layers[-2].visible = True
    tour.shoot("stack-depth")
    tour.open("multi-exposure")
    widget.task.value = "meif"
    tour.shoot("bracket")
    tour.run(widget)
    tour.shoot("bracket-fused")
    tour.undock(widget)


def pansharpen(tour: Tour) -> None:
    """Sharpen bands, by the network and by a classical method."""
    tour.open("pan-ms")
    widget = tour.dock("Pansharpen")
    tour.shoot("pan-ms")
    tour.run(widget)
    tour.shoot("pansharpened")
    widget.method.value = "brovey"
    tour.run(widget)
    tour.shoot("pansharpened-brovey")
    tour.undock(widget)


def batch(tour: Tour) -> None:
    """Write three pairs of which one is damaged, and fuse them."""
    folder = tour.folder / "pairs"
    names = ("near", "far")
    tour.open("multi-focus")
    for name, layer in zip(names, tour.viewer.layers, strict=True):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for index in range(3):
            top = index * len(layer.data) // 4
            part = layer.data[top : top + len(layer.data) // 2]
            write_image(folder / name / f"motorcycle {index}.png", part, axes="YXS")
    (folder / "near" / "motorcycle 1.png").write_bytes(b"damaged")
    widget = tour.dock("Batch")
    tour.shoot("batch")
    widget.folder.value = folder
    for line, name in zip(widget.names, names, strict=True):
        line.value = name
    widget.overwrite.value = True
    tour.wait_for(lambda: widget.is_matching, "matching")
    tour.shoot("batch-matched")
    tour.run(widget)
    tour.shoot("batch-done")
    tour.undock(widget)


if __name__ == "__main__":
    main()
