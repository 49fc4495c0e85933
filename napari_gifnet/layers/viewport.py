"""Which part of an image is in view."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gifnet.errors import GifnetError

from .snapshot import Snapshot

if TYPE_CHECKING:
    from napari.components import Camera
    from napari.viewer import Viewer

#: The longest side of a preview in pixels.
FULL_SIDE = 512


@dataclass(frozen=True)
class ViewRegion:
    """A rectangle of the reference's plane.

    Attributes
    ----------
    start, stop : tuple of float
        Rows and columns in pixels of the reference.
    screen_pixel : float
        Side of a pixel of the screen in pixels of the reference.
    index : tuple of int
        The plane along leading axes.
    """

    start: tuple[float, float]
    stop: tuple[float, float]
    screen_pixel: float
    index: tuple[int, ...] = ()

    def side(self) -> int:
        """Return the longer side in pixels of the screen, as far as a preview shows them."""
        longest = max(b - a for a, b in zip(self.start, self.stop, strict=True))
        return min(FULL_SIDE, int(np.ceil(longest / max(1.0, self.screen_pixel))))


def region_in_view(viewer: Viewer, image: Snapshot) -> ViewRegion:
    """Return the part of an image's plane that a viewer shows.

    Raises
    ------
    GifnetError
        If the view is not that of the last two axes, or shows no part of the image.
    """
    shown = tuple(viewer.dims.displayed)
    if viewer.dims.ndisplay != 2 or shown != (viewer.dims.ndim - 2, viewer.dims.ndim - 1):
        raise GifnetError("This needs the 2-D view of the last two axes.")
    zoom, centre = float(camera(viewer).zoom), np.asarray(camera(viewer).center)[-2:]
    height, width = canvas_size(viewer)
    half = np.array([height, width]) / (2 * zoom)
    # Leading axes of the world that the image does not have are left out.
    point = np.asarray(viewer.dims.point, float)[-image.ndim :]
    corners = [
        [*point[:-2], centre[0] + rows * half[0], centre[1] + columns * half[1], 1.0]
        for rows in (-1, 1)
        for columns in (-1, 1)
    ]
    found = np.array(corners) @ np.linalg.inv(image.grid.matrix)[:-1].T
    sides = np.array(image.grid.shape)
    low = np.maximum(found[:, -2:].min(axis=0), -0.5)
    high = np.minimum(found[:, -2:].max(axis=0), sides[-2:] - 0.5)
    if (high - low < 2).any():
        raise GifnetError("No part of the layers is in view.")
    leading = np.rint(found[0, :-2]).clip(0, sides[:-2] - 1).astype(int)
    step = 1 / (zoom * float(image.grid.pixel_size[-2:].max()))
    return ViewRegion(tuple(low), tuple(high), step, tuple(map(int, leading)))


def camera(viewer: Viewer) -> Camera:
    """Return the viewer's camera."""
    scene = getattr(viewer, "scene", None)  # napari 0.9 moved it
    return viewer.camera if scene is None else scene.camera


def canvas_size(viewer: Viewer) -> tuple[int, int]:
    """Return the canvas' height and width on the screen in pixels."""
    canvas = getattr(viewer, "canvas", None)  # napari 0.9 moved it
    size = canvas.size if canvas is not None else viewer._canvas_size
    height, width = (max(1, int(side)) for side in size)
    return height, width
