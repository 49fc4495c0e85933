"""Metrics of pixel statistics: SD, CC, SCD, MSE and PSNR."""

from __future__ import annotations

import numpy as np

from ..errors import InvalidInputError
from ..validation import require_choice
from .windows import Floats, Plane, as_planes, over_sources


def standard_deviation(fused: Plane, *, ddof: int = 0) -> float:
    """Return SD, the standard deviation of a plane (H, W), in the unit of its pixels.

    `ddof` 0 divides by the number of pixels, as VIFB and most toolboxes do; 1 by one less,
    as MATLAB's ``std2``.
    """
    (plane,) = as_planes(fused)
    return float(plane.std(ddof=ddof))


def _correlation(a: Floats, b: Floats) -> float:
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum()) / norm if norm else 0.0


def correlation_coefficient(
    first: Plane, second: Plane, fused: Plane, *, total: str = "mean"
) -> float:
    """Return CC, Pearson's correlation of the fused plane with both sources.

    `total` "mean" averages over the sources, as is usual; "sum" adds them up. A flat plane
    counts as correlation 0.
    """
    a, b, f = as_planes(first, second, fused)
    return over_sources(_correlation(a, f), _correlation(b, f), total)


def scd(first: Plane, second: Plane, fused: Plane) -> float:
    """Return SCD, the sum of correlations of differences, at most 2.

    r(fused - second, first) + r(fused - first, second) with Pearson's r over the whole
    plane (Aslantas and Bendes, "A new image quality metric for image fusion", AEU 2015,
    Eq. 3); a flat operand counts as r = 0. It grows with contrast beyond that of both sources.
    """
    a, b, f = as_planes(first, second, fused)
    return _correlation(f - b, a) + _correlation(f - a, b)


def mse(fused: Plane, reference: Plane, *, data_range: float = 255, unit: bool = False) -> float:
    """Return the mean squared error of a plane to a reference.

    With `unit`, it is measured on the scale 0 to 1, as in toolboxes that report values near 0.03.
    By default its unit is the square of the pixels' unit. `data_range` matters only with `unit`.
    """
    a, b = as_planes(fused, reference)
    scale = data_range if unit else 1
    return float(((a - b) ** 2).mean()) / scale**2


def mse_of_sources(
    first: Plane,
    second: Plane,
    fused: Plane,
    *,
    total: str = "mean",
    data_range: float = 255,
    unit: bool = False,
) -> float:
    """Return the mean (or the "sum", by `total`) of the MSE to either source; see `mse`."""
    return over_sources(
        mse(fused, first, data_range=data_range, unit=unit),
        mse(fused, second, data_range=data_range, unit=unit),
        total,
    )


def _decibels(error: float, data_range: float, offset_db: float) -> float:
    return 10 * float(np.log10(data_range**2 / error)) + offset_db if error else float("inf")


def psnr(
    fused: Plane, reference: Plane, *, data_range: float = 255, offset_db: float = 0.0
) -> float:
    """Return the peak signal-to-noise ratio in dB, 10 log10(data_range^2 / MSE); inf if equal.

    `offset_db` is added. 48.13 (20 log10 255) gives the numbers of toolboxes that take the
    error on the scale 0 to 1 and the peak as 255.
    """
    return _decibels(mse(fused, reference), data_range, offset_db)


def psnr_of_sources(
    first: Plane,
    second: Plane,
    fused: Plane,
    *,
    mean_of: str = "mse",
    data_range: float = 255,
    offset_db: float = 0.0,
) -> float:
    """Return the PSNR of a fused plane to its two sources, in dB.

    `mean_of` "mse" takes the decibels of the mean of both errors, as most toolboxes do. (The "mse"
    of VIFB is a root of summed squares divided by the number of pixels, which is no mean.) "psnr"
    averages both ratios. For the rest see `psnr`.
    """
    require_choice("mean_of", mean_of, ("mse", "psnr"))
    if data_range <= 0:
        raise InvalidInputError(f"data_range is {data_range}; give the planes' span, such as 255.")
    errors = [mse(fused, source) for source in (first, second)]
    if mean_of == "mse":
        return _decibels(sum(errors) / 2, data_range, offset_db)
    return sum(_decibels(error, data_range, offset_db) for error in errors) / 2
