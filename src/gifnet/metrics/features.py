"""Feature mutual information (FMI)."""

from __future__ import annotations

from itertools import product
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.fft import dctn

from ..errors import InvalidInputError
from ..validation import require_choice
from .windows import Floats, Plane, as_planes, over_sources

#: (window^2, windows): one distribution a column.
Shares: TypeAlias = npt.NDArray[np.floating]
#: Windows that are worked on at once: small enough for the processor's cache.
_BLOCK = 8192
_TINY = 1e-30


def fmi(
    first: Plane,
    second: Plane,
    fused: Plane,
    *,
    feature: str = "pixel",
    window: int = 3,
    total: str = "mean",
) -> float:
    """Return FMI, the mutual information of image features in small windows.

    Haghighat, Aghagolzadeh and Seyedarabi, "A non-reference image fusion metric based on
    mutual information of image features", Comput. Electr. Eng. 2011, in the fast form of
    Haghighat and Razian, AICT 2014: in every window each plane's features, stretched to [0, 1]
    and divided by their sum, are a distribution over the window's places; the joint one is
    mixed from their product and Frechet's bound, by the correlation of the two.

    Parameters
    ----------
    first, second, fused : (H, W) arrays
    feature : str
        "pixel", the plane itself (FMI_pixel, the code's documented default); "gradient", central
        differences along rows; "dct", the whole plane's cosine transform (FMI_dct). The
        discrete Meyer wavelet (FMI_w) is not offered.
    window : int
        Odd side of the windows; 3 in the code.
    total : str
        "mean" over the sources, as published, or "sum".

    Returns
    -------
    float
        At most 1 for "mean".
    """
    require_choice("feature", feature, ("pixel", "gradient", "dct"))
    if window < 3 or window % 2 == 0:
        raise InvalidInputError(f"window is {window}; give an odd side of at least 3 pixels.")
    planes = as_planes(first, second, fused)
    if min(planes[0].shape) < window:
        raise InvalidInputError(
            f"FMI's window of {window} pixels does not fit a plane of shape {planes[0].shape}."
        )
    a, b, f = (_feature(plane, feature) for plane in planes)
    rows = max(1, _BLOCK // a.shape[1])
    sums = np.zeros(2)
    inner = a.shape[0] - window + 1
    for top in range(0, inner, rows):
        part = slice(top, min(top + rows, inner) + window - 1)
        patches = [_patches(plane[part], window) for plane in (a, b, f)]
        for index in (0, 1):
            sums[index] += _shared(patches[index], patches[2]).sum()
    count = inner * (a.shape[1] - window + 1)
    return over_sources(float(sums[0]) / count, float(sums[1]) / count, total)


def _feature(plane: Floats, feature: str) -> Floats:
    if feature == "gradient":
        result: Floats = np.gradient(plane, axis=1)
    elif feature == "dct":
        result = dctn(plane, norm="ortho")
    else:
        result = plane
    return result


def _patches(plane: Floats, window: int) -> Floats:
    """Return (window^2, pixels): every window's features, column by column as MATLAB has them."""
    height, width = plane.shape[0] - window + 1, plane.shape[1] - window + 1
    return np.stack(
        [
            plane[y : y + height, x : x + width].ravel()
            for x, y in product(range(window), range(window))
        ]
    )


def _distribution(patches: Floats) -> Shares:
    low = patches.min(axis=0)
    span = patches.max(axis=0) - low
    flat = span == 0
    stretched = np.where(flat, 1.0, (patches - low) / np.where(flat, 1.0, span))
    # Single precision halves the time and changes the mean by less than 1e-6.
    shares: Shares = (stretched / stretched.sum(axis=0)).astype(np.float32)
    return shares


def _spread(shares: Shares) -> Shares:
    """Return the standard deviation of the place in the window."""
    places = np.arange(1, len(shares) + 1, dtype=shares.dtype)
    mean = places @ shares
    result: Shares = np.sqrt(np.maximum(places**2 @ shares - mean**2, 0))
    return result


def _entropy(shares: Shares) -> Shares:
    result: Shares = -(shares * np.log2(np.maximum(shares, _TINY))).sum(axis=0)
    return result


def _mixing(
    a: Shares,
    f: Shares,
    edges_f: Shares,
    bound: Shares,
    up: npt.NDArray[np.bool_],
    correlation: Shares,
) -> Shares:
    """Return the joint distribution's share of Frechet's bound."""
    cumulated_a = np.cumsum(a, axis=0)
    sum_f, sum_a = edges_f.sum(axis=0), cumulated_a.sum(axis=0)
    smaller = np.zeros_like(sum_f)
    for i, j in product(range(len(f)), range(len(a))):
        smaller += np.minimum(edges_f[i], bound[j])
    covariance = np.where(up, smaller, len(a) * sum_f - smaller) - sum_f * sum_a
    spread = _spread(a) * _spread(f)
    usable = (spread > 0) & (correlation != 0) & (covariance != 0)
    mixing: Shares = np.zeros_like(spread)
    np.divide(correlation * spread, covariance, out=mixing, where=usable)
    return mixing


def _shared(patches_a: Floats, patches_f: Floats) -> Shares:
    """Return the normalised mutual information of every window."""
    a, f = _distribution(patches_a), _distribution(patches_f)
    off_a, off_f = a - a.mean(axis=0), f - f.mean(axis=0)
    product_sum = (off_a * off_f).sum(axis=0)
    norm = np.sqrt((off_a**2).sum(axis=0) * (off_f**2).sum(axis=0))
    correlation = np.divide(product_sum, norm, out=np.zeros_like(norm), where=norm > 0)
    up = correlation >= 0

    # A negative correlation takes the lower bound: the upper one with the other axis reversed.
    cumulated_a, high_f = np.cumsum(a, axis=0), np.cumsum(f, axis=0)
    low_f = high_f - f
    bound = np.where(up, cumulated_a, 1 - cumulated_a)
    high_a = np.where(up, cumulated_a, 1 - cumulated_a + a)
    low_a = high_a - a
    mixing = _mixing(a, f, high_f, bound, up, correlation)

    joint_entropy = np.zeros_like(correlation)
    independent = (1 - mixing) * f
    for i, j in product(range(len(f)), range(len(a))):
        overlap = np.minimum(high_f[i], high_a[j])
        overlap -= np.maximum(low_f[i], low_a[j])
        np.maximum(overlap, 0, out=overlap)
        overlap *= mixing
        overlap += independent[i] * a[j]
        # The mixing may exceed 1; the code then takes the real part of the logarithm.
        size = np.abs(overlap)
        np.maximum(size, _TINY, out=size)
        joint_entropy -= overlap * np.log2(size, out=size)
    entropies = _entropy(a) + _entropy(f)
    shared = 2 * (entropies - joint_entropy) / np.where(entropies > 0, entropies, 1)
    result: Shares = np.where((patches_a == patches_f).all(axis=0), 1.0, shared)
    return result
