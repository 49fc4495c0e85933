"""Rows of pictures to look at: sources, then each method's result."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .methods import Bytes

Row = Sequence[tuple[str, Bytes]]

#: width of a picture in inches; heights of a title and a gap in widths of a picture
WIDTH, TITLE, GAP = 2.6, 0.1, 0.015


def crop_of_most_detail(images: Sequence[Bytes], side: int = 96) -> tuple[slice, slice]:
    """Return the square where the images have the most gradient, for a zoomed row."""
    from scipy.ndimage import sobel, uniform_filter

    height, width = images[0].shape[:2]
    energy = np.zeros((height, width))
    for image in images:
        plane = image.astype(np.float64)
        plane = plane if plane.ndim == 2 else plane.mean(axis=-1)
        energy += np.hypot(sobel(plane, 0), sobel(plane, 1))
    side = min(side, height, width)
    half = side // 2
    mean = uniform_filter(energy, side, mode="constant")
    inner = mean[half : mean.shape[0] - side + half + 1, half : mean.shape[1] - side + half + 1]
    top, left = np.unravel_index(int(inner.argmax()), inner.shape)
    return slice(int(top), int(top) + side), slice(int(left), int(left) + side)


def write_strip(rows: Sequence[Row], path: Path) -> None:
    """Draw rows of titled pictures, a zoomed crop of each below it, into one PNG."""
    columns = max(len(row) for row in rows)
    heights = [row[0][1].shape[0] / row[0][1].shape[1] for row in rows]
    # In widths of a picture; a crop is square.
    total = sum(heights) + len(rows) * (TITLE + 1 + 2 * GAP)
    figure = Figure(figsize=(WIDTH * columns, WIDTH * total), dpi=110)

    def place(image: Bytes, column: int, top: float, height: float, **keywords: Any) -> Axes:
        bottom = 1 - (top + height) / total
        axes = figure.add_axes((column / columns, bottom, (1 - GAP) / columns, height / total))
        axes.imshow(image, cmap="gray", vmin=0, vmax=255, aspect="auto", **keywords)
        axes.set_axis_off()
        return axes

    top = 0.0
    for row, height in zip(rows, heights, strict=True):
        crop = crop_of_most_detail([image for _, image in row[:2]])
        top += TITLE
        for column, (title, image) in enumerate(row):
            place(image, column, top, height).set_title(title, fontsize=8, pad=3)
            place(image[crop], column, top + height + GAP, 1, interpolation="nearest")
        top += height + 1 + 2 * GAP
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
