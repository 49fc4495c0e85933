"""Pixel sizes, units, names and the provenance record in the dialects of TIFF.

OME-TIFF stores them in XML, ImageJ in its description and the resolution tags, GeoTIFF in its
model tags. Other files have at most the resolution tags. Resolution per inch, and resolution that
a printer can have, is ignored, because it describes prints, not scenes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt

from ..imaging.arrays import Pixels
from .geotiff import Georeference
from .image import Image
from .units import KNOWN_UNITS, unit_name

if TYPE_CHECKING:
    import tifffile

_METRES = {"nm": 1e-9, "um": 1e-6, "mm": 1e-3, "cm": 1e-2, "m": 1.0, "km": 1e3, "inch": 0.0254}
_IMAGEJ_TYPES = ("uint8", "uint16", "float32")
_IMAGEJ_ORDER = "TZCYXS"
#: The value of ResolutionUnit that means centimetres (TIFF 6.0, tag 296).
_CENTIMETRE = 3
#: Prints have no more pixels per centimetre (about 5000 per inch). Images of microscopes do.
_PRINT_PER_CENTIMETRE = 2000


@dataclass
class _Found:
    sizes: dict[str, tuple[float, str]] = field(default_factory=dict)
    origin: dict[str, float] = field(default_factory=dict)
    channel_names: tuple[str, ...] = ()
    channel_colours: tuple[str, ...] = ()
    record: object = None
    turn: npt.NDArray[np.float64] | None = None

    def keep(self, axis: str, size: object, unit: str | None) -> None:
        """Keep a pixel size if it is a positive number."""
        number = _number(size)
        if number is not None and number > 0:
            self.sizes[axis] = number, unit_name(unit)


def describe(
    tif: tifffile.TiffFile, index: int, data: Pixels, axes: str, georeference: Georeference
) -> Image:
    """Return the pixels of a series with the metadata of its file."""
    series = tif.series[index]
    if tif.is_ome:
        found = _read_ome(str(tif.ome_metadata), index)
    elif tif.is_imagej:
        found = _read_imagej(tif, axes)
    else:
        found = _read_other(tif, series, georeference)
    named = axes.replace("S", "")
    direction = None
    if found.turn is not None and len(named) >= 2:
        direction = np.eye(len(named))
        direction[-2:, -2:] = found.turn
    sizes = [found.sizes.get(axis, (1.0, "pixel")) for axis in named]
    count = data.shape[axes.index("C")] if "C" in axes else 0
    return Image(
        data,
        axes,
        tuple(size for size, _ in sizes),
        tuple(unit for _, unit in sizes),
        tuple(found.origin.get(axis, 0.0) for axis in named),
        str(series.name or ""),
        found.channel_names if len(found.channel_names) == count else (),
        found.record if isinstance(found.record, dict) else None,
        channel_colours=found.channel_colours if len(found.channel_colours) == count else (),
        direction=direction,
    )


def _number(value: object) -> float | None:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _record(text: object) -> object:
    try:
        value = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return value.get("gifnet") if isinstance(value, dict) else None


def _read_ome(xml: str, index: int) -> _Found:
    found = _Found()
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError:
        return found
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
        found.keep(axis, pixels.get(key), pixels.get(f"{key}Unit", "um"))
    found.keep("T", pixels.get("TimeIncrement"), pixels.get("TimeIncrementUnit", "s"))
    if (plane := pixels.find("{*}Plane")) is not None:
        for axis in "XYZ":
            # Positions without a known unit are in "reference frames", which have no place.
            given = KNOWN_UNITS.get(str(plane.get(f"Position{axis}Unit")).lower())
            position = _number(plane.get(f"Position{axis}"))
            if position is not None and given == found.sizes.get(axis, (1.0, "pixel"))[1]:
                found.origin[axis] = position
    channels = pixels.findall("{*}Channel")
    names = [channel.get("Name") for channel in channels]
    if all(names):
        found.channel_names = tuple(str(name) for name in names)
    colours = [_ome_colour(channel.get("Color")) for channel in channels]
    if all(colours):
        found.channel_colours = tuple(colours)
    return found


def _ome_colour(value: str | None) -> str:
    """Return a signed integer of red, green, blue and alpha as "#rrggbb", or an empty text."""
    try:
        return "" if value is None else f"#{(int(value) & 0xFFFFFFFF) >> 8:06x}"
    except ValueError:
        return ""


def _read_imagej(tif: tifffile.TiffFile, axes: str) -> _Found:
    values: Mapping[str, Any] = tif.imagej_metadata or {}
    unit = values.get("unit")
    found = _Found(record=_record(values.get("Info")))
    for axis, size in _resolution(tif.pages[0]).items():
        found.keep(axis, size, unit)
    found.keep("Z", values.get("spacing"), unit)
    found.keep("T", values.get("finterval"), values.get("tunit", "s"))
    tables = [np.asarray(table) for table in values.get("LUTs") or ()]
    if tables and all(table.shape == (3, 256) for table in tables):
        found.channel_colours = tuple(f"#{bytes(table[:, -1]).hex()}" for table in tables)
    labels = values.get("Labels")
    if labels and axes.replace("Y", "").replace("X", "") == "C":
        found.channel_names = tuple(str(label) for label in labels)
    return found


def _read_other(
    tif: tifffile.TiffFile, series: tifffile.TiffPageSeries, georeference: Georeference
) -> _Found:
    page = series.keyframe
    found = _Found()
    on_earth = georeference.place()
    if georeference.reference_system is not None:
        for axis, (size, unit, origin) in on_earth.items():
            found.keep(axis, size, unit)
            found.origin[axis] = origin
        found.turn = georeference.direction()
    else:
        tag = page.tags.get("ResolutionUnit")
        if tag is not None and int(tag.value) == _CENTIMETRE:
            for axis, size in _resolution(page).items():
                # Coarser ones are resolutions of prints.
                if size < 1 / _PRINT_PER_CENTIMETRE:
                    found.keep(axis, size * 1e4, "um")
    for shaped in tif.shaped_metadata or ():
        if isinstance(shaped, dict) and "axes" in shaped and "scale" in shaped:
            named = str(shaped["axes"]).replace("S", "")
            origins = dict(zip(named, shaped.get("translate", ()), strict=False))
            for axis, size, unit in zip(named, shaped["scale"], shaped["units"], strict=True):
                if axis in on_earth:  # other programs change the tags only
                    continue
                found.keep(axis, size, unit)
                if axis in origins:
                    found.origin[axis] = _number(origins[axis]) or 0.0
            found.record = shaped.get("gifnet")
    return found


def _resolution(page: Any) -> dict[str, float]:
    """Return pixel sizes along X and Y in the file's own unit."""
    tags = {axis: page.tags.get(f"{axis}Resolution") for axis in "XY"}
    return {a: tag.value[1] / tag.value[0] for a, tag in tags.items() if tag and all(tag.value)}


