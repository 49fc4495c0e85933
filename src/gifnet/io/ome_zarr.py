"""OME-Zarr images: multiscale pyramids, written as NGFF 0.4, read as 0.4 and 0.5.

The format is that of https://ngff.openmicroscopy.org, stored by zarr. Pixels are written strip by
strip, so an image may be larger than memory.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import ReadError, WriteError
from ..imaging.arrays import Pixels, WritablePixels
from ..imaging.block_means import block_means
from .atomic import write_atomically
from .formats import TIFF_HINT
from .image import Image
from .units import NGFF_NAMES, unit_name

if TYPE_CHECKING:
    import zarr

SUFFIX = ".zarr"
_VERSION = "0.4"
_CHUNK = 512
#: Levels are halved until neither side of a plane is longer than this.
_COARSEST = 512
_STRIP_ROWS = 1024
_MAX_AXES = 5
_TYPES = {"T": "time", "C": "channel", "Z": "space", "Y": "space", "X": "space"}
_KEY = "gifnet"


def is_ngff(path: str | Path) -> bool:
    """Return whether a folder contains an OME-Zarr image, without reading pixels."""
    path = Path(path)
    return any(
        _multiscales(_json(path / name, inner)) is not None
        for name, inner in ((".zattrs", None), ("zarr.json", "attributes"))
    )


def _json(path: Path, inner: str | None) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        found = found.get(inner) if inner else found
    except (OSError, ValueError, AttributeError):
        return {}
    return found if isinstance(found, dict) else {}


def _multiscales(attributes: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the first multiscale image that the attributes of a group describe."""
    holder = attributes.get("ome", attributes)  # where 0.5 keeps it
    found = holder.get("multiscales") if isinstance(holder, dict) else None
    first = found[0] if isinstance(found, list) and found else None
    return first if isinstance(first, dict) else None


def read_zarr(path: Path) -> list[Image]:
    """Open the one image of an OME-Zarr folder. Its pixels are read on access."""
    import zarr

    return [_opened(path, zarr.open_group(path, mode="r"))]


def _opened(path: Path, group: zarr.Group) -> Image:
    attributes = dict(group.attrs)
    described = _multiscales(attributes)
    if described is None:
        raise ReadError(f"{path} contains no OME-Zarr image: its attributes have no multiscales.")
    datasets = described["datasets"]
    levels: tuple[Any, ...] = tuple(group[str(dataset["path"])] for dataset in datasets)
    axes = described["axes"]
    if not levels or any(level.ndim != len(axes) or 0 in level.shape for level in levels):
        raise ReadError(f"{path} is no image of {len(axes)} axes: its arrays differ or are empty.")
    record = attributes.get(_KEY)
    record = record if isinstance(record, dict) else None
    letters = "".join(str(axis["name"])[:1].upper() for axis in axes)
    if record and record.get("samples") and "C" in letters:
        letters = letters.replace("C", "S")
    transforms = [*datasets[0].get("coordinateTransformations", ())]
    transforms += described.get("coordinateTransformations", ())
    scale, translate = np.ones(len(axes)), np.zeros(len(axes))
    for transform in transforms:
        if transform["type"] == "scale":
            factors = np.asarray(transform["scale"], float)
            scale, translate = scale * factors, translate * factors
        elif transform["type"] == "translation":
            translate = translate + np.asarray(transform["translation"], float)
    if not (np.isfinite(scale).all() and (scale > 0).all() and np.isfinite(translate).all()):
        raise ReadError(f"{path} has pixel sizes {scale.tolist()} at {translate.tolist()}.")
    kept = [index for index, letter in enumerate(letters) if letter != "S"]
    data, *coarser = (_samples_last(level, letters) for level in levels)
    return Image(
        data,
        letters.replace("S", "") + "S" * ("S" in letters),
        tuple(float(scale[i]) for i in kept),
        tuple(unit_name(axes[i].get("unit")) for i in kept),
        tuple(float(translate[i]) for i in kept),
        path.name.removesuffix(SUFFIX).removesuffix(".ome"),
        _of_channels(attributes, "label", levels[0].shape, letters),
        record,
        coarser=tuple(coarser),
        channel_colours=tuple(
            f"#{colour.lower()}"
            for colour in _of_channels(attributes, "color", levels[0].shape, letters)
            if re.fullmatch("[0-9a-fA-F]{6}", colour)
        ),
    )


def _samples_last(level: Pixels, axes: str) -> Pixels:
    if "S" not in axes[:-1]:
        return level
    import dask.array as da

    moved: Pixels = da.moveaxis(da.from_array(level), axes.index("S"), -1)
    return moved


def _of_channels(
    attributes: Mapping[str, Any], key: str, shape: tuple[int, ...], axes: str
) -> tuple[str, ...]:
    """Return a text per channel from the display metadata, or none."""
    holder = attributes.get("ome", attributes)
    channels = holder.get("omero", {}).get("channels", ())
    texts = tuple(str(channel.get(key, "")) for channel in channels)
    count = shape[axes.index("C")] if "C" in axes else 0
    return texts if len(texts) == count and all(texts) else ()


