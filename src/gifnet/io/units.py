"""Names of units, as image files spell them."""

from __future__ import annotations

_ALIASES = {
    "nm": ("nanometer", "nanometre", "nanometers"),
    "um": ("µm", "μm", "\\u00b5m", "micron", "microns", "micrometer", "micrometre", "micrometers"),
    "mm": ("millimeter", "millimetre", "millimeters"),
    "cm": ("centimeter", "centimetre", "centimeters"),
    "m": ("meter", "metre", "meters"),
    "km": ("kilometer", "kilometre"),
    "angstrom": ("å", "Å"),
    "inch": ("in", "inches"),
    "foot": ("ft", "feet"),
    "degree": ("degrees", "deg"),
    "ns": ("nanosecond",),
    "us": ("µs", "μs", "microsecond"),
    "ms": ("msec", "millisecond", "milliseconds"),
    "s": ("sec", "second", "seconds"),
    "min": ("minute", "minutes"),
    "hour": ("h", "hr", "hours"),
    "pixel": ("pixels", "px", ""),
}
#: gifnet's name of a unit, by every spelling in lower case.
KNOWN_UNITS = {alias.lower(): unit for unit, names in _ALIASES.items() for alias in (unit, *names)}


def unit_name(text: str | None) -> str:
    """Return the name that gifnet uses for a unit, "pixel" if it is unknown."""
    return KNOWN_UNITS.get(str(text or "").strip().lower(), "pixel")
