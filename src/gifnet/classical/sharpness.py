"""Sharpness of an image per pixel, in comparison with its noise."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from .pyramid import expand, laplacian_pyramid, levels_of

Plane = npt.NDArray[np.float32]

#: Neighbourhoods in which the energy of three details is summed, as sigmas in their own pixels.
_NEIGHBOURHOODS = (4.0, 3.0, 2.0)
#: Variances of the three details of white noise of variance 1.
_NOISE_GAINS = (0.892, 0.0532, 0.00982)
#: Standard deviation of a normal distribution per median of its magnitude.
_MEDIAN_TO_SIGMA = 1.4826
#: Half a step of 8 bits: quantisation alone looks like this noise.
_LEAST_NOISE = 0.3 / 255


def noise_of(luminance: Plane) -> float:
    """Return the standard deviation of an image's noise.

    The median magnitude of the finest detail measures it, because most pixels of a picture out of
    focus have no detail of that size.
    """
    if min(luminance.shape) < 4:
        return _LEAST_NOISE
    finest = laplacian_pyramid(luminance, 1)[0]
    spread = float(np.median(np.abs(finest[::2, ::2]))) * _MEDIAN_TO_SIGMA
    return max(spread / math.sqrt(_NOISE_GAINS[0]), _LEAST_NOISE)


def sharpness_of(luminance: Plane, noise: float) -> Plane:
    """Return the sharpness: the summed logarithms of 1 + energy / noise in three details.

    A logarithm per size of detail lets every size count, where a plain sum would follow the
    coarsest alone. Details below the noise count for little.
    """
    levels = levels_of(luminance.shape, len(_NEIGHBOURHOODS))
    pyramid = laplacian_pyramid(luminance, levels)
    total = np.zeros(luminance.shape, np.float32)
    for level in range(levels):
        energy = gaussian_filter(pyramid[level] ** 2, _NEIGHBOURHOODS[level], mode="mirror")
        for finer in range(level - 1, -1, -1):
            height, width = pyramid[finer].shape
            energy = expand(energy, (height, width))
        floor = np.float32(_NOISE_GAINS[level] * noise * noise)
        total += np.log1p(np.maximum(energy, 0) / floor)
    return total
