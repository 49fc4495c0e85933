"""The reader: TIFF files with their pixel sizes, and folders that hold a pair."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from gifnet.files import TIFF_SUFFIXES, ImageFile, read_images

from .folders import find_pair, images_in
from .layers import METADATA_KEY, LayerData

Reader = Callable[[Any], list[LayerData]]

#: More channels than this stay one layer with a slider.
_SPLIT_CHANNELS = 16


def get_reader(path: str | list[str]) -> Reader | None:
    """Return a reader for TIFF files and for folders with images, None for all else.

    Parameters
    ----------
    path : str or list of str
        What napari is to open. Lists, which are to be stacked, are left to other readers.
    """
    if not isinstance(path, str):
        return None
    found = Path(path)
    if found.is_dir():
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
    return [as_layer(image) for image in read_images(path)]


def read_folder(path: str) -> list[LayerData]:
    """Read the pair of images in a folder as two layers, the first source first.

    Raises
    ------
    ReadError
        If the folder holds no pair, or a file cannot be read.
    """
    return [as_layer(image) for file in find_pair(path) for image in read_images(file)[:1]]


def as_layer(image: ImageFile) -> LayerData:
    """Return an image file's pixels as napari layer data, channels split along axis C."""
    axes = image.axes.replace("S", "")
    channels = axes.index("C") if "C" in axes else None
    if channels is not None and image.data.shape[channels] > _SPLIT_CHANNELS:
        channels = None
    keep = [index for index in range(len(axes)) if index != channels]
    arguments: dict[str, Any] = {
        "name": image.name,
        "rgb": image.channel_axis is not None,
        "scale": tuple(image.scale[i] for i in keep),
        "translate": tuple((image.translate or (0.0,) * len(axes))[i] for i in keep),
        "units": tuple(image.units[i] for i in keep),
        "axis_labels": tuple(axes[i].lower() for i in keep),
    }
    if "gifnet" in image.metadata:
        arguments["metadata"] = {METADATA_KEY: image.metadata["gifnet"]}
    if channels is not None:
        count = image.data.shape[channels]
        labels = image.channel_names or tuple(f"channel {index}" for index in range(count))
        arguments.update(channel_axis=channels, name=[f"{image.name} {text}" for text in labels])
    return image.data, arguments, "image"
