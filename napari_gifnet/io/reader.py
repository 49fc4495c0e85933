"""The reader: TIFF and OME-Zarr with their place and record, and folders of images."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gifnet.errors import ReadError
from gifnet.io import Image, find_format, is_ngff, read_images, read_ngff
from gifnet.io.tiff import MEMORY_MAP_BYTES

from ..layers.looks import looks_of
from ..layers.snapshot import (
    GEOREFERENCE_KEY,
    LAYER_STATE_KEY,
    METADATA_KEY,
    LayerData,
)
from ..layers.windows import contrast_limits
from .folders import find_opener

Reader = Callable[[Any], list[LayerData]]

#: More channels than this stay one layer with a slider.
_SPLIT_CHANNELS = 16


def get_reader(path: str | list[str]) -> Reader | None:
    """Return a reader for TIFF files, OME-Zarr and folders with images, None for all else.

    Parameters
    ----------
    path : str or list of str
        What napari is to open. Lists, which are to be stacked, are left to other readers.
    """
    if not isinstance(path, str):
        return None
    found = Path(path)
    if found.is_dir():
        if is_ngff(found):
            return read_zarr
        return read_folder if find_opener(found) else None
    # Formats without a place are left to napari's own readers.
    form = find_format(found)
    return read_file if form and form.place and not form.folder else None


def read_file(path: str) -> list[LayerData]:
    """Read a TIFF file as layers, one per image or channel.

    Raises
    ------
    ReadError
        If the file cannot be read.
    """
    return [layer for image in _shown(path) for layer in as_layers(image)]


def read_folder(path: str) -> list[LayerData]:
    """Read the images of a folder: a pair, a bracket, a sequence of slices, or a few others.

    Raises
    ------
    ReadError
        If a file cannot be read, or its folder has nothing to open.
    """
    opener = find_opener(Path(path))
    if opener is None:
        raise ReadError(f"{path} has no images that belong together; open them one by one.")
    images = opener()
    for image in images:
        _require_numbers(path, image.data.dtype)
    return [layer for image in images for layer in as_layers(image)]


def _shown(path: str | Path) -> list[Image]:
    images = read_images(path)
    for image in images:
        _require_numbers(path, image.data.dtype)
    return images


def _require_numbers(path: str | Path, dtype: np.dtype[np.generic]) -> None:
    if dtype.kind not in "biuf":
        raise ReadError(
            f"{path} holds values of type {dtype}, which image layers do not show. Save its "
            "magnitude or its real part instead."
        )


def read_zarr(path: str) -> list[LayerData]:
    """Open an OME-Zarr image: small ones in memory, large ones as lazy multiscale layers.

    Raises
    ------
    ReadError
        If it cannot be read.
    """
    image = read_ngff(path)
    _require_numbers(path, image.data.dtype)
    if image.data.nbytes > MEMORY_MAP_BYTES:
        import dask.array as da

        stored: tuple[Any, ...] = image.levels
        levels = [da.asarray(level, chunks=level.chunks) for level in stored]
        return as_layers(dataclasses.replace(image, data=levels[0], coarser=tuple(levels[1:])))
    try:
        pixels = np.asarray(image.data)
    except Exception as error:
        raise ReadError(f"Cannot read {path}: {error} (its chunks may be damaged).") from error
    return as_layers(dataclasses.replace(image, data=pixels, coarser=()))


def as_layers(image: Image) -> list[LayerData]:
    """Return an image as napari layer data, one layer per channel.

    Transmitted light comes first, and so lies below fluorescence.
    """
    record = dict(image.record or {})
    record.pop("samples", None)
    place = record.pop(LAYER_STATE_KEY, None)
    if not isinstance(place, dict):
        image = _upright(image)
    axes, shape = image.placed_axes, image.data.shape
    channels = axes.index("C") if "C" in axes else None
    if channels is not None and shape[channels] > _SPLIT_CHANNELS:
        channels = None
    arguments = _arguments(image, [index for index in range(len(axes)) if index != channels])
    arguments["metadata"] = {METADATA_KEY: record} if record else {}
    if image.georeference is not None:
        arguments["metadata"][GEOREFERENCE_KEY] = image.georeference
    data: Any = list(image.levels) if image.coarser else image.data
    if isinstance(place, dict):
        # Saved by the plugin as one layer, so it comes back as one.
        whole = {**arguments, **_arguments(image, list(range(len(axes))))}
        return [(data, {**whole, **_checked_place(place, len(axes), whole["rgb"])}, "image")]
    if channels is None:
        return [(data, arguments, "image")]
    count = shape[channels]
    labels = image.channel_names or tuple(f"channel {index}" for index in range(count))
    looks = looks_of(labels, image.channel_colours)
    layers = []
    for index in sorted(range(count), key=lambda index: not looks[index].is_below):
        at = (slice(None),) * channels + (index,)
        pixels = [level[at] for level in data] if image.coarser else data[at]
        own = {**arguments, **looks[index].arguments(), "name": f"{image.name} {labels[index]}"}
        own["metadata"] = dict(arguments["metadata"])
        if isinstance(pixels, np.ndarray):
            own["contrast_limits"] = contrast_limits(pixels)
        layers.append((pixels, own, "image"))
    return layers


def _upright(image: Image) -> Image:
    """Return an image with the axis order that is nearest to the world's.

    napari does not show planes that lie across the world's axes, such as sagittal slices.
    """
    if image.direction is None:
        return image
    order = [int(axis) for axis in np.abs(image.direction).argmax(axis=1)]
    if order == sorted(order) or len(set(order)) < len(order):
        return image
    whole = (*order, *range(len(order), image.data.ndim))

    def moved(level: Any) -> Any:
        return level.transpose(whole)

    return dataclasses.replace(
        image,
        data=moved(image.data),
        coarser=tuple(moved(level) for level in image.coarser),
        scale=tuple(image.scale[axis] for axis in order),
        direction=image.direction[:, order],
    )


def _turn(direction: npt.NDArray[np.float64], translate: tuple[float, ...]) -> dict[str, Any]:
    """Return the arguments that turn a layer in place: a rotation, or an affine if sheared."""
    ndim = len(direction)
    if np.allclose(direction.T @ direction, np.eye(ndim), atol=1e-9):
        return {"rotate": direction}
    affine = np.eye(ndim + 1)
    affine[:ndim, :ndim] = direction
    affine[:ndim, ndim] = np.array(translate) - direction @ np.array(translate)
    return {"affine": affine}


def _arguments(image: Image, keep: list[int]) -> dict[str, Any]:
    """Return the arguments of a layer with some of an image's axes."""
    arguments: dict[str, Any] = {
        "name": image.name,
        "rgb": "S" in image.axes,
        "scale": tuple(image.scale[i] for i in keep),
        "translate": tuple(image.translate[i] for i in keep),
        "units": tuple(image.units[i] for i in keep),
        "axis_labels": tuple(image.placed_axes[i].lower() for i in keep),
    }
    if image.direction is not None:
        turn = image.direction[np.ix_(keep, keep)]
        if not np.allclose(turn, np.eye(len(keep))):
            arguments.update(_turn(turn, arguments["translate"]))
    if image.coarser:
        arguments["multiscale"] = True
    return arguments


