"""Measures a frame of the live preview, from moving the view to new pixels.

    python benchmarks/preview.py [--side 512] [--frames 5] [--weights FILE]

A display is needed; on a machine without one: ``xvfb-run -a -s "-screen 0 1600x1000x24"``. Two
layers of SIDE pixels a side fill the view at one pixel of the screen each. First frames load
PyTorch and the weights, and tell the speed of this machine; then the view is moved by a pixel again
and again. Told are the medians for the frame that comes at once, and for the one at full
resolution, if the first is coarser, that follows when the view rests: the time in the background
(sampling, network, and display), and the time from the move until it is there, with the waits of
60 ms and 250 ms before they are begun.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import napari
import numpy as np
from qtpy.QtWidgets import QApplication


def frame(preview: Any, limit: float = 300) -> tuple[int, float, float]:
    """Wait for a frame; return its longest side, its seconds, and when it was there."""
    began, end = 0.0, time.perf_counter() + limit
    while time.perf_counter() < end:
        QApplication.processEvents()
        if not began and preview.runner.is_running:
            began = time.perf_counter()
        if began and not preview.runner.is_running:
            now = time.perf_counter()
            return max(preview.layer.data.shape[:2]), now - began, now
        time.sleep(0.0005)
    raise SystemExit("It takes too long.")


def frames(preview: Any) -> list[tuple[int, float, float]]:
    """Wait for the frame that comes at once, and the finer one if there is one."""
    found = [frame(preview)]
    QApplication.processEvents()
    if preview.runner.is_busy:
        found.append(frame(preview))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--frames", type=int, default=5)
    parser.add_argument("--weights", default="", help="a weights file instead of the bundled one")
    arguments = parser.parse_args()
    viewer = napari.Viewer()
    viewer.window.resize(1400, 900)
    _, fuse = viewer.window.add_plugin_dock_widget("napari-gifnet", "Fuse")
    fuse.advanced.form.weights.value = arguments.weights or None
    noise = np.random.default_rng(0)
    for name in "ab":
        image = noise.integers(0, 256, (arguments.side,) * 2, dtype=np.uint8)
        viewer.add_image(image, name=name)
    camera = getattr(viewer, "scene", viewer).camera  # napari 0.9 moved it
    camera.zoom = 1
    fuse.preview.box.setChecked(True)
    first = frames(fuse.preview.live)
    print("first:", ", ".join(f"side {side} in {1000 * s:.0f} ms" for side, s, _ in first))
    kinds = ("coarse", "full") if len(first) > 1 else ("full",)
    found: dict[str, list[tuple[float, float]]] = {}
    for _ in range(arguments.frames):
        began = time.perf_counter()
        row, column = camera.center[-2:]
        camera.center = (0, row + 1, column)
        for kind, (_, seconds, moment) in zip(kinds, frames(fuse.preview.live), strict=False):
            found.setdefault(kind, []).append((1000 * seconds, 1000 * (moment - began)))
    for kind, times in found.items():
        made, shown = (statistics.median(values) for values in zip(*times, strict=True))
        print(f"{kind}: {made:.0f} ms, {shown:.0f} ms after the move ({len(times)} frames)")
    viewer.close()


if __name__ == "__main__":
    main()
