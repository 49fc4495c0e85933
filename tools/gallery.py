"""Make the pictures of the documentation, and the page that shows them, from the samples.

    python -m tools.gallery [--docs docs] [--weights FILE] [--only NAME ...]

Writes DOCS/images/NAME.jpg and DOCS/gallery.md. The pictures are made with the bundled weights
unless --weights names others, so run it anew when these change. The screenshot of napari needs a
display; on a machine without one: ``xvfb-run -a -s "-screen 0 1600x1000x24"`` before it.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from napari.layers import Image
from PIL import Image as Picture
from qtpy.QtCore import Qt

from examples.demo import picture, strip
from gifnet.io import read_images
from gifnet.models.weights import load_weights
from gifnet.tasks import DEFAULT_MODEL
from napari_gifnet import enhance_layer, fuse_layers, fuse_stack_layers, pansharpen_layers
from napari_gifnet.io import samples

#: No picture is wider, or longer in bytes.
_WIDTH = 1280
_MAX_BYTES = 90_000
#: So many pixels of the screenshot's height, so that both widgets show all that they have.
_FUSE_HEIGHT = 518


@dataclass(frozen=True)
class Entry:
    """A picture: how it is made, and what the page says about it."""

    title: str
    caption: str
    make: Callable[[dict[str, Any]], list[np.ndarray]]


def opened(sample: Callable[[], list[Any]]) -> list[Image]:
    """Return a sample's layers."""
    return [Image(data, **arguments) for data, arguments, _ in sample()]


def fused(sample: Callable[[], list[Any]], task: str) -> Callable[[dict[str, Any]], Any]:
    """Return what makes the picture of a sample's layers and their fusion."""

    def make(options: dict[str, Any]) -> list[np.ndarray]:
        layers = opened(sample)
        found = fuse_layers(*layers, task=task, **options)
        return [picture(layer) for layer in (*layers, *found)]

    return make


def fluorescence(options: dict[str, Any]) -> list[np.ndarray]:
    layers = opened(samples.fluorescence)
    maps = [layer.colormap.name for layer in layers]
    limits = tuple(tuple(map(float, layer.contrast_limits)) for layer in layers)
    found = fuse_layers(*layers, colormaps=maps, value_range=limits, **options)
    drawn = [
        np.rint(255 * layer.colormap.map(picture(layer) / 255.0)[..., :3]).astype(np.uint8)
        for layer in layers
    ]
    return [*drawn, picture(*found)]


def focus_stack(options: dict[str, Any]) -> list[np.ndarray]:
    (stack,) = opened(samples.focus_stack)
    depth, sharp = fuse_stack_layers(stack, return_depth=True, **options)
    colours = colormaps["viridis"].with_extremes(bad="white")(
        np.ma.masked_invalid(depth.data / np.nanmax(depth.data))
    )
    ends = [stack.data[0], stack.data[-1]]
    return [*ends, picture(sharp), np.rint(255 * colours[..., :3]).astype(np.uint8)]


def sharpened(options: dict[str, Any]) -> list[np.ndarray]:
    bands, pan = opened(samples.pan_and_ms)
    results = [
        pansharpen_layers(pan, bands, method=method, **options)[0]
        for method in ("brovey", "gifnet")
    ]
    window = (slice(120, 360), slice(160, 480))
    fine = [picture(layer)[window] for layer in (pan, *results)]
    coarse = picture(bands)[30:90, 40:120]
    return [coarse, *fine]


def registered(options: dict[str, Any]) -> list[np.ndarray]:
    near, far = opened(samples.multi_focus)
    far.rotate, far.translate = 2, (3, 9)
    window = (slice(60, 380), slice(200, 520))
    found = []
    for kind in ("none", "rigid"):
        (result,) = fuse_layers(near, far, grid="first", task="mfif", register=kind, **options)
        found.append(picture(result)[window])
    return found


def enhanced(options: dict[str, Any]) -> list[np.ndarray]:
    image = Image(read_images(samples._shipped_path("moon.png"))[0].data, name="Moon")
    window = (slice(0, 320), slice(20, 512))
    found = (image, *enhance_layer(image, **options))
    return [picture(layer)[window] for layer in found]


