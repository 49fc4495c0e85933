"""The reader: TIFF and OME-Zarr with their place and record, and folders that hold a pair."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from gifnet.errors import ReadError
from gifnet.io.files import MEMORY_MAP_BYTES, TIFF_SUFFIXES, ImageFile, read_images
from gifnet.io.ome_zarr import StoredImage, is_ngff, read_ngff

from ..layers.snapshot import LAYER_STATE_KEY, METADATA_KEY, LayerData
from .pair_folder import find_pair, images_in

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
        return read_folder if _holds_images(found) else None
    return read_file if found.suffix.lower() in TIFF_SUFFIXES else None


def _holds_images(folder: Path) -> bool:
    # Zarr stores and the like are folders too, with nothing for this reader in them.
    if folder.suffix.lower() == ".zarr" or (folder / ".zattrs").exists():
        return False
    try:
        children = [child for child in folder.iterdir() if child.is_dir()]
    except OSError:
        return False
    return any(images_in(place) for place in (folder, *children))


def read_file(path: str) -> list[LayerData]:
    """Read a TIFF file as layers, one per image or channel.

    Raises
    ------
    ReadError
        If the file cannot be read.
    """
    return [as_layer(_with_band_names(path, image)) for image in _shown(path)]


def _with_band_names(path: str, image: ImageFile) -> ImageFile:
    """Return an image with the names that GDAL's metadata has for its bands, if it has no own."""
    if image.channel_names or "C" not in image.axes:
        return image
    from gifnet.io.geotiff import read_georeference

    place = read_georeference(path)
    names = place.band_names() or place.wavelengths()
    fits = len(names) == image.data.shape[image.axes.index("C")]
    return dataclasses.replace(image, channel_names=names) if fits else image


def read_folder(path: str) -> list[LayerData]:
    """Read the pair of images in a folder as two layers, the first source first.

    Raises
    ------
    ReadError
        If the folder holds no pair, or a file cannot be read.
    """
    return [as_layer(image) for file in find_pair(path) for image in _shown(file)[:1]]


def _shown(path: str | Path) -> list[ImageFile]:
    images = read_images(path)
    for image in images:
        _require_numbers(path, image.data.dtype)
    return images


def _require_numbers(path: str | Path, dtype: Any) -> None:
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
    _require_numbers(path, image.levels[0].dtype)
    if image.levels[0].nbytes <= MEMORY_MAP_BYTES:
        return [as_layer(image, _samples_last(_in_memory(path, image), image.axes))]
    import dask.array as da

    levels = [da.from_array(level, chunks=level.chunks) for level in image.levels]
    levels = [_samples_last(level, image.axes) for level in levels]
    return [as_layer(image, levels if len(levels) > 1 else levels[0])]


def _in_memory(path: str, image: StoredImage) -> Any:
    try:
        return image.levels[0][...]
    except Exception as error:
        raise ReadError(f"Cannot read {path}: {error} (its chunks may be damaged).") from error


def _samples_last(data: Any, axes: str) -> Any:
    if "S" not in axes:
        return data
    spot = axes.index("S")
    return data.transpose(*(axis for axis in range(data.ndim) if axis != spot), spot)


def as_layer(image: ImageFile | StoredImage, data: Any = None) -> LayerData:
    """Return an image's pixels as napari layer data, channels split along axis C.

    Parameters
    ----------
    image : ImageFile or StoredImage
        What was read.
    data : array or list of arrays, optional
        The pixels, samples last; those of an `ImageFile` if left out.
    """
    data = image.data if isinstance(image, ImageFile) else data
    levels = data if isinstance(data, list) else [data]
    axes = image.axes.replace("S", "")
    channels = axes.index("C") if "C" in axes else None
    if channels is not None and levels[0].shape[channels] > _SPLIT_CHANNELS:
        channels = None
    keep = [index for index in range(len(axes)) if index != channels]
    arguments: dict[str, Any] = {
        "name": image.name,
        "rgb": "S" in image.axes,
        "scale": tuple(image.scale[i] for i in keep),
        "translate": tuple((image.translate or (0.0,) * len(axes))[i] for i in keep),
        "units": tuple(image.units[i] for i in keep),
        "axis_labels": tuple(axes[i].lower() for i in keep),
    }
    if isinstance(data, list):
        arguments["multiscale"] = True
    record = dict(image.metadata.get("gifnet") or {})
    record.pop("samples", None)
    place = record.pop(LAYER_STATE_KEY, None)
    if record:
        arguments["metadata"] = {METADATA_KEY: record}
    if isinstance(place, dict):
        # Saved by the plugin as one layer, so it comes back as one.
        return data, {**arguments, **_checked_place(place, len(axes), arguments["rgb"])}, "image"
    if channels is not None:
        count = levels[0].shape[channels]
        labels = image.channel_names or tuple(f"channel {index}" for index in range(count))
        arguments.update(channel_axis=channels, name=[f"{image.name} {text}" for text in labels])
    return data, arguments, "image"


def _checked_place(place: dict[str, Any], ndim: int, rgb: bool) -> dict[str, Any]:
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
    found: dict[str, Any] = {}
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
    """Tell whether napari takes a value, which it refuses in many ways."""
    from napari.layers import Image

    try:
        probe = Image(np.zeros((2,) * ndim, np.float32), **{key: value})
        probe.world_to_data((1.0,) * ndim)
    except Exception:
        return False
    return True
