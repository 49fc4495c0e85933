"""Pixel sizes, units, names and the provenance record in the dialects of TIFF.

OME-TIFF keeps them in XML, ImageJ in its description and the resolution tags, GeoTIFF in its
model tags; other files have the resolution tags at most. Resolution per inch is ignored,
being about print and not about the scene.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np

from .image import Image
from .units import KNOWN_UNITS, unit_name

if TYPE_CHECKING:
    import tifffile

_METRES = {"nm": 1e-9, "um": 1e-6, "mm": 1e-3, "cm": 1e-2, "m": 1.0, "km": 1e3, "inch": 0.0254}
_GEO_UNITS = {9001: "m", 9002: "foot", 9003: "foot"}
_IMAGEJ_TYPES = ("uint8", "uint16", "float32")
_IMAGEJ_ORDER = "TZCYXS"
#: The value of ResolutionUnit that means centimetres (TIFF 6.0, tag 296).
_CENTIMETRE = 3


@dataclass
class _Found:
    sizes: dict[str, tuple[float, str]] = field(default_factory=dict)
    origin: dict[str, float] = field(default_factory=dict)
    channel_names: tuple[str, ...] = ()
    record: object = None


def describe(tif: tifffile.TiffFile, index: int, data: Any, axes: str) -> Image:
    """Return the pixels of a series with what its file says about them."""
    series = tif.series[index]
    if tif.is_ome:
        found = _read_ome(str(tif.ome_metadata), index)
    elif tif.is_imagej:
        found = _read_imagej(tif, axes)
    else:
        found = _read_other(tif, series)
    named = axes.replace("S", "")
    sizes = [found.sizes.get(axis, (1.0, "pixel")) for axis in named]
    names = found.channel_names
    return Image(
        data,
        axes,
        tuple(size for size, _ in sizes),
        tuple(unit for _, unit in sizes),
        tuple(found.origin.get(axis, 0.0) for axis in named),
        str(series.name or ""),
        names if "C" in axes and len(names) == data.shape[axes.index("C")] else (),
        found.record if isinstance(found.record, dict) else None,
    )


def _number(value: object) -> float | None:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _size(value: object, unit: str | None) -> tuple[float, str] | None:
    size = _number(value)
    return (size, unit_name(unit)) if size is not None and size > 0 else None


def _keep(sizes: dict[str, tuple[float, str]], axis: str, size: tuple[float, str] | None) -> None:
    if size is not None:
        sizes[axis] = size


def _record(text: object) -> object:
    try:
        value = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return value.get("gifnet") if isinstance(value, dict) else None


def _read_ome(xml: str, index: int) -> _Found:
    found = _Found()
    root = ElementTree.fromstring(xml)
    images = root.findall("{*}Image")
    if index >= len(images):
        return found
    image = images[index]
    found.record = _record(image.findtext("{*}Description"))
    pixels = image.find("{*}Pixels")
    if pixels is None:
        return found
    for axis in "XYZ":
        key = f"PhysicalSize{axis}"
        _keep(found.sizes, axis, _size(pixels.get(key), pixels.get(f"{key}Unit", "um")))
    interval = _size(pixels.get("TimeIncrement"), pixels.get("TimeIncrementUnit", "s"))
    _keep(found.sizes, "T", interval)
    if (plane := pixels.find("{*}Plane")) is not None:
        for axis in "XYZ":
            # Stages without a known unit count in "reference frames", which place nothing.
            given = KNOWN_UNITS.get(str(plane.get(f"Position{axis}Unit")).lower())
            position = _number(plane.get(f"Position{axis}"))
            if position is not None and given == found.sizes.get(axis, (1.0, "pixel"))[1]:
                found.origin[axis] = position
    names = [channel.get("Name") for channel in pixels.findall("{*}Channel")]
    if all(names):
        found.channel_names = tuple(str(name) for name in names)
    return found


def _read_imagej(tif: Any, axes: str) -> _Found:
    values: Mapping[str, Any] = tif.imagej_metadata or {}
    unit = values.get("unit")
    found = _Found(record=_record(values.get("Info")))
    for axis, (size, _) in _resolution(tif.pages[0], None).items():
        _keep(found.sizes, axis, _size(size, unit))
    _keep(found.sizes, "Z", _size(values.get("spacing"), unit))
    _keep(found.sizes, "T", _size(values.get("finterval"), values.get("tunit", "s")))
    labels = values.get("Labels")
    if labels and axes.replace("Y", "").replace("X", "") == "C":
        found.channel_names = tuple(str(label) for label in labels)
    return found


def _read_other(tif: Any, series: Any) -> _Found:
    page = series.keyframe
    found = _Found()
    if geo := page.geotiff_tags:
        _read_geo(geo, found)
    else:
        tag = page.tags.get("ResolutionUnit")
        if tag is not None and int(tag.value) == _CENTIMETRE:
            found.sizes = {
                axis: (size * 1e4, "um") for axis, (size, _) in _resolution(page, "cm").items()
            }
    for shaped in tif.shaped_metadata or ():
        if isinstance(shaped, dict) and "axes" in shaped and "scale" in shaped:
            named = str(shaped["axes"]).replace("S", "")
            for axis, size, unit in zip(named, shaped["scale"], shaped["units"], strict=True):
                _keep(found.sizes, axis, _size(size, unit))
            for axis, position in zip(named, shaped.get("translate", ()), strict=False):
                found.origin[axis] = _number(position) or 0.0
            found.record = shaped.get("gifnet")
    return found


def _resolution(page: Any, unit: str | None) -> dict[str, tuple[float, str]]:
    sizes = {}
    for axis in "XY":
        tag = page.tags.get(f"{axis}Resolution")
        if tag is not None and tag.value[0] and tag.value[1]:
            sizes[axis] = (tag.value[1] / tag.value[0], unit or "pixel")
    return sizes


def _read_geo(geo: Mapping[str, Any], found: _Found) -> None:
    """Place the image by its model tags, raster type 1 (area) having corners as origin."""
    scale, tie = geo.get("ModelPixelScale"), geo.get("ModelTiepoint")
    if scale is None:
        return
    geographic = int(geo.get("GTModelTypeGeoKey", 1)) == 2
    linear = _GEO_UNITS.get(int(geo.get("ProjLinearUnitsGeoKey", 9001)), "pixel")
    unit = "degree" if geographic else linear
    for axis, size in (("X", scale[0]), ("Y", scale[1])):
        _keep(found.sizes, axis, _size(size, unit))
    if tie is not None and len(tie) >= 6:
        half = 0.5 if int(geo.get("GTRasterTypeGeoKey", 1)) == 1 else 0.0
        found.origin = {
            "X": float(tie[3] + (half - tie[0]) * scale[0]),
            "Y": float(-tie[4] + (half - tie[1]) * scale[1]),
        }


def ome(image: Image) -> dict[str, Any]:
    """Return tifffile's OME metadata for an image's place and record."""
    # OME has no word for a plain sequence of pages; Q stands for any other axis.
    metadata: dict[str, Any] = {"axes": image.axes.replace("I", "Q")}
    for axis, size, unit in zip(image.placed_axes, image.scale, image.units, strict=True):
        if axis in "XYZ" and unit != "pixel":
            metadata[f"PhysicalSize{axis}"] = size
            metadata[f"PhysicalSize{axis}Unit"] = unit.replace("um", "µm")
        elif axis in "XYZ" and size != 1:
            metadata[f"PhysicalSize{axis}"] = size
            metadata[f"PhysicalSize{axis}Unit"] = "pixel"
        elif axis == "T" and unit != "pixel":
            metadata["TimeIncrement"] = size
            metadata["TimeIncrementUnit"] = unit.replace("us", "µs")
    if any(image.translate):
        metadata["Plane"] = _positions(image)
    if image.record is not None:
        metadata["Description"] = json.dumps({"gifnet": dict(image.record)})
    return metadata


def _positions(image: Image) -> dict[str, list[Any]]:
    """Return the stage positions of every plane, the last leading axis running fastest."""
    leading = [axis for axis in image.placed_axes if axis not in "YX"]
    shape = tuple(image.data.shape[image.axes.index(axis)] for axis in leading)
    planes = list(np.ndindex(shape))
    positions: dict[str, list[Any]] = {}
    for axis, size, unit, origin in zip(
        image.placed_axes, image.scale, image.units, image.translate, strict=True
    ):
        if axis not in "XYZ":
            continue
        steps = [index[leading.index(axis)] if axis == "Z" else 0 for index in planes]
        positions[f"Position{axis}"] = [origin + step * size for step in steps]
        positions[f"Position{axis}Unit"] = [unit.replace("um", "µm")] * len(planes)
    return positions


def imagej_suits(image: Image) -> bool:
    """Tell whether ImageJ's dialect keeps this type and this image."""
    axes, dtype = image.axes, image.data.dtype
    if dtype.name not in _IMAGEJ_TYPES or [a for a in _IMAGEJ_ORDER if a in axes] != list(axes):
        return False
    if ("S" in axes and dtype != np.uint8) or any(image.translate):
        return False
    by_axis = dict(zip(image.placed_axes, image.units, strict=True))
    space = {by_axis[axis] for axis in "ZYX" if axis in by_axis}
    return len(space) == 1 and by_axis.get("T", "s") in ("s", "pixel")


