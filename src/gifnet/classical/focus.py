"""Classical fusion of focus stacks: by pyramids, and by a map of the sharpest image."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from .guided import guided_filter
from .layers import Check, Floats, Layer, Mask, Merged, Reader
from .pyramid import collapse, gaussian_pyramid, laplacian_pyramid, levels_of
from .sharpness import noise_of, sharpness_of

#: Levels of detail of the pyramid.
LEVELS = 5
#: Weights grow with this power of the detail. Equal details are averaged, which reduces noise.
_POWER = 16
_NEIGHBOURHOOD = 1.5
#: Details below this are noise of the computation.
_LEAST = 1e-4
#: The filter of the masks: radius in pixels, and the variance of edges to keep.
_MASK_RADIUS, _MASK_EPSILON = 7, 1e-3


class _RunningMean:
    """The mean of planes weighted by exp(logit), one after another, without overflow."""

    def __init__(self) -> None:
        self.top: Floats | None = None
        self.weight: Floats = np.zeros(0, np.float32)
        self.total: Floats = self.weight

    def add(self, logit: Floats, values: Floats) -> None:
        if self.top is None:
            self.top, self.weight, self.total = logit, np.ones_like(logit), values.copy()
            return
        top = np.maximum(self.top, logit)
        kept, new = np.exp(self.top - top), np.exp(logit - top)
        self.weight = kept * self.weight + new
        self.total = kept * self.total + new * values
        self.top = top

    def mean(self) -> Floats:
        found: Floats = self.total / self.weight
        return found


def fuse_by_pyramid(reader: Reader, check: Check = lambda: None) -> Merged:
    """Fuse by the sharpest detail at every level of a Laplacian pyramid.

    Details are weighted by a high power of their smoothed magnitude. The result is held in the
    range of the images at every pixel, which avoids halos. The order does not matter, to rounding.
    """
    means: list[_RunningMean] = []
    lowest = highest = np.zeros(0, np.float32)
    sharpest: Floats | None = None
    main = np.zeros(0, np.uint16)
    for index in range(reader.count):
        check()
        layer = reader.read(index)
        levels = levels_of(layer.luminance.shape, LEVELS)
        logits = _logits(layer, levels)
        details = laplacian_pyramid(layer.channels, levels)
        low, high = _limits(layer)
        if sharpest is None:
            means = [_RunningMean() for _ in details]
            lowest, highest, sharpest = low, high, logits[0]
            main = np.zeros(low.shape[-2:], np.uint16)
        else:
            lowest, highest = np.minimum(lowest, low), np.maximum(highest, high)
            main[logits[0] > sharpest] = index
            sharpest = np.maximum(sharpest, logits[0])
        for mean, logit, detail in zip(means, logits, details, strict=True):
            mean.add(logit, detail)
    fused = collapse([mean.mean() for mean in means])
    return Merged(np.clip(fused, lowest, np.maximum(lowest, highest)), main)


def _logits(layer: Layer, levels: int) -> list[Floats]:
    """Return the logarithms of the weights of all details and of the base."""
    pyramid = laplacian_pyramid(layer.luminance, levels)
    energies = [gaussian_filter(d * d, _NEIGHBOURHOOD, mode="mirror") for d in pyramid[:-1]]
    # The base comes from the image with the sharpest coarse details.
    last = gaussian_pyramid(energies[-1], 1)[1] if energies else np.ones_like(pyramid[-1])
    found = [
        np.log(energy + np.float32(_LEAST * _LEAST)) * np.float32(_POWER / 2)
        for energy in (*energies, last)
    ]
    if layer.valid is None:
        return found
    weights = gaussian_pyramid(layer.valid.astype(np.float32), levels)
    # Far below every valid image, so that it counts only if all are missing.
    return [x + 64 * np.log(np.maximum(w, 1e-3)) for x, w in zip(found, weights, strict=True)]


def _limits(layer: Layer) -> tuple[Floats, Floats]:
    if layer.valid is None:
        return layer.channels, layer.channels
    return (
        np.where(layer.valid, layer.channels, np.inf).astype(np.float32),
        np.where(layer.valid, layer.channels, -np.inf).astype(np.float32),
    )


def fuse_by_depth_map(reader: Reader, check: Check = lambda: None) -> Merged:
    """Select the sharpest image per pixel, with masks smoothed along the images' own edges.

    After Li, Kang and Hu, "Image Fusion With Guided Filtering", IEEE TIP 22 (2013), with the
    sharpness of `sharpness_of`. Every image is read three times.
    """
    noise = least_noise(reader, check)
    main = sharpest_image(reader, noise, check)
    total: Floats | None = None
    weights = np.zeros(0, np.float32)
    for index in range(reader.count):
        check()
        layer = reader.read(index)
        mask = (main == index).astype(np.float32)
        weight = guided_filter(mask, layer.luminance, _MASK_RADIUS, _MASK_EPSILON)
        weight = _valid(np.clip(weight, 0, 1) + np.float32(1e-6) * mask, layer.valid)
        if total is None:
            total, weights = np.zeros_like(layer.channels), np.zeros_like(mask)
        total += weight * layer.channels
        weights += weight
    assert total is not None
    return Merged(total / np.maximum(weights, 1e-12), main)


def least_noise(reader: Reader, check: Check = lambda: None) -> float:
    """Return the noise of the image with the least, which is the one most out of focus."""
    found = []
    for index in range(reader.count):
        check()
        found.append(noise_of(reader.read(index).luminance))
    return min(found)


def sharpest_image(reader: Reader, noise: float, check: Check) -> npt.NDArray[np.uint16]:
    """Return the index of the sharpest image per pixel."""
    best: Floats | None = None
    main = np.zeros(0, np.uint16)
    for index in range(reader.count):
        check()
        layer = reader.read(index)
        sharpness = sharpness_of(layer.luminance, noise)
        if layer.valid is not None:
            sharpness = np.where(layer.valid, sharpness, -1)
        if best is None:
            best, main = sharpness, np.zeros(sharpness.shape, np.uint16)
            continue
        main[sharpness > best] = index
        best = np.maximum(best, sharpness)
    return main


def _valid(weight: Floats, valid: Mask | None) -> Floats:
    return weight if valid is None else np.where(valid, weight, np.float32(0))
