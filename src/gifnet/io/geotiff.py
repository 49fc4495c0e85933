"""Georeferencing tags and band names of GeoTIFF files.

The tags are those of OGC GeoTIFF 1.1: ModelPixelScale and ModelTiepoint, or
ModelTransformation, and the keys of the coordinate reference system, which are copied unchanged.
GDAL's metadata tag contains names, wavelengths and other properties of the bands.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt
import tifffile

from ..geometry import Grid
from .geo.systems import DOUBLES, KEYS, TEXT, System, system_of

_SCALE, _TIEPOINT, _TRANSFORM = 33550, 33922, 34264
#: Names and other properties of the bands, as XML.
GDAL_METADATA = 42112
_TYPES = {KEYS: "H", DOUBLES: "d", TEXT: "s", GDAL_METADATA: "s"}
_RASTER_TYPE, _IS_POINT = 1025, 2


@dataclass(frozen=True, eq=False)
class Georeference:
    """The georeferencing tags of a GeoTIFF.

    Attributes
    ----------
    matrix : (3, 3) float64 or None
        From homogeneous (row, column, 1) indices to (y, x) of the reference system, at pixel
        centres; None if the file has no position.
    tags : dict
        The tags of the reference system and GDAL's metadata, by number and unchanged.
    """

    matrix: npt.NDArray[np.float64] | None
    tags: dict[int, Any] = field(default_factory=dict)

    @property
    def system(self) -> tuple[Any, ...] | None:
        """The keys of the reference system, None if there are none."""
        keys = tuple(self.tags.get(tag) for tag in (KEYS, DOUBLES, TEXT))
        return None if keys[0] is None else keys

    @property
    def reference_system(self) -> System | None:
        """The reference system, for comparisons, None if there is none."""
        return system_of(self.tags)

    @property
    def system_name(self) -> str:
        """The name of the reference system, for messages."""
        return "no system" if self.reference_system is None else self.reference_system.name

    @property
    def system_tags(self) -> dict[int, Any]:
        """The tags of the reference system."""
        return {code: self.tags[code] for code in (KEYS, DOUBLES, TEXT) if code in self.tags}

    @property
    def is_empty(self) -> bool:
        """Whether the file has none of these tags."""
        return self.matrix is None and not self.tags

    @property
    def is_point(self) -> bool:
        """Whether tags place pixel centres instead of corners."""
        return bool(self._key(_RASTER_TYPE) == _IS_POINT)

    def grid(self, shape: tuple[int, ...]) -> Grid | None:
        """Return the grid of planes of a shape, None without a position."""
        return None if self.matrix is None else Grid(shape, self.matrix)

    def pixel_size(self) -> tuple[tuple[float, ...], tuple[str, ...]]:
        """Return scale and units of (C, Y, X), in pixels without a position."""
        if self.matrix is None or self.reference_system is None:
            return (1.0,) * 3, ("pixel",) * 3
        unit = self.reference_system.unit
        return (1.0, *np.linalg.norm(self.matrix[:2, :2], axis=0)), ("pixel", unit, unit)

    def place(self) -> dict[str, tuple[float, str, float]]:
        """Return size, unit and origin along Y and X, Y to the south; empty without a position."""
        if self.matrix is None or self.reference_system is None:
            return {}
        (_, height, width), (_, unit, _) = self.pixel_size()
        return {"Y": (height, unit, -self.matrix[0, 2]), "X": (width, unit, self.matrix[1, 2])}

    def direction(self) -> npt.NDArray[np.float64] | None:
        """Return the directions of rows and columns, Y to the south; None if they are the axes'."""
        if self.matrix is None or self.reference_system is None:
            return None
        linear = np.diag([-1.0, 1.0]) @ self.matrix[:2, :2]
        unit = linear / np.linalg.norm(linear, axis=0)
        return None if np.allclose(unit, np.eye(2), atol=1e-12) else unit

    def corner_transform(self) -> tuple[float, ...]:
        """Return the six numbers of GDAL's and rasterio's transforms, from pixels' corners."""
        assert self.matrix is not None
        linear, (y, x) = self.matrix[:2, :2], self.matrix[:2, 2]
        y, x = np.array([y, x]) - linear @ np.array([0.5, 0.5])
        return (linear[1, 1], linear[1, 0], float(x), linear[0, 1], linear[0, 0], float(y))

    @classmethod
    def from_corner(cls, transform: tuple[float, ...], tags: dict[int, Any]) -> Georeference:
        """Return a georeference by rasterio's transform; see `corner_transform`."""
        a, b, c, d, e, f = transform
        matrix = np.array([[e, d, f + (d + e) / 2], [b, a, c + (a + b) / 2], [0, 0, 1.0]])
        return cls(matrix, tags)

    def crs(self) -> Any:
        """Return rasterio's reference system."""
        from rasterio.crs import CRS

        assert self.reference_system is not None
        return CRS.from_user_input(self.reference_system.name)

    def moved(self, matrix: npt.NDArray[np.float64] | None) -> Georeference:
        """Return the same tags with another position."""
        return dataclasses.replace(self, matrix=matrix)

    def without_bands(self) -> Georeference:
        """Return it without what describes single bands."""
        tags = {code: value for code, value in self.tags.items() if code != GDAL_METADATA}
        return dataclasses.replace(self, tags=tags)

    def _key(self, number: int) -> Any:
        """Return the value of a short key (GeoTIFF 1.1, 7.1.1), None if it is not given."""
        keys = tuple(self.tags.get(KEYS) or ())
        entries = [keys[i : i + 4] for i in range(4, len(keys) - 3, 4)]
        return next((entry[3] for entry in entries if entry[0] == number), None)

    def band_names(self) -> tuple[str, ...]:
        """Return the bands' names from GDAL's metadata, in their order."""
        return self._items(lambda item: item.get("role") == "description")

    def wavelengths(self) -> tuple[str, ...]:
        """Return the bands' wavelengths from GDAL's metadata, as texts."""
        return self._items(lambda item: str(item.get("name")).lower() == "wavelength")

    def _items(self, wanted: Callable[[ElementTree.Element], bool]) -> tuple[str, ...]:
        try:
            root = ElementTree.fromstring(str(self.tags[GDAL_METADATA]))
        except (KeyError, ElementTree.ParseError):
            return ()
        items = [item for item in root.iter("Item") if wanted(item) and item.get("sample")]
        items.sort(key=lambda item: int(str(item.get("sample"))))
        return tuple(item.text or "" for item in items)