def ome(image: Image) -> dict[str, object]:
    """Return tifffile's OME metadata for an image's place and record."""
    # OME has no letter for a plain sequence of pages. Q means any other axis.
    metadata: dict[str, object] = {"axes": image.axes.replace("I", "Q")}
    for axis, (size, unit, _) in image.place.items():
        if axis in "XYZ" and (unit != "pixel" or size != 1):
            metadata[f"PhysicalSize{axis}"] = size
            metadata[f"PhysicalSize{axis}Unit"] = unit.replace("um", "µm")
        elif axis == "T" and unit != "pixel":
            metadata["TimeIncrement"] = size
            metadata["TimeIncrementUnit"] = unit.replace("us", "µs")
    if any(image.translate):
        metadata["Plane"] = _positions(image)
    if image.record is not None:
        metadata["Description"] = json.dumps({"gifnet": dict(image.record)})
    return metadata


def _positions(image: Image) -> dict[str, list[float | str]]:
    """Return the positions of every plane; the last leading axis changes fastest."""
    leading = [axis for axis in image.placed_axes if axis not in "YX"]
    shape = tuple(image.data.shape[image.axes.index(axis)] for axis in leading)
    planes = list(np.ndindex(shape))
    positions: dict[str, list[float | str]] = {}
    for axis, (size, unit, origin) in image.place.items():
        if axis not in "XYZ":
            continue
        steps = [index[leading.index(axis)] if axis == "Z" else 0 for index in planes]
        positions[f"Position{axis}"] = [origin + step * size for step in steps]
        positions[f"Position{axis}Unit"] = [unit.replace("um", "µm")] * len(planes)
    return positions


def imagej_suits(image: Image) -> bool:
    """Return whether ImageJ's dialect can store the type and the place of an image."""
    axes, dtype = image.axes, image.data.dtype
    if dtype.name not in _IMAGEJ_TYPES or [a for a in _IMAGEJ_ORDER if a in axes] != list(axes):
        return False
    if ("S" in axes and dtype != np.uint8) or any(image.translate):
        return False
    units = {axis: unit for axis, (_, unit, _) in image.place.items()}
    space = {units[axis] for axis in "ZYX" if axis in units}
    return len(space) == 1 and units.get("T", "s") in ("s", "pixel")


def imagej(image: Image) -> dict[str, object]:
    """Return `tifffile.imwrite` arguments for ImageJ's dialect."""
    place = image.place
    (width, unit, _), (height, *_) = place["X"], place["Y"]
    metadata: dict[str, object] = {"axes": image.axes, "unit": unit.replace("um", "micron")}
    if "Z" in place:
        metadata["spacing"] = place["Z"][0]
    if "T" in place and place["T"][1] == "s":
        metadata["finterval"] = place["T"][0]
    if image.record is not None:
        metadata["Info"] = json.dumps({"gifnet": dict(image.record)})
    return {"metadata": metadata, "resolution": (1 / width, 1 / height)}


def shaped(image: Image) -> dict[str, object]:
    """Return `tifffile.imwrite` arguments for tifffile's own JSON description."""
    metadata: dict[str, object] = {
        "axes": image.axes,
        "scale": list(image.scale),
        "units": list(image.units),
    }
    if any(image.translate):
        metadata["translate"] = list(image.translate)
    if image.record is not None:
        metadata["gifnet"] = dict(image.record)
    arguments: dict[str, object] = {"metadata": metadata}
    sizes = [size * _METRES.get(unit, 0) for size, unit, _ in map(image.place.__getitem__, "XY")]
    if all(sizes):
        per_cm = tuple(0.01 / size for size in sizes)
        arguments.update(resolution=per_cm, resolutionunit="CENTIMETER")
    return arguments
