"""Fuse napari-gifnet's sample pairs, write before/after pictures, and show one pair in napari.

    python examples/demo.py [--out demo] [--weights FILE] [--screenshot]

Each pair gives OUT/NAME/first.png, second.png and fused.png, and OUT/NAME.png with the three
side by side. With --screenshot the viewer closes again after OUT/napari.png is taken.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import napari
import numpy as np
from napari.layers import Image
from napari.qt import get_qapp
from skimage.transform import resize

from gifnet.io import write_image
from napari_gifnet import fuse_layers
from napari_gifnet.io import samples

PAIRS = {
    "multi-focus": (samples.multi_focus, "mfif"),
    "multi-exposure": (samples.multi_exposure, "meif"),
    "pan-ms": (samples.pan_and_ms, "pansharpen"),
    "pet-mri": (samples.pet_and_mri, "medical"),
}
SHOWN = "multi-focus"
GAP = 8


def fuse_pair(name: str, weights: str | None) -> list[Image]:
    """Return a sample's two layers and their fusion, as the Fuse widget makes it."""
    make, task = PAIRS[name]
    layers = [Image(data, **arguments) for data, arguments, _ in make()]
    began = time.perf_counter()
    fused = fuse_layers(*layers, task=task, weights=weights)
    print(f"{name}: fused in {time.perf_counter() - began:.1f} s")
    return [*layers, *fused]


def picture(layer: Image) -> np.ndarray:
    """Return a layer as 8 bits, grey layers within their contrast limits."""
    data = layer.data.astype(np.float64)
    if layer.rgb:
        low, high = (0, np.iinfo(layer.data.dtype).max)
    else:
        low, high = layer.contrast_limits
    return np.rint(np.clip((data - low) / (high - low), 0, 1) * 255).astype(np.uint8)


def strip(pictures: list[np.ndarray]) -> np.ndarray:
    """Return pictures side by side on white, coarse ones enlarged to the last one's size."""
    height, width = pictures[-1].shape[:2]
    result = np.full((height, len(pictures) * (width + GAP) - GAP, 3), 255, np.uint8)
    for index, image in enumerate(pictures):
        colour = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=-1)
        enlarged = resize(colour, (height, width, 3), order=0, preserve_range=True)
        left = index * (width + GAP)
        result[:, left : left + width] = enlarged
    return result


def write_pictures(name: str, layers: list[Image], out: Path) -> None:
    """Write a pair and its fusion, one by one and side by side."""
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    pictures = [picture(layer) for layer in layers]
    for role, image in zip(("first", "second", "fused"), pictures, strict=True):
        write_image(folder / f"{role}.png", image, axes="YXS"[: image.ndim])
    write_image(out / f"{name}.png", strip(pictures), axes="YXS")
    print(f"{name}: {', '.join(layer.name for layer in layers)} -> {out / name}.png")


def show(layers: list[Image], screenshot: Path | None) -> None:
    """Open napari with the layers side by side and the Fuse widget docked."""
    viewer = napari.Viewer(title="napari-gifnet", show=True)
    viewer.window.resize(1500, 900)
    _, widget = viewer.window.add_plugin_dock_widget("napari-gifnet", "Fuse")
    for layer in layers:
        viewer.add_layer(layer)
    widget.layers = layers[:2]
    grid = getattr(viewer, "canvas", viewer).grid  # napari 0.9 moved it
    grid.enabled, grid.shape, grid.stride = True, (-1, 2), 1
    viewer.reset_view()
    if screenshot is None:
        napari.run()
        return
    for _ in range(20):
        get_qapp().processEvents()
        time.sleep(0.05)
    write_image(screenshot, viewer.screenshot(canvas_only=False, flash=False), axes="YXS")
    print(f"napari with the Fuse widget -> {screenshot}")
    viewer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("demo"), help="folder for the pictures")
    parser.add_argument("--weights", help="a weights file instead of the bundled one")
    parser.add_argument(
        "--screenshot", action="store_true", help="take a picture of napari and stop"
    )
    arguments = parser.parse_args()
    fused = {name: fuse_pair(name, arguments.weights) for name in PAIRS}
    for name, layers in fused.items():
        write_pictures(name, layers, arguments.out)
    target = arguments.out / "napari.png" if arguments.screenshot else None
    show(fused[SHOWN], target)


if __name__ == "__main__":
    main()
