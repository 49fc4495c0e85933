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
