"""The units of pixel sizes, and their names in image files."""

from __future__ import annotations

#: Spellings by gifnet's name of a unit. The spelling of OME-Zarr is first.
_ALIASES = {
    "nm": ("nanometer", "nanometre", "nanometers"),
    "um": ("micrometer", "µm", "μm", "\\u00b5m", "micron", "microns", "micrometre", "micrometers"),
    "mm": ("millimeter", "millimetre", "millimeters"),
    "cm": ("centimeter", "centimetre", "centimeters"),
    "m": ("meter", "metre", "meters"),
    "km": ("kilometer", "kilometre"),
    "angstrom": ("angstrom", "å", "Å"),
    "inch": ("inch", "in", "inches"),
    "foot": ("foot", "ft", "feet"),
    "ns": ("nanosecond",),
    "us": ("microsecond", "µs", "μs"),
    "ms": ("millisecond", "msec", "milliseconds"),
    "s": ("second", "sec", "seconds"),
    "min": ("minute", "minutes"),
    "hour": ("hour", "h", "hr", "hours"),
}
#: Names of units in OME-Zarr.
NGFF_NAMES = {unit: names[0] for unit, names in _ALIASES.items()}
_ALIASES |= {"degree": ("degrees", "deg"), "pixel": ("pixels", "px", "")}
#: gifnet's name of a unit, by every spelling in lower case.
KNOWN_UNITS = {alias.lower(): unit for unit, names in _ALIASES.items() for alias in (unit, *names)}


def unit_name(text: str | None) -> str:
    """Return gifnet's name of a unit, "pixel" if it is unknown."""
    return KNOWN_UNITS.get(str(text or "").strip().lower(), "pixel")


#: Lengths in metres, and times in seconds.
_METRES = {
    "angstrom": 1e-10, "nm": 1e-9, "um": 1e-6, "mm": 1e-3, "cm": 1e-2, "m": 1.0, "km": 1e3,
    "inch": 0.0254, "foot": 0.3048,
}  # fmt: skip
_SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "hour": 3600.0}


def unit_factor(ours: str, theirs: str) -> float | None:
    """Return what numbers in one unit are multiplied by to be in another, None if none fits."""
    if ours == theirs:
        return 1.0
    for table in (_METRES, _SECONDS):
        if ours in table and theirs in table:
            return table[ours] / table[theirs]
    return None
