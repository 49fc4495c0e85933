"""Shared parts of the metrics: checked planes, windows and borders, sums over two sources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.ndimage import correlate1d

from ..errors import InvalidInputError
from ..validation import require_choice

Plane: TypeAlias = npt.NDArray[np.generic]
Floats: TypeAlias = npt.NDArray[np.float64]

#: How a filter sees pixels beyond the border; "valid" keeps only where its window fits.
BORDERS = {
    "replicate": "nearest",
    "mirror": "mirror",
    "symmetric": "reflect",
    "zero": "constant",
    "valid": "constant",
}
TOTALS = ("sum", "mean")


def as_planes(*planes: Plane) -> tuple[Floats, ...]:
    """Return (H, W) planes as float64.

    Raises
    ------
    InvalidInputError
        If one is no plane of finite real numbers, or they differ in shape.
    """
    return _checked(planes, 2, "a plane (H, W)")


def bands_of(*images: Plane) -> tuple[Floats, ...]:
    """Return (bands, H, W) images as float64; errors as `as_planes`."""
    return _checked(images, 3, "an image of bands (bands, H, W)")


def _checked(arrays: Sequence[Plane], rank: int, what: str) -> tuple[Floats, ...]:
    result: list[Floats] = []
    for array in map(np.asarray, arrays):
        if array.ndim != rank or array.dtype.kind not in "buif" or 0 in array.shape:
            raise InvalidInputError(
                f"The metric takes {what} of real numbers, not {array.dtype} of shape "
                f"{array.shape}; turn colour into luminance first."
            )
        floats = array.astype(np.float64)
        if not np.isfinite(floats).all():
            raise InvalidInputError(
                "The image has NaN or infinite pixels; fill them or crop them away first."
            )
        if result and floats.shape != result[0].shape:
            raise InvalidInputError(
                f"Images of shapes {result[0].shape} and {floats.shape} cannot be compared; "
                "bring them onto one grid first."
            )
        result.append(floats)
    return tuple(result)


def over_sources(first: float, second: float, total: str) -> float:
    """Return the sum or the mean of a metric's values for the two sources."""
    require_choice("total", total, TOTALS)
    return first + second if total == "sum" else (first + second) / 2


def gaussian_taps(size: int, sigma: float) -> Floats:
    """Return `size` samples of a Gaussian around their middle, with sum 1."""
    offsets = np.arange(size) - (size - 1) / 2
    taps = np.exp(-(offsets**2) / (2 * sigma**2))
    result: Floats = taps / taps.sum()
    return result


def box_taps(size: int) -> Floats:
    """Return `size` equal taps with sum 1."""
    return np.full(size, 1 / size)


def local_mean(plane: Floats, taps: Floats, border: str = "valid") -> Floats:
    """Return a plane filtered with separable taps along both axes.

    With border "valid" the result is smaller by len(taps) - 1 on each axis.
    """
    require_choice("border", border, tuple(BORDERS))
    size = len(taps)
    if border == "valid" and min(plane.shape) < size:
        raise InvalidInputError(
            f"The metric's window of {size} pixels does not fit a plane of shape {plane.shape}; "
            "use larger images."
        )
    for axis in (0, 1):
        plane = correlate1d(plane, taps, axis=axis, mode=BORDERS[border])
    if border == "valid":
        low, high = size // 2, (size - 1) // 2
        plane = plane[low : plane.shape[0] - high, low : plane.shape[1] - high]
    return plane