def read_georeference(path: str | Path) -> Georeference:
    """Return the georeference of a TIFF file.

    Without such tags, or for another format, it has no matrix.
    """
    try:
        with tifffile.TiffFile(path) as tif:
            return georeference_of(tif.pages.first)
    except (tifffile.TiffFileError, OSError):
        return Georeference(None)


def has_place(page: tifffile.TiffPage) -> bool:
    """Return whether a page has tags of GeoTIFF."""
    return any(code in page.tags for code in (_SCALE, _TRANSFORM, KEYS))


def georeference_of(page: tifffile.TiffPage) -> Georeference:
    """Return the georeference of a page."""
    found = {tag.code: tag.value for tag in page.tags}
    tags = {code: found[code] for code in _TYPES if code in found}
    bare = Georeference(None, tags)
    return Georeference(_matrix(found, 0.0 if bare.is_point else 0.5), tags)


def _matrix(tags: Mapping[int, Any], half: float) -> npt.NDArray[np.float64] | None:
    """Return the map of indices of pixel centres; tags map (x, y) from corners or centres."""
    scale, tie, transform = (tags.get(tag) for tag in (_SCALE, _TIEPOINT, _TRANSFORM))
    if transform is not None and len(transform) == 16:
        full = np.asarray(transform, np.float64).reshape(4, 4)
        linear, offset = full[:2, :2], full[:2, 3]
    elif scale is not None and tie is not None and len(tie) >= 6 and len(scale) >= 2:
        linear = np.diag([scale[0], -scale[1]])
        offset = np.array(tie[3:5]) - linear @ np.array(tie[:2])
    else:
        return None
    offset = offset + linear @ np.array([half, half])
    matrix = np.eye(3)
    matrix[:2, :2], matrix[:2, 2] = linear[::-1, ::-1], offset[::-1]
    usable = np.isfinite(matrix).all() and np.linalg.matrix_rank(matrix[:2, :2]) == 2
    return matrix if usable else None


def geotiff_tags(place: Georeference) -> list[tuple[Any, ...]]:
    """Return the tags of a georeference, for `tifffile`."""
    tags = [(code, _TYPES[code], 0 if _TYPES[code] == "s" else len(value), value, True)
            for code, value in place.tags.items()]  # fmt: skip
    if place.matrix is not None:
        tags += _place_tags(place.matrix, 0.0 if place.is_point else 0.5)
    return tags


def _place_tags(matrix: npt.NDArray[np.float64], half: float) -> list[tuple[Any, ...]]:
    linear = matrix[:2, :2][::-1, ::-1]
    x, y = matrix[:2, 2][::-1] - linear @ np.array([half, half])
    if linear[0, 1] == 0 == linear[1, 0] and linear[0, 0] > 0 > linear[1, 1]:
        scale = (float(linear[0, 0]), float(-linear[1, 1]), 0.0)
        tie = (0.0, 0.0, 0.0, float(x), float(y), 0.0)
        return [(_SCALE, "d", 3, scale, True), (_TIEPOINT, "d", 6, tie, True)]
    full = np.zeros((4, 4))
    full[:2, :2], full[:2, 3], full[3, 3] = linear, (x, y), 1
    return [(_TRANSFORM, "d", 16, tuple(full.ravel().tolist()), True)]
