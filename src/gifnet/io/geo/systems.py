"""Reference systems of GeoTIFF files, compared by what they are and not by their texts.

rasterio knows all systems. Without it, systems with a code of EPSG are known by that code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import numpy as np

from ...errors import MissingPackageError

KEYS, DOUBLES, TEXT = 34735, 34736, 34737
_MODEL_TYPE, _GEOGRAPHIC_TYPE, _PROJECTED_TYPE = 1024, 2048, 3072
_LINEAR_UNIT = 3076
_IS_GEOGRAPHIC = 2
_USER_DEFINED = 32767
#: Keys that describe the file or are for people: raster type and citations.
_NO_MEANING = (1025, 1026, 2049, 3073, 4097)
_UNITS = {9001: ("m", 1.0), 9002: ("foot", 0.3048), 9003: ("foot", 1200 / 3937)}


@dataclass(frozen=True)
class System:
    """A reference system.

    Attributes
    ----------
    name : str
        Such as "EPSG:32633", or a description in WKT or in words.
    unit : str
        The unit of its coordinates.
    metres : float
        The length of the unit, 0 for degrees.
    identity : object
        Equal for equal systems.
    """

    name: str
    unit: str
    metres: float
    identity: object

    def __eq__(self, other: object) -> bool:
        return isinstance(other, System) and self.identity == other.identity

    def __hash__(self) -> int:
        return hash(self.name)


def system_of(tags: Mapping[int, Any]) -> System | None:
    """Return the reference system that GeoKeys describe, None if they describe none.

    Raises
    ------
    MissingPackageError
        If it takes rasterio to know the unit of its coordinates.
    """
    keys = tags.get(KEYS)
    if keys is None:
        return None
    try:
        content = tuple(map(int, keys)), tuple(map(float, tags.get(DOUBLES) or ()))
    except (TypeError, ValueError):
        return None
    return _system(*content, str(tags.get(TEXT) or ""))


@lru_cache(maxsize=256)
def _system(keys: tuple[int, ...], doubles: tuple[float, ...], text: str) -> System | None:
    found = None
    if find_spec("rasterio") is not None:
        found = _by_rasterio(keys, doubles, text)
    # Files with a unit and no system, which GDAL reads as none, are placed by the unit.
    return found or _by_codes(keys, doubles, text)


def _by_rasterio(keys: tuple[int, ...], doubles: tuple[float, ...], text: str) -> System | None:
    """Let GDAL read the keys from a file of one pixel."""
    import io
    import warnings

    import rasterio
    import tifffile

    tags: list[tuple[Any, ...]] = [
        (33550, "d", 3, (1.0, 1.0, 0.0), True),
        (33922, "d", 6, (0.0,) * 6, True),
    ]
    tags.append((KEYS, "H", len(keys), keys, True))
    if doubles:
        tags.append((DOUBLES, "d", len(doubles), doubles, True))
    if text:
        tags.append((TEXT, "s", 0, text.encode("ascii", "replace").decode(), True))
    file = io.BytesIO()
    try:
        tifffile.imwrite(file, np.zeros((1, 1), np.uint8), extratags=tags, metadata=None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with rasterio.MemoryFile(file.getvalue()) as held, held.open() as opened:
                crs = opened.crs
    except Exception:  # GDAL refuses some damaged keys
        return None
    return None if crs is None else system_of_crs(crs)


def system_of_crs(crs: Any) -> System | None:
    """Return rasterio's reference system as ours; None if it is empty."""
    if not crs:
        return None
    try:
        code = crs.to_epsg(confidence_threshold=90)
        name = f"EPSG:{code}" if code else crs.to_wkt()
        if crs.is_geographic:
            return System(name, "degree", 0.0, _Same(crs))
        metres = float(crs.linear_units_factor[1])
    except Exception:  # a local system without a unit
        return None
    names = {1.0: "m", 1000.0: "km"}
    unit = names.get(metres, "foot" if abs(metres - 0.3048) < 1e-5 else "pixel")
    return System(name, unit, metres, _Same(crs))


class _Same:
    """Compares systems as GDAL does."""

    def __init__(self, crs: Any):
        self.crs = crs

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and bool(self.crs == other.crs)

    def __hash__(self) -> int:
        return hash(self.crs.to_epsg())


def _by_codes(keys: tuple[int, ...], doubles: tuple[float, ...], text: str) -> System | None:
    entries = {keys[i]: keys[i : i + 4] for i in range(4, len(keys) - 3, 4)}
    values = {key: entry[3] for key, entry in entries.items()}
    model = values.get(_MODEL_TYPE)
    code = values.get(_GEOGRAPHIC_TYPE if model == _IS_GEOGRAPHIC else _PROJECTED_TYPE)
    if code in (None, 0, _USER_DEFINED):
        if model is None and code is None:
            return None
        code = None
    name = f"EPSG:{code}" if code else f"a system of its own ({text.strip('|') or 'no name'})"
    meaning = tuple(sorted(e for key, e in entries.items() if key not in _NO_MEANING))
    identity = ("EPSG", code) if code else (meaning, doubles)
    if model == _IS_GEOGRAPHIC:
        return System(name, "degree", 0.0, identity)
    unit = values.get(_LINEAR_UNIT)
    if unit is None and code is not None and not _is_metric(code):
        raise MissingPackageError(
            f"The file does not state the unit of {name}; install rasterio, which knows it: "
            "pip install 'napari-gifnet[geo]'."
        )
    return System(name, *_UNITS.get(unit or 9001, ("pixel", 0.0)), identity)


def _is_metric(code: int) -> bool:
    """Return whether a code is of a family whose systems are all in metres."""
    return (
        32601 <= code <= 32660  # WGS 84 / UTM, north and south
        or 32701 <= code <= 32760
        or 25828 <= code <= 25838  # ETRS89 / UTM
        or 26901 <= code <= 26923  # NAD83 / UTM
        or code in (3857, 3035, 2154, 27700, 2056, 31370, 28992, 2180, 3413, 3031)
    )