def write_zarr(path: Path, image: Image) -> None:
    """Write an image as OME-Zarr 0.4, from NumPy, dask or zarr, strip by strip."""
    import zarr

    layout = _layout(path, image)

    def save(temporary: Path) -> None:
        group = zarr.open_group(temporary, mode="w", zarr_format=2)
        count = _write_levels(group, image.data, layout)
        record: dict[str, Any] = dict(image.record or {})
        if layout.coloured:
            record["samples"] = True
        extra = {_KEY: record} if record else {}
        group.attrs.put({"multiscales": [_describe(path, image, layout, count)], **extra})

    write_atomically(path, save, hint=TIFF_HINT)


@dataclass(frozen=True)
class _Layout:
    """An image in the axis order of the store: samples before the planes."""

    axes: str
    shape: tuple[int, ...]
    coloured: bool


def _layout(path: Path, image: Image) -> _Layout:
    shape, axes, stored = tuple(image.data.shape), image.axes, image.placed_axes
    coloured = image.channel_axis is not None
    problem = None
    if not stored.endswith("YX") or len(set(stored)) < len(stored):
        problem = f"axes {axes!r} do not end in YX, or repeat"
    elif coloured and ("C" in stored or not axes.endswith("S")):
        problem = f"axes {axes!r} have channels and colours"
    elif len(axes) > _MAX_AXES:
        problem = f"axes {axes!r} are more than {_MAX_AXES}"
    if problem:
        raise WriteError(f"Cannot write {path} as OME-Zarr: {problem}. Save it as .tif instead.")
    if coloured:
        lead = len(stored) - 2
        # The format's order is time, channel, space.
        spot = 1 if stored.startswith("T") else 0
        order = f"{stored[:spot]}C{stored[spot:lead]}YX"
        return _Layout(order, (*shape[:spot], shape[-1], *shape[spot:-1]), True)
    return _Layout(stored, shape, False)


def _write_levels(group: Any, data: Pixels, layout: _Layout) -> int:
    """Write the pyramid, each level from the one before; return how many levels there are."""
    source: Pixels = data
    shape, level = layout.shape, 0
    from_data = True
    while True:
        array: WritablePixels = group.create_array(
            str(level),
            shape=shape,
            dtype=data.dtype,
            chunks=(1,) * (len(shape) - 2) + tuple(min(_CHUNK, side) for side in shape[-2:]),
            chunk_key_encoding={"name": "v2", "separator": "/"},
        )
        for index, rows in _strips(shape):
            if from_data:
                array[(*index, rows)] = _strip(source, layout, index, rows)
            else:
                finer = slice(2 * rows.start, 2 * rows.stop)
                array[(*index, rows)] = _halved(np.asarray(source[(*index, finer)]), data.dtype)
        level += 1
        if max(shape[-2:]) <= _COARSEST:
            return level
        source, from_data = array, False
        shape = (*shape[:-2], *(math.ceil(side / 2) for side in shape[-2:]))


def _strips(shape: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], slice]]:
    for index in np.ndindex(shape[:-2]):
        for start in range(0, shape[-2], _STRIP_ROWS):
            yield index, slice(start, min(start + _STRIP_ROWS, shape[-2]))


def _strip(
    data: Pixels, layout: _Layout, index: tuple[int, ...], rows: slice
) -> npt.NDArray[np.generic]:
    if not layout.coloured:
        return np.asarray(data[(*index, rows)])
    channel = layout.axes.index("C")
    leading = index[:channel] + index[channel + 1 :]
    return np.asarray(data[(*leading, rows, slice(None), index[channel])])


def _halved(plane: npt.NDArray[np.generic], dtype: np.dtype[np.generic]) -> npt.NDArray[np.generic]:
    """Return the mean of two by two pixels; the last ones are repeated if a side is odd."""
    odd = tuple((0, side % 2) for side in plane.shape)
    plane = np.pad(plane, odd, mode="edge") if plane.size else plane
    mean = block_means(plane.astype(np.float64), 2)
    if dtype.kind == "b":
        return np.asarray(mean >= 0.5)
    return np.asarray((np.rint(mean) if dtype.kind in "iu" else mean).astype(dtype))


def _describe(path: Path, image: Image, layout: _Layout, levels: int) -> dict[str, Any]:
    """Return the `multiscales` entry of NGFF 0.4."""
    axes, scale, translate = [], [], []
    for letter in layout.axes:
        size, unit, position = image.place.get(letter, (1.0, "pixel", 0.0))
        kinds = {"type": _TYPES.get(letter), "unit": NGFF_NAMES.get(unit)}
        axes.append({"name": letter.lower(), **{k: v for k, v in kinds.items() if v}})
        scale.append(size)
        translate.append(position)
    sizes, origin = np.array(scale), np.array(translate)
    plane = np.array([letter in "YX" for letter in layout.axes])
    datasets = []
    for level in range(levels):
        factor = np.where(plane, 2.0**level, 1.0)
        transforms = [
            {"type": "scale", "scale": (sizes * factor).tolist()},
            # A coarse pixel's centre is the centre of the fine pixels that it covers.
            {"type": "translation", "translation": (origin + sizes * (factor - 1) / 2).tolist()},
        ]
        datasets.append({"path": str(level), "coordinateTransformations": transforms})
    return {
        "version": _VERSION,
        "name": path.name.removesuffix(SUFFIX).removesuffix(".ome"),
        "axes": axes,
        "datasets": datasets,
        "type": "mean",
    }
