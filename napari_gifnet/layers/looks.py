"""How channels and bands are shown: colour, order and visibility, by their names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gifnet.tasks import words_of

_PRIMARY = ("red", "green", "blue")
#: Bounds of the primary colours in nanometres.
_WAVELENGTHS = {"blue": (430, 510), "green": (510, 600), "red": (600, 700)}
_NIR = (750, 1000)
_WAVELENGTH = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(nm|nanomet\w+|[uµμ]m|micromet\w+)?\s*$", re.I)
_NIR_WORDS = {"nir", "nearinfrared", "infrared", "nir1", "vnir"}
#: Words that make a colour's name another band's.
_OTHER_BANDS = {"edge", "rededge", "re", "coastal", "swir", "pan", "panchromatic", "thermal"}

_FLUOROPHORES = {
    "blue": "dapi hoechst bfp ebfp alexa405 af405 405 alexa350",
    "cyan": "cfp ecfp cerulean turquoise mturquoise",
    "green": "gfp egfp fitc alexa488 af488 488 mneongreen neongreen gcamp fluo4 sytox calcein",
    "yellow": "yfp eyfp venus citrine alexa532",
    "red": "rfp mrfp dsred mcherry cherry tritc cy3 texasred tdtomato tomato rhodamine alexa546 "
    "alexa555 alexa568 alexa594 af555 af568 af594 561 568 594 propidium pi mitotracker mscarlet",
    "magenta": "cy5 cy7 alexa633 alexa647 af647 640 647 irfp draq5 farred",
}
_BY_DYE = {word: colour for colour, words in _FLUOROPHORES.items() for word in words.split()}
#: Transmitted light, which lies below fluorescence.
_TRANSMITTED = {
    "phase", "phasecontrast", "ph", "ph1", "ph2", "ph3", "dic", "nomarski", "brightfield", "bf",
    "transmitted", "transmission", "tl", "tpmt", "trans", "bright",
}  # fmt: skip
_TWO = ("magenta", "green")
_MANY = ("cyan", "yellow", "magenta", "red", "green", "blue")


@dataclass(frozen=True)
class Look:
    """How one channel is shown.

    Attributes
    ----------
    colormap : str
    visible : bool
    is_below : bool
        Whether it covers what is below instead of adding to it, as transmitted light does.
    """

    colormap: str
    visible: bool = True
    is_below: bool = False

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of a layer."""
        blending = "translucent_no_depth" if self.is_below else "additive"
        return {"colormap": self.colormap, "visible": self.visible, "blending": blending}


def band_of(name: str) -> str | None:
    """Return "red", "green", "blue" or "nir" for the name or wavelength of a band, else None."""
    if found := _WAVELENGTH.match(name):
        length = float(found[1])
        unit = (found[2] or "").lower()
        if unit.startswith(("u", "µ", "μ", "micro")) or (not unit and length < 20):
            length *= 1000
        ranges = {**_WAVELENGTHS, "nir": _NIR}
        return next((band for band, (low, high) in ranges.items() if low <= length < high), None)
    words = words_of(name)
    if words & _NIR_WORDS:
        return "nir"
    named = [colour for colour in _PRIMARY if colour in words]
    return named[0] if len(named) == 1 and not words & _OTHER_BANDS else None


def looks_of(names: Sequence[str], colours: Sequence[str] = ()) -> list[Look]:
    """Return how the channels of one image are shown.

    Bands of two or more primary colours have these colours, and all other bands are hidden.
    Other channels have the file's colour, else the usual colour of their fluorophore.

    Parameters
    ----------
    names : sequence of str
        The channels' names.
    colours : sequence of str
        Their colours in the file as "#rrggbb", or none.
    """
    if len(names) == 1:
        return [Look("gray")]
    bands = [band_of(name) for name in names]
    primary = [band for band in bands if band in _PRIMARY]
    if len(set(primary)) == len(primary) >= 2:
        return [Look(band, True) if band in _PRIMARY else Look("gray", False) for band in bands]
    given = colours if len(colours) == len(names) else [""] * len(names)
    # White in all channels is what programs write when nobody chose a colour.
    if len(set(given)) == 1:
        given = [""] * len(names)
    looks = [_look(name, colour) for name, colour in zip(names, given, strict=True)]
    taken = {look.colormap for look in looks if look}
    free = [colour for colour in (_TWO if len(names) == 2 else _MANY) if colour not in taken]
    free += [colour for colour in _MANY if colour not in free]
    spare = (free[index % len(free)] for index in range(len(names)))
    return [look or Look(next(spare)) for look in looks]


def _look(name: str, colour: str) -> Look | None:
    words = words_of(name)
    if words & _TRANSMITTED:
        return Look("gray", is_below=True)
    if colour:
        return Look(_NAMES.get(colour, colour))
    dyes = [_BY_DYE[word] for word in sorted(words, key=len, reverse=True) if word in _BY_DYE]
    return Look(dyes[0]) if dyes else None


_NAMES = {
    "#ff0000": "red",
    "#00ff00": "green",
    "#0000ff": "blue",
    "#00ffff": "cyan",
    "#ff00ff": "magenta",
    "#ffff00": "yellow",
    "#ffffff": "gray",
}
