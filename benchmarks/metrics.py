"""Fusion metrics on 8-bit luminance planes, each with the convention it follows.

Every function takes (H, W) planes on the scale 0 to 255, of any real type, and returns a
float. Nothing is clipped or rounded here: callers pass planes that are 8-bit already.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import sobel

Plane = npt.NDArray[Any]

#: Weights of the five scales of MS-SSIM (Wang et al., Asilomar 2003).
MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_WINDOW = 11


def edge_intensity(fused: Plane) -> float:
    """Return EI, the mean Sobel gradient magnitude.

    The kernels are the plain ones (1 2 1, sum of magnitudes 8, not divided by it) and the
    border is replicated, as in the toolboxes of the field; the magnitude is Euclidean.
    """
    plane = np.asarray(fused, np.float64)
    return float(np.hypot(sobel(plane, 0, mode="nearest"), sobel(plane, 1, mode="nearest")).mean())


def average_gradient(fused: Plane) -> float:
    """Return AG, the mean of sqrt((dx^2 + dy^2) / 2) of forward differences.

    The mean is over the (H - 1) (W - 1) pixels that have both neighbours.
    """
    plane = np.asarray(fused, np.float64)
    dx = plane[:-1, 1:] - plane[:-1, :-1]
    dy = plane[1:, :-1] - plane[:-1, :-1]
    return float(np.sqrt((dx**2 + dy**2) / 2).mean())


def _correlation(a: Plane, b: Plane) -> float:
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum()) / norm if norm else 0.0


def scd(first: Plane, second: Plane, fused: Plane) -> float:
    """Return SCD, the sum of correlations of differences (Aslantas and Bendes, AEU 2015).

    SCD = r(fused - second, first) + r(fused - first, second), with Pearson's r over the
    plane; a flat operand counts as r = 0. At most 2.
    """
    a, b, f = (np.asarray(plane, np.float64) for plane in (first, second, fused))
    return _correlation(f - b, a) + _correlation(f - a, b)


def psnr(fused: Plane, reference: Plane) -> float:
    """Return the peak signal-to-noise ratio in dB, 10 log10(255^2 / MSE); inf if equal."""
    error = np.asarray(fused, np.float64) - np.asarray(reference, np.float64)
    mse = float((error**2).mean())
    return 10 * float(np.log10(255**2 / mse)) if mse else float("inf")


def _tensors(*planes: Plane) -> list[Any]:
    import torch

    # In float32 torch has a direct convolution; in float64 it would unfold the image 121-fold.
    return [torch.from_numpy(np.array(p, np.float32) / 255)[None, None] for p in planes]


def ssim(fused: Plane, reference: Plane) -> float:
    """Return SSIM, Gaussian window of 11 x 11 and sigma 1.5, K1 = 0.01, K2 = 0.03.

    Population covariance; the border is mirrored and takes part in the mean, as torchmetrics
    has it (the original code and scikit-image leave out the 5 pixels along the border).
    """
    from torchmetrics.functional.image import structural_similarity_index_measure

    a, b = _tensors(fused, reference)
    value = structural_similarity_index_measure(a, b, data_range=1.0)
    assert not isinstance(value, tuple)
    return float(value)


def ms_ssim_scales(shape: tuple[int, ...]) -> int:
    """Return how many of the five scales a plane's smaller side allows.

    The window must fit the coarsest scale, side // 2^(n - 1), and torchmetrics asks for
    side // (n - 1)^2 to hold it as well: 11, 22, 44, 99 and 176 pixels for 1 to 5 scales.

    Raises
    ------
    ValueError
        If the plane is smaller than the window.
    """
    side = min(shape)
    for scales in range(len(MS_SSIM_WEIGHTS), 0, -1):
        if side // max((scales - 1) ** 2, 2 ** (scales - 1)) >= _WINDOW:
            return scales
    raise ValueError(f"MS-SSIM needs sides of at least {_WINDOW} pixels, the plane is {shape}.")


def ms_ssim(fused: Plane, reference: Plane) -> float:
    """Return MS-SSIM over five scales, negative contrast terms set to zero.

    Smaller planes get fewer scales (see `ms_ssim_scales`), whose weights are then divided
    by their sum.
    """
    from torchmetrics.functional.image import (
        multiscale_structural_similarity_index_measure as measure,
    )

    weights = MS_SSIM_WEIGHTS[: ms_ssim_scales(np.shape(fused))]
    if len(weights) < len(MS_SSIM_WEIGHTS):
        total = sum(weights)
        weights = tuple(w / total for w in weights)
    a, b = _tensors(fused, reference)
    return float(measure(a, b, data_range=1.0, betas=weights, normalize="relu"))


def ms_ssim_of_sources(first: Plane, second: Plane, fused: Plane) -> float:
    """Return the mean of MS-SSIM(fused, first) and MS-SSIM(fused, second)."""
    return (ms_ssim(fused, first) + ms_ssim(fused, second)) / 2
