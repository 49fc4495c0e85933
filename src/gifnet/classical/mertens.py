"""Exposure fusion (Mertens, Kautz and Van Reeth, Pacific Graphics 2007)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import correlate

from .layers import Check, Floats, Layer, Merged, Reader
from .pyramid import collapse, gaussian_pyramid, laplacian_pyramid, levels_of

_LAPLACIAN = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]], np.float32)
#: Width of the bell around the middle of the range.
_SPREAD = 0.2
_LEAST = 1e-12
#: No plane has more levels.
_ALL = 30


def fuse_exposures(reader: Reader, check: Check = lambda: None) -> Merged:
    """Fuse by contrast, saturation and good exposure, with all exponents 1.

    Every image is read twice.
    """
    total: Floats | None = None
    best: Floats | None = None
    main = np.zeros(0, np.uint16)
    for index in range(reader.count):
        check()
        weight = exposure_weight(reader.read(index))
        if total is None or best is None:
            total, best, main = weight, weight, np.zeros(weight.shape, np.uint16)
            continue
        total = total + weight
        main[weight > best] = index
        best = np.maximum(best, weight)
    assert total is not None
    sums: list[Floats] = []
    for index in range(reader.count):
        check()
        layer = reader.read(index)
        levels = levels_of(layer.luminance.shape, _ALL)
        shares = gaussian_pyramid(exposure_weight(layer) / total, levels)
        parts = laplacian_pyramid(layer.channels, levels)
        parts = [share * part for share, part in zip(shares, parts, strict=True)]
        sums = [a + b for a, b in zip(sums, parts, strict=True)] if sums else parts
    return Merged(collapse(sums), main)


def exposure_weight(layer: Layer) -> npt.NDArray[np.float32]:
    """Return the weight of an image per pixel, above 0."""
    channels = layer.luminance[None] if layer.colours is None else layer.colours
    contrast = np.abs(correlate(layer.luminance, _LAPLACIAN, mode="mirror"))
    exposed = np.exp(-((channels - np.float32(0.5)) ** 2) / np.float32(2 * _SPREAD**2)).prod(axis=0)
    weight = contrast * exposed
    if len(channels) > 1:
        weight = weight * channels.std(axis=0)
    weight = weight + np.float32(_LEAST)
    if layer.valid is not None:
        weight = np.where(layer.valid, weight, np.float32(_LEAST))
    return np.asarray(weight, np.float32)