def imagej(image: Image) -> dict[str, Any]:
    """Return `tifffile.imwrite` arguments for ImageJ's dialect."""
    size = dict(zip(image.placed_axes, image.scale, strict=True))
    unit = dict(zip(image.placed_axes, image.units, strict=True))
    metadata: dict[str, Any] = {"axes": image.axes, "unit": unit["X"].replace("um", "micron")}
    if "Z" in size:
        metadata["spacing"] = size["Z"]
    if unit.get("T") == "s":
        metadata["finterval"] = size["T"]
    if image.record is not None:
        metadata["Info"] = json.dumps({"gifnet": dict(image.record)})
    return {"metadata": metadata, "resolution": (1 / size["X"], 1 / size["Y"])}


def shaped(image: Image) -> dict[str, Any]:
    """Return `tifffile.imwrite` arguments for tifffile's own JSON description."""
    metadata: dict[str, Any] = {
        "axes": image.axes,
        "scale": list(image.scale),
        "units": list(image.units),
    }
    if any(image.translate):
        metadata["translate"] = list(image.translate)
    if image.record is not None:
        metadata["gifnet"] = dict(image.record)
    arguments: dict[str, Any] = {"metadata": metadata}
    named = image.placed_axes
    metres = [_METRES.get(image.units[named.index(axis)]) for axis in "XY"]
    if metres[0] and metres[1]:
        per_cm = [
            0.01 / (m * image.scale[named.index(a)]) for a, m in zip("XY", metres, strict=True) if m
        ]
        arguments.update(resolution=tuple(per_cm), resolutionunit="CENTIMETER")
    return arguments
