"""Depth from focus: the sharpest position per pixel, between the images, with a confidence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .focus import least_noise
from .layers import Check, Floats, Mask, Reader
from .sharpness import sharpness_of

#: Peaks above the mean of N images of pure noise are below 0.3 + 0.2 ln N, except one in 1000.
_NOISE_PEAK, _NOISE_GROWTH = 0.3, 0.2
#: A peak so high above the noise has a confidence of 0.5.
_HALF = 2.0
#: Smoothing: the neighbours' distance and step in pixels, and the difference in depth, in images,
#: at which a neighbour counts little.
_REACH, _STEP, _DIFFERENCE = 6, 2, 1.0
#: Rows smoothed at a time, so that the parts stay in the cache.
_ROWS = 64


@dataclass(frozen=True, eq=False)
class Depth:
    """A measured depth.

    Attributes
    ----------
    position : (H, W) float32
        In images, from 0; between two images where the sharpness peaks there. NaN where nothing
        is ever sharp.
    confidence : (H, W) float32
        From 0, no peak above the noise, to 1.
    """

    position: npt.NDArray[np.float32]
    confidence: npt.NDArray[np.float32]


class _Peak:
    """The greatest sharpness per pixel, its index, and the sharpness before and after it."""

    def __init__(self, shape: tuple[int, ...]):
        self.best = np.full(shape, -1, np.float32)
        self.index = np.zeros(shape, np.int32)
        self.before = np.full(shape, np.nan, np.float32)
        self.after = np.full(shape, np.nan, np.float32)
        self.total = np.zeros(shape, np.float32)
        self.count = np.zeros(shape, np.int32)
        self._last: Floats = np.full(shape, np.nan, np.float32)

    def add(self, index: int, sharpness: Floats, valid: Mask | None) -> None:
        follows = self.index == index - 1
        self.after[follows] = sharpness[follows]
        if valid is not None:
            self.after[follows & ~valid] = np.nan
            sharpness = np.where(valid, sharpness, np.float32(-1))
        seen = sharpness >= 0
        self.total += np.where(seen, sharpness, 0)
        self.count += seen
        new = sharpness > self.best
        self.best[new], self.index[new] = sharpness[new], index
        self.before[new], self.after[new] = self._last[new], np.nan
        self._last = np.where(seen, sharpness, np.float32(np.nan))

    def position(self) -> npt.NDArray[np.float32]:
        """Return the position of the peak of a parabola through the three."""
        rise, fall = self.best - self.before, self.best - self.after
        inner = np.isfinite(rise) & np.isfinite(fall) & (rise + fall > 0)
        safe = np.where(inner, rise + fall, 1)
        shift = np.where(inner, (rise - fall) / (2 * safe), 0)
        return np.asarray(self.index + shift, np.float32)

    def height(self) -> npt.NDArray[np.float32]:
        """Return the peak's height above the mean of all images."""
        return np.asarray(self.best - self.total / np.maximum(self.count, 1), np.float32)


def measure_depth(reader: Reader, check: Check = lambda: None, *, smooth: bool = True) -> Depth:
    """Measure the depth of a focus stack.

    A parabola through the sharpness at the peak and its neighbours gives the position between the
    images.

    Parameters
    ----------
    reader : Reader
        The images in the order of their focus. Every image is read twice.
    check : callable
        Called after every image; may raise to stop.
    smooth : bool
        Average neighbours of similar depth by their confidence. Steps stay sharp.
    """
    noise = least_noise(reader, check)
    peak: _Peak | None = None
    for index in range(reader.count):
        check()
        layer = reader.read(index)
        sharpness = sharpness_of(layer.luminance, noise)
        peak = peak or _Peak(sharpness.shape)
        peak.add(index, sharpness, layer.valid)
    assert peak is not None
    above = peak.height() - np.float32(_NOISE_PEAK + _NOISE_GROWTH * np.log(reader.count))
    above = np.maximum(above, 0)
    confidence = np.asarray(above / (above + np.float32(_HALF)), np.float32)
    found = peak.position()
    position = _smoothed(found, confidence, check) if smooth else found
    known = np.where(confidence > 0, position, np.float32(np.nan))
    return Depth(known.astype(np.float32), confidence)


def _smoothed(position: Floats, confidence: Floats, check: Check) -> Floats:
    """Return the mean of neighbours of similar depth, weighted by their confidence."""
    height, width = position.shape
    offsets = range(0, 2 * _REACH + 1, _STEP)
    near = np.pad(position, _REACH, mode="edge")
    weights = np.pad(confidence, _REACH, mode="edge")
    result: Floats = position.copy()
    for top in range(0, height, _ROWS):
        check()
        own = position[top : top + _ROWS]
        total, weight = np.zeros_like(own), np.zeros_like(own)
        for row in offsets:
            for column in offsets:
                at = (slice(top + row, top + row + len(own)), slice(column, column + width))
                there = near[at]
                apart = (there - own) * np.float32(1 / _DIFFERENCE)
                share = weights[at] * np.exp(apart * apart * np.float32(-0.5))
                total += share * there
                weight += share
        np.divide(total, weight, out=result[top : top + _ROWS], where=weight > 0)
    return result
