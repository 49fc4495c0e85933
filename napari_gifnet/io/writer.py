"""The writers: image layers as TIFF, OME-Zarr or volumes, with everything that says where they lie.

Scale, units and translation are written as the formats have them, so that other programs
see them. The record that goes with the pixels holds the whole place (rotation, shear and
affine too) and how the layer is shown, which `reader` puts back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from gifnet.errors import InvalidInputError
from gifnet.geometry import Grid
from gifnet.io import Georeference, Image, write_image, write_ngff
from gifnet.io.geotiff import GDAL_METADATA

from ..layers.snapshot import GEOREFERENCE_KEY, LAYER_STATE_KEY, METADATA_KEY

#: Letters for leading axes without a label of one letter, the innermost first.
_LEADING = "ZTCQI"
_MOVES = ("scale", "translate", "rotate", "shear", "affine")
_SHOWN = ("contrast_limits", "gamma", "opacity", "blending")


def write_tiff(path: str, data: Any, attributes: Mapping[str, Any]) -> list[str]:
    """Write an image layer as TIFF, OME-TIFF, NIfTI, NRRD or MetaImage, by its suffix.

    Parameters
    ----------
    path : str
        The file, which is replaced if it is there.
    data : array, or list of arrays of a multiscale layer
        Of a multiscale layer the finest level is written.
    attributes : mapping
        The layer's state, as napari gives it to writers.

    Returns
    -------
    list of str
        The paths written.

    Raises
    ------
    WriteError
        If the file cannot be written, or cannot hold the data.
    """
    write_image(path, as_image(data, attributes))
    return [path]


def write_zarr(path: str, data: Any, attributes: Mapping[str, Any]) -> list[str]:
    """Write an image layer as OME-Zarr; parameters and errors are those of `write_tiff`."""
    write_ngff(path, as_image(data, attributes))
    return [path]


def as_image(data: Any, attributes: Mapping[str, Any]) -> Image:
    """Return a layer as an image with its place; of a multiscale layer, the finest level."""
    pixels = data[0] if attributes.get("multiscale") else data
    rgb = bool(attributes.get("rgb"))
    ndim = pixels.ndim - rgb
    record = dict((attributes.get("metadata") or {}).get(METADATA_KEY) or {})
    record[LAYER_STATE_KEY] = _place(attributes, ndim)
    world = _world(attributes, tuple(pixels.shape[:ndim]))
    scale, translate, direction = _written_place(attributes, world)
    return Image(
        pixels,
        axis_letters(attributes.get("axis_labels") or (), ndim) + "S" * rgb,
        scale,
        tuple(str(unit) for unit in attributes.get("units") or ()),
        translate,
        record=record,
        georeference=_georeference(attributes, world),
        direction=direction,
    )


def _world(attributes: Mapping[str, Any], shape: tuple[int, ...]) -> Grid:
    """Return the grid of a layer in the world."""
    parts = {key: attributes.get(key) for key in _MOVES}
    return Grid.from_parts(shape, **parts)


def _written_place(
    attributes: Mapping[str, Any], world: Grid
) -> tuple[tuple[float, ...], tuple[float, ...], npt.NDArray[np.float64] | None]:
    """Return pixel sizes, position and directions of the axes, all transforms included."""
    if np.allclose(world.matrix[:-1, :-1], np.diag(attributes["scale"]), atol=0) and np.allclose(
        world.matrix[:-1, -1], attributes["translate"]
    ):
        return tuple(attributes["scale"]), tuple(attributes["translate"]), None
    linear, position = world.matrix[:-1, :-1], world.matrix[:-1, -1]
    sizes = np.linalg.norm(linear, axis=0)
    return tuple(sizes.tolist()), tuple(position.tolist()), linear / sizes


def _georeference(attributes: Mapping[str, Any], world: Grid) -> Georeference | None:
    """Return the tags of the GeoTIFF that a layer comes from, at the place that it has now."""
    found = (attributes.get("metadata") or {}).get(GEOREFERENCE_KEY)
    if not isinstance(found, Georeference):
        return None
    tags = {
        code: value for code, value in found.tags.items() if code != GDAL_METADATA or world.ndim > 2
    }
    if not found.place():
        return Georeference(found.matrix, tags)
    try:
        plane = world.trailing(2)
    except InvalidInputError:
        return None
    # Rows run downwards in the viewer, and northings upwards.
    return Georeference(np.diag([-1.0, 1.0, 1.0]) @ plane.matrix, tags)


def _place(attributes: Mapping[str, Any], ndim: int) -> dict[str, object]:
    """Return as JSON values what puts a layer at its place and how it is shown."""
    place = {
        key: np.asarray(attributes[key], float).tolist()
        for key in _MOVES
        if attributes.get(key) is not None
    }
    place["units"] = [str(unit) for unit in attributes.get("units") or ("pixel",) * ndim]
    if labels := attributes.get("axis_labels"):
        place["axis_labels"] = [str(label) for label in labels]
    for key in _SHOWN:
        value = attributes.get(key)
        if value is not None and not (key == "contrast_limits" and attributes.get("rgb")):
            place[key] = value if isinstance(value, str) else np.asarray(value, float).tolist()
    colormap = attributes.get("colormap")
    name = colormap.get("name") if isinstance(colormap, Mapping) else colormap
    if isinstance(name, str) and not attributes.get("rgb"):
        place["colormap"] = name
    return place


def axis_letters(labels: Any, ndim: int) -> str:
    """Return a letter per axis, the last two Y and X: a label's own, or one by position."""
    letters = ["Y", "X"]
    free = [letter for letter in _LEADING if letter not in {str(label).upper() for label in labels}]
    for axis in range(ndim - 3, -1, -1):
        label = str(labels[axis]).upper() if len(labels) == ndim else ""
        known = len(label) == 1 and label in _LEADING and label not in letters
        letters.insert(0, label if known else (free.pop(0) if free else "Q"))
    return "".join(letters)
