"""Open and close viewers with a fusion in each; watch memory, threads and the event loop.

    python -m benchmarks.viewers [--viewers 20] [--side 96] [--weights FILE]

A display is needed; on a machine without one: ``xvfb-run -a python -m benchmarks.viewers``.
Memory is the process's resident set after each viewer is closed. A timer that should fire
every five milliseconds measures the longest stall of the event loop: while PyTorch
is loaded (in the first viewer), while the network runs, and while napari adds the result.
"""

from __future__ import annotations

import argparse
import gc
import threading
import time
from typing import Any

import napari
import numpy as np
import psutil
from qtpy.QtWidgets import QApplication

from benchmarks.event_loop import Pulse


def wait_until(condition: Any, limit: float = 600) -> None:
    """Let the event loop work until something holds."""
    end = time.monotonic() + limit
    while not condition():
        QApplication.processEvents()
        time.sleep(0.001)
        if time.monotonic() > end:
            raise SystemExit("It takes too long.")


def one_viewer(side: int, weights: str | None, pulse: Pulse) -> dict[str, float]:
    """Open a viewer, fuse in it, close it; return the standstills in milliseconds."""
    viewer = napari.Viewer(show=True)
    _, fuse = viewer.window.add_plugin_dock_widget("napari-gifnet", "Fuse")
    fuse.advanced.form.weights.value = weights
    noise = np.random.default_rng(0).integers(0, 256, (2, side, side), dtype=np.uint8)
    for image in noise:
        viewer.add_image(image)
    QApplication.processEvents()
    pulse.longest()
    wait_until(lambda: "looking" not in fuse.advanced.device_label.text())
    loading = pulse.longest()
    running: list[float] = []
    viewer.layers.events.inserting.connect(lambda event: running.append(pulse.longest()))
    fuse.controls.run()
    starting = pulse.longest()
    wait_until(lambda: not fuse.controls.is_running)
    QApplication.processEvents()
    adding = pulse.longest()
    assert len(viewer.layers) == 3, fuse.controls.status.text()
    viewer.close()
    QApplication.processEvents()
    found = {"loading": loading, "starting": starting, "running": running[0], "adding": adding}
    return {name: 1000 * seconds for name, seconds in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--viewers", type=int, default=20)
    parser.add_argument("--side", type=int, default=96, help="of the images, in pixels")
    parser.add_argument("--weights", help="a weights file instead of the bundled one")
    arguments = parser.parse_args()
    process = psutil.Process()
    pulse: Pulse | None = None
    sizes = []
    print("viewer  memory MB  threads  longest standstill in ms")
    for index in range(arguments.viewers):
        if pulse is None:
            napari.qt.get_qapp()
            pulse = Pulse()
        gaps = one_viewer(arguments.side, arguments.weights, pulse)
        gc.collect()
        sizes.append(process.memory_info().rss / 2**20)
        print(
            f"{index + 1:6d}  {sizes[-1]:9.0f}  {threading.active_count():7d}  "
            + ", ".join(f"{name} {gap:.0f}" for name, gap in gaps.items()),
            flush=True,
        )
    settled = sizes[min(4, len(sizes) - 1)]
    print(f"growth after viewer 5: {100 * (sizes[-1] / settled - 1):+.1f} %")


if __name__ == "__main__":
    main()
