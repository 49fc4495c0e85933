"""The range of a layer that is fused: as it is displayed, or by another rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np

from gifnet.errors import InvalidInputError
from gifnet.imaging.arrays import Pixels
from gifnet.imaging.ranges import Range, dtype_range, finite_range

from .snapshot import Snapshot
from .windows import sample_values

if TYPE_CHECKING:
    from collections.abc import Hashable

#: How the values of a layer are mapped to [0, 1].
Scale: TypeAlias = Literal["displayed", "percentiles", "data", "dtype"]
SCALES: tuple[Scale, ...] = get_args(Scale)
SCALE_TITLES: dict[Scale, str] = {
    "displayed": "As displayed",
    "percentiles": "Percentiles 0.5 to 99.5",
    "data": "Data range",
    "dtype": "Data type's range",
}
#: A small hot spot, such as a lesion in PET, does not reach these percentiles.
_PERCENTILES = (0.5, 99.5)
_KEPT = 32


class ScaleCache:
    """Ranges of the images that were used last, found once."""

    def __init__(self) -> None:
        self._known: dict[Hashable, tuple[Pixels, Range]] = {}

    def get(self, image: Snapshot, scale: Scale) -> Range:
        """Return the values of an image that map to 0 and 1; low is below high.

        Raises
        ------
        InvalidInputError
            If the image has no finite value.
        """
        rule = rule_of(image, scale)
        if isinstance(rule, tuple):
            return rule
        key = (id(image.data), rule)
        if key not in self._known:
            while len(self._known) >= _KEPT:
                self._known.pop(next(iter(self._known)))
            # The data are kept with it, so that no other array gets the same id.
            self._known[key] = (image.data, _find(image, rule))
        return self._known[key][1]


def rule_of(image: Snapshot, scale: Scale) -> Range | Scale:
    """Return the range of an image if it is known without its pixels, else the rule for it."""
    if scale == "displayed" and image.window is not None and not image.rgb:
        return image.window
    eight_bit = image.rgb or np.dtype(image.data.dtype) in (np.uint8, np.bool_)
    if scale == "dtype" or (scale == "displayed" and eight_bit):
        return dtype_range(image.data.dtype)
    return "percentiles" if scale == "displayed" else scale


def ranges_of(
    images: Sequence[Snapshot], scale: Scale, cache: ScaleCache, shared: bool = False
) -> tuple[Range, ...]:
    """Return the range of every image.

    Parameters
    ----------
    images : sequence of Snapshot
    scale : {"displayed", "percentiles", "data", "dtype"}
    cache : ScaleCache
    shared : bool
        Whether all have one range, as slices of a stack and exposures do.
    """
    found = [cache.get(image, scale) for image in images]
    if not shared:
        return tuple(found)
    return ((min(low for low, _ in found), max(high for _, high in found)),) * len(found)


def describe(image: Snapshot, scale: Scale) -> str:
    """Return an image's range, or the rule for it, in words."""
    rule = rule_of(image, scale)
    if not isinstance(rule, tuple):
        return {"percentiles": "percentiles 0.5 to 99.5", "data": "all of its values"}[rule]
    text = " to ".join(f"{end:.0f}" if 1e3 <= abs(end) < 1e7 else f"{end:.4g}" for end in rule)
    return f"{text} as displayed" if scale == "displayed" and rule == image.window else text


def describe_ranges(images: Sequence[Snapshot], scale: Scale) -> str:
    """Return the ranges of images as a sentence."""
    words = [describe(image, scale) for image in images]
    if len(set(words)) == 1:
        return f"Range: {words[0]}."
    listed = "; ".join(f"{one.name} {text}" for one, text in zip(images, words, strict=True))
    return f"Ranges: {listed}."


def _find(image: Snapshot, rule: Scale) -> Range:
    try:
        low, high = _extremes(image) if rule == "data" else _percentiles(image)
    except InvalidInputError as error:
        raise InvalidInputError(f"In layer {image.name!r}: {error}") from error
    return (low, high) if low < high else (low - 0.5, low + 0.5)


def _extremes(image: Snapshot) -> Range:
    if not image.rgb:
        return finite_range(image.data)
    return finite_range(np.asarray(image.data)[..., :3])


def _percentiles(image: Snapshot) -> Range:
    values = sample_values(image.levels[-1] if image.levels else image.data, image.rgb)
    if not values.size:
        return _extremes(image)
    low, high = (float(value) for value in np.percentile(values, _PERCENTILES))
    # Nearly all pixels of a sparse image have one value.
    return (low, high) if low < high else (float(values.min()), float(values.max()))