ENTRIES = {
    "multi-focus": Entry(
        "Two focal planes",
        "Near focus, far focus, fused (`task=\"mfif\"`).",
        fused(samples.multi_focus, "mfif"),
    ),
    "multi-exposure": Entry(
        "Two exposures",
        "Over-exposed, under-exposed, fused (`task=\"meif\"`).",
        fused(samples.multi_exposure, "meif"),
    ),
    "exposure-bracket": Entry(
        "Three exposures",
        "Over-exposed, normal, under-exposed, and all three fused at once (`fuse(a, b, c)`).",
        fused(samples.exposure_bracket, "meif"),
    ),
    "fluorescence": Entry(
        "Fluorescence on phase contrast",
        "A cell in phase contrast, GFP in green, DAPI in blue (both simulated), and all three "
        "fused in the colours of their colormaps (`colormaps=[\"gray\", \"green\", \"blue\"]`).",
        fluorescence,
    ),
    "pet-mri": Entry(
        "PET and MRI",
        "The PET of a phantom at 2.4 mm, its MRI at 0.6 mm, and both fused on the finer grid "
        "(`task=\"medical\"`).",
        fused(samples.pet_and_mri, "medical"),
    ),
    "focus-stack": Entry(
        "A focus stack",
        "The first and the last of five slices, the result of `fuse_stack` and the depth map, "
        "which is white where nothing is sharp.",
        focus_stack,
    ),
    "pansharpening": Entry(
        "PAN and MS",
        "A part of the multispectral image at 2 m, the panchromatic image at 0.5 m, the result of "
        "Brovey's method, and that of the network, which changes colours more.",
        sharpened,
    ),
    "registration": Entry(
        "Registration",
        "Two focal planes, one of them rotated by two degrees and shifted: fused without "
        "registration, and with `register=\"rigid\"`.",
        registered,
    ),
    "enhancement": Entry("Enhancement", "A photograph of the moon, before and after.", enhanced),
}  # fmt: skip
VIEWER = "napari"


def write_jpeg(path: Path, pixels: np.ndarray) -> None:
    """Write a picture, as good as fits the limits."""
    image = Picture.fromarray(pixels)
    if image.width > _WIDTH:
        height = round(image.height * _WIDTH / image.width)
        image = image.resize((_WIDTH, height), Picture.Resampling.LANCZOS)
    for quality in range(90, 30, -5):
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality, optimize=True, progressive=True)
        if buffer.tell() <= _MAX_BYTES:
            break
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(buffer.getvalue())
    print(f"{path}: {image.width} x {image.height}, {buffer.tell() // 1000} kB", flush=True)


def has_display() -> bool:
    names = ("DISPLAY", "WAYLAND_DISPLAY")
    return sys.platform in ("darwin", "win32") or any(map(os.environ.get, names))


def screenshot(weights: str) -> np.ndarray:
    """Return a picture of napari after a fusion, with a curtain over it."""
    import napari

    from tools.tour import spend

    viewer = napari.Viewer()
    viewer.window.resize(1280, 1000)
    viewer.open_sample("napari-gifnet", "multi-focus")
    upper, fuse = viewer.window.add_plugin_dock_widget("napari-gifnet", "Fuse")
    fuse.advanced.form.weights.value = weights or None
    fuse.controls.run()
    while fuse.controls.is_running:
        spend(0.1)
    lower, compare = viewer.window.add_plugin_dock_widget("napari-gifnet", "Compare", tabify=False)
    compare.button.native.click()
    compare.quality.button.click()
    while compare.quality.is_running:
        spend(0.1)
    window = viewer.window._qt_window
    window.resizeDocks([upper, lower], [_FUSE_HEIGHT, 940 - _FUSE_HEIGHT], Qt.Orientation.Vertical)
    spend(0.5)
    viewer.reset_view()
    spend(1.0)
    shot = viewer.screenshot(canvas_only=False, flash=False)
    compare.close_curtain()
    viewer.close()
    return np.ascontiguousarray(shot[..., :3])


def page(weights: str) -> str:
    """Return the gallery's page."""
    found = load_weights(weights or None, DEFAULT_MODEL)
    lines = [
        "# Gallery",
        "",
        "`python -m tools.gallery` makes this page from images in scikit-image, with the weights "
        f"of sha256 `{found.sha256[:12]}…`. `napari_gifnet/io/samples.py` says what is simulated "
        "in them. [quality.md](quality.md) has results on real data.",
    ]
    for name, entry in ENTRIES.items():
        alt = entry.caption.replace("`", "")
        lines += ["", f"## {entry.title}", "", entry.caption, "", f"![{alt}](images/{name}.jpg)"]
    lines += [
        "", "## In napari", "", "The Fuse widget, and the Compare widget's slider between the "
        "near focus and the result.", "", f"![napari with both widgets](images/{VIEWER}.jpg)", "",
    ]  # fmt: skip
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--docs", type=Path, default=Path("docs"), help="the documentation's folder"
    )
    parser.add_argument("--weights", default="", help="a weights file instead of the bundled one")
    parser.add_argument(
        "--only", action="append", choices=[*ENTRIES, VIEWER], help="only these pictures"
    )
    arguments = parser.parse_args()
    options = {"weights": arguments.weights} if arguments.weights else {}
    names = arguments.only or [*ENTRIES, VIEWER]
    for name, entry in ENTRIES.items():
        if name in names:
            write_jpeg(arguments.docs / "images" / f"{name}.jpg", strip(entry.make(options)))
    if VIEWER in names and has_display():
        write_jpeg(arguments.docs / "images" / f"{VIEWER}.jpg", screenshot(arguments.weights))
    elif VIEWER in names:
        print("No display, so no screenshot of napari: the old one is kept.")
    (arguments.docs / "gallery.md").write_text(page(arguments.weights), encoding="utf-8")


if __name__ == "__main__":
    main()