def _checked_place(place: dict[str, object], ndim: int, rgb: bool) -> dict[str, object]:
    """Return the layer arguments that a record holds, without what does not fit the data."""
    shapes = {
        "scale": (ndim,),
        "translate": (ndim,),
        "rotate": (ndim, ndim),
        "shear": (ndim * (ndim - 1) // 2,),
        "affine": (ndim + 1, ndim + 1),
        "contrast_limits": (2,),
        "gamma": (),
        "opacity": (),
    }
    found: dict[str, object] = {}
    for key, shape in shapes.items():
        try:
            value = np.asarray(place.get(key), float)
        except (TypeError, ValueError):
            continue
        if value.shape == shape and np.isfinite(value).all():
            found[key] = value if shape else float(value)
    for key in ("units", "axis_labels"):
        values = place.get(key)
        if isinstance(values, list) and len(values) == ndim:
            found[key] = tuple(map(str, values))
    found.update({k: place[k] for k in ("colormap", "blending") if isinstance(place.get(k), str)})
    if rgb:
        found.pop("contrast_limits", None)
        found.pop("colormap", None)
    return {key: value for key, value in found.items() if _suits(key, value, ndim)}


def _suits(key: str, value: Any, ndim: int) -> bool:
    """Return whether napari takes a value, which it refuses in many ways."""
    from napari.layers import Image

    try:
        probe = Image(np.zeros((2,) * ndim, np.float32), **{key: value})
        probe.world_to_data((1.0,) * ndim)
    except Exception:
        return False
    return True
