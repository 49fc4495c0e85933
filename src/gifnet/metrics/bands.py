"""Metrics of pansharpening on images (bands, H, W), with and without a reference.

All are ratios: any value range will do, if it is the same for all bands of an image.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from ..errors import InvalidInputError
from ..imaging.block_means import block_means
from ..validation import require_choice
from .windows import Floats, Plane, as_planes, bands_of, box_taps, local_mean


def sam(fused: Plane, reference: Plane, *, unit: str = "degrees") -> float:
    """Return SAM, the mean angle between the spectra of both images; lower is better.

    Yuhas, Goetz and Boardman, 1992. `unit` "degrees", as the field reports it, or "radians".
    Pixels in which a spectrum is 0 have no angle and are excluded. The result is 0 if all are.
    """
    a, b = bands_of(fused, reference)
    require_choice("unit", unit, ("degrees", "radians"))
    norm = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    there = norm > 0
    if not there.any():
        return 0.0
    cosines = (a * b).sum(axis=0)[there] / norm[there]
    angle = float(np.arccos(np.clip(cosines, -1, 1)).mean())
    return float(np.degrees(angle)) if unit == "degrees" else angle


def ergas(fused: Plane, reference: Plane, *, ratio: float = 4) -> float:
    """Return ERGAS, the relative dimensionless global error; lower is better.

    100 / ratio sqrt(mean over the bands of (RMSE / mean of the reference)^2) (Wald, "Data
    Fusion", 2002). `ratio` is the size of a multispectral pixel in panchromatic pixels, 4 for
    most sensors; code that multiplies by it, or takes 1 / 4, states the inverse.
    """
    a, b = bands_of(fused, reference)
    means = b.mean(axis=(1, 2))
    if not means.all():
        raise InvalidInputError(
            f"ERGAS divides by the reference's band means, {np.round(means, 6).tolist()}, of which "
            "one is 0; leave that band out."
        )
    errors = ((a - b) ** 2).mean(axis=(1, 2))
    return float(100 / ratio * np.sqrt((errors / means**2).mean()))


def _window_means(plane: Floats, window: int, step: int) -> Floats:
    means: Floats = local_mean(plane, box_taps(window))[::step, ::step]
    return means


def uqi(first: Plane, second: Plane, *, window: int = 8, step: int = 1) -> float:
    """Return UQI, also called Q, the universal image quality index of two planes (H, W).

    4 cov(x, y) mean(x) mean(y) / ((var x + var y) (mean(x)^2 + mean(y)^2)), averaged over
    windows (Wang and Bovik, IEEE Signal Process. Lett. 2002).

    Parameters
    ----------
    first, second : (H, W) arrays
    window : int
        Side of the windows, 8 in the authors' code, 32 in pansharpening; the smaller side of
        the planes if that is less.
    step : int
        Distance of the windows. 1 slides them. `window` puts them side by side, and excludes the
        rest at the right and bottom border.

    Returns
    -------
    float
        At most 1. A window flat in both planes is judged by their means, as in that code.
    """
    a, b = as_planes(first, second)
    window = min(window, *a.shape)
    mean_a, mean_b = _window_means(a, window, step), _window_means(b, window, step)
    covariance = _window_means(a * b, window, step) - mean_a * mean_b
    variances = _window_means(a * a + b * b, window, step) - mean_a**2 - mean_b**2
    squares = mean_a**2 + mean_b**2
    # Rounding leaves a trace of variance in flat windows.
    flat = variances <= 1e-12 * squares
    variances[flat], covariance[flat] = 1, 0.5
    bright = np.divide(2 * mean_a * mean_b, squares, out=np.ones_like(squares), where=squares > 0)
    return float((2 * covariance / variances * bright).mean())


def uqi_of_bands(fused: Plane, reference: Plane, *, window: int = 32, step: int = 1) -> float:
    """Return the mean of `uqi` over the bands of two images (bands, H, W), Q_avg."""
    a, b = bands_of(fused, reference)
    return float(np.mean([uqi(x, y, window=window, step=step) for x, y in zip(a, b, strict=True)]))


def q4(fused: Plane, reference: Plane, *, window: int = 32, step: int | None = None) -> float:
    """Return Q4, UQI of four bands as one quaternion per pixel.

    Alparone, Baronti, Garzelli and Nencini, "A global quality measurement of pan-sharpened
    multispectral imagery", IEEE GRSL 2004, Eq. 8.

    Parameters
    ----------
    fused, reference : (bands, H, W) arrays
        Up to four bands; missing ones count as zeros.
    window, step : int
        Windows of 32 x 32 side by side, as published; `step` slides them by less.

    Returns
    -------
    float
        At most 1.
    """
    a, b = bands_of(fused, reference)
    if len(a) > 4:
        raise InvalidInputError(f"Q4 takes up to four bands, not {len(a)}; choose four.")
    window = min(window, *a.shape[1:])
    step = window if step is None else step
    means_a, means_b = (
        np.stack([_window_means(band, window, step) for band in image]) for image in (a, b)
    )

    def covariance(i: int, j: int) -> Floats:
        if i >= len(a) or j >= len(a):
            return np.zeros(means_a.shape[1:])
        product: Floats = a[i] * b[j]
        result: Floats = _window_means(product, window, step) - means_a[i] * means_b[j]
        return result

    c = [[covariance(i, j) for j in range(4)] for i in range(4)]
    # The parts of E[x conj(y)] for centred quaternions x and y.
    parts = (
        c[0][0] + c[1][1] + c[2][2] + c[3][3],
        c[1][0] - c[0][1] + c[3][2] - c[2][3],
        c[2][0] - c[0][2] + c[1][3] - c[3][1],
        c[3][0] - c[0][3] + c[2][1] - c[1][2],
    )
    size = np.sqrt(np.sum(np.square(parts), axis=0))
    square_a, square_b = (means_a**2).sum(axis=0), (means_b**2).sum(axis=0)
    energy = _window_means((a**2).sum(axis=0) + (b**2).sum(axis=0), window, step)
    variances = energy - square_a - square_b
    flat = variances <= 1e-12 * energy
    variances[flat], size[flat] = 1, 0.5
    squares = square_a + square_b
    bright = 2 * np.sqrt(square_a * square_b)
    bright = np.divide(bright, squares, out=np.ones_like(squares), where=squares > 0)
    return float((2 * size / variances * bright).mean())


def d_lambda(
    fused: Plane, ms: Plane, *, window: int = 32, step: int | None = None, p: float = 1
) -> float:
    """Return D_lambda, the change of the bands' similarity to one another; lower is better.

    The mean over all pairs of bands of |Q(fused_i, fused_j) - Q(ms_i, ms_j)|^p, to the power
    1 / p (Alparone et al., "Multispectral and panchromatic data fusion assessment without
    reference", PE&RS 2008, Eq. 5).

    Parameters
    ----------
    fused : (bands, H, W) array
    ms : (bands, h, w) array
        The multispectral source at its own size.
    window, step : int
        As in `uqi`, at the fused size. For `ms` both are divided by the ratio of sizes. By default
        windows of 32 pixels side by side.
    p : float
        1 as published.

    Returns
    -------
    float
        Between 0 and 1.
    """
    (f,), (m,) = bands_of(fused), bands_of(ms)
    ratio = _ratio(f, m)
    if len(f) < 2:
        raise InvalidInputError("D_lambda compares bands with one another; give at least two.")
    large, small = _windows(window, step, ratio)
    changes = [
        abs(
            uqi(f[i], f[j], window=large[0], step=large[1])
            - uqi(m[i], m[j], window=small[0], step=small[1])
        )
        ** p
        for i, j in combinations(range(len(f)), 2)
    ]
    return float(np.mean(changes) ** (1 / p))


def d_s(
    fused: Plane,
    ms: Plane,
    pan: Plane,
    *,
    pan_low: Plane | None = None,
    window: int = 32,
    step: int | None = None,
    q: float = 1,
) -> float:
    """Return D_s, the change of the bands' similarity to the PAN plane; lower is better.

    The mean over the bands of |Q(fused_i, pan) - Q(ms_i, pan_low)|^q, to the power 1 / q
    (Alparone et al., PE&RS 2008, Eq. 7).

    Parameters
    ----------
    fused, ms, window, step
        As in `d_lambda`.
    pan : (H, W) array
        The panchromatic plane.
    pan_low : (h, w) array, optional
        PAN at the size of `ms`, by a filter that matches the sensor. By default the means of
        ratio x ratio pixels.
    q : float
        1 as published.

    Returns
    -------
    float
        Between 0 and 1.
    """
    (f,), (m,) = bands_of(fused), bands_of(ms)
    ratio = _ratio(f, m)
    _, high = as_planes(f[0], pan)
    if pan_low is None:
        low: Floats = block_means(high, ratio)
    else:
        _, low = as_planes(m[0], pan_low)
    large, small = _windows(window, step, ratio)
    changes = [
        abs(
            uqi(band, high, window=large[0], step=large[1])
            - uqi(coarse, low, window=small[0], step=small[1])
        )
        ** q
        for band, coarse in zip(f, m, strict=True)
    ]
    return float(np.mean(changes) ** (1 / q))


def qnr(
    fused: Plane,
    ms: Plane,
    pan: Plane,
    *,
    alpha: float = 1,
    beta: float = 1,
    pan_low: Plane | None = None,
    window: int = 32,
    step: int | None = None,
) -> float:
    """Return QNR, (1 - D_lambda)^alpha (1 - D_s)^beta, the quality without a reference.

    Alparone et al., PE&RS 2008, Eq. 9; both exponents are 1 as published. The other
    arguments are those of `d_lambda` and `d_s`.
    """
    spectral = d_lambda(fused, ms, window=window, step=step)
    spatial = d_s(fused, ms, pan, pan_low=pan_low, window=window, step=step)
    return float((1 - spectral) ** alpha * (1 - spatial) ** beta)


def _ratio(fused: Floats, ms: Floats) -> int:
    ratio = int(fused.shape[1] // ms.shape[1])
    expected = (ms.shape[0], ms.shape[1] * ratio, ms.shape[2] * ratio)
    if ratio < 1 or fused.shape != expected:
        raise InvalidInputError(
            f"The fused image {fused.shape} must have the bands of the multispectral source "
            f"{ms.shape} and a whole multiple of its size."
        )
    return ratio


def _windows(window: int, step: int | None, ratio: int) -> tuple[tuple[int, int], tuple[int, int]]:
    step = window if step is None else step
    return (window, step), (max(window // ratio, 2), max(step // ratio, 1))
