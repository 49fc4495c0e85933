"""Metrics of histograms: EN, MI, NMI and CE.

Planes are counted in `bins` levels between 0 and `data_range`, rounded to the nearest: with
the defaults an 8-bit plane keeps its 256 values. Logarithms are to base 2 (bits) by
default; base e gives nats.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ..errors import InvalidInputError
from ..validation import require_choice
from .windows import Floats, Plane, as_planes, over_sources


def _levels(plane: Floats, bins: int, data_range: float, stretch: bool) -> npt.NDArray[np.intp]:
    if stretch:
        low, span = plane.min(), float(np.ptp(plane)) or 1.0
    else:
        low, span = 0.0, data_range
    scaled = np.rint((plane - low) * ((bins - 1) / span))
    levels: npt.NDArray[np.intp] = np.clip(scaled, 0, bins - 1).astype(np.intp)
    return levels


def _joint(a: npt.NDArray[np.intp], b: npt.NDArray[np.intp], bins: int) -> Floats:
    counts = np.bincount((a * bins + b).ravel(), minlength=bins * bins)
    shares: Floats = counts.reshape(bins, bins) / a.size
    return shares


def _entropy(shares: Floats, base: float) -> float:
    shares = shares[shares > 0]
    return -float((shares * np.log(shares)).sum()) / math.log(base) + 0.0


def _check(bins: int, base: float, data_range: float) -> None:
    for name, value, limit in (("bins", bins, 1), ("base", base, 1), ("data_range", data_range, 0)):
        if not value > limit:
            raise InvalidInputError(f"{name} is {value}; it must be above {limit}.")


def entropy(fused: Plane, *, bins: int = 256, base: float = 2, data_range: float = 255) -> float:
    """Return EN, Shannon's entropy of the plane's histogram."""
    _check(bins, base, data_range)
    (plane,) = as_planes(fused)
    levels = _levels(plane, bins, data_range, False)
    return _entropy(np.bincount(levels.ravel(), minlength=bins) / plane.size, base)


def _entropies(
    source: Floats, fused: Floats, bins: int, base: float, data_range: float, stretch: bool
) -> tuple[float, float, float]:
    """Return the entropies of a source and the fused plane, and their mutual information."""
    joint = _joint(
        _levels(source, bins, data_range, stretch), _levels(fused, bins, data_range, stretch), bins
    )
    one, two = _entropy(joint.sum(axis=1), base), _entropy(joint.sum(axis=0), base)
    return one, two, one + two - _entropy(joint, base)


def mutual_information(
    first: Plane,
    second: Plane,
    fused: Plane,
    *,
    total: str = "sum",
    base: float = 2,
    stretch: bool = False,
    bins: int = 256,
    data_range: float = 255,
) -> float:
    """Return MI, the mutual information of the fused plane with both sources.

    Qu, Zhang and Yan, "Information measure for performance of image fusion", Electron.
    Lett. 2002.

    Parameters
    ----------
    first, second, fused : (H, W) arrays
    total : str
        "sum" over the sources, as in the paper; "mean" is half of it.
    base : float
        2 for bits, as most toolboxes count; e for nats, as VIFB does.
    stretch : bool
        First stretch each plane from its minimum and maximum to the bins, as VIFB does.
    bins : int
        Levels of the histograms.
    data_range : float
        The planes' span.

    Returns
    -------
    float
    """
    _check(bins, base, data_range)
    a, b, f = as_planes(first, second, fused)
    shared = [_entropies(source, f, bins, base, data_range, stretch)[2] for source in (a, b)]
    return over_sources(shared[0], shared[1], total)


def normalised_mutual_information(
    first: Plane,
    second: Plane,
    fused: Plane,
    *,
    normalisation: str = "arithmetic",
    total: str = "sum",
    bins: int = 256,
    data_range: float = 255,
) -> float:
    """Return NMI, the mutual information with either source, divided by their entropies.

    `normalisation` "arithmetic" divides by the mean of both entropies, so that the total
    is 2 (MI(A, F) / (H(A) + H(F)) + MI(B, F) / (H(B) + H(F))) (Hossny, Nahavandi and
    Creighton, "Comments on 'Information measure for performance of image fusion'",
    Electron. Lett. 2008); "geometric" divides by the root of their product, "maximum" by the
    larger. `total` "sum", at most 2, is that paper's; "mean" is half of it. Flat planes give 0.
    """
    require_choice("normalisation", normalisation, ("arithmetic", "geometric", "maximum"))
    _check(bins, 2, data_range)
    a, b, f = as_planes(first, second, fused)
    values = []
    for source in (a, b):
        one, two, shared = _entropies(source, f, bins, 2, data_range, False)
        size = {
            "arithmetic": (one + two) / 2,
            "geometric": math.sqrt(one * two),
            "maximum": max(one, two),
        }[normalisation]
        values.append(shared / size if size else 0.0)
    return over_sources(values[0], values[1], total)


def cross_entropy(
    first: Plane,
    second: Plane,
    fused: Plane,
    *,
    total: str = "mean",
    base: float = 2,
    bins: int = 256,
    data_range: float = 255,
) -> float:
    """Return CE, the relative entropy of either source's histogram to the fused plane's.

    The sum of p log(p / q) over the levels that occur in both planes. Other levels are skipped, as
    in VIFB, so values below 0 can occur (Bulanon, Burks and Alchanatis, Biosyst.
    Eng. 2009). `total` "mean" averages over the sources, as VIFB does; "sum" adds
    them; "rms" takes the root of their mean square. Lower is better.
    """
    _check(bins, base, data_range)
    require_choice("total", total, ("mean", "sum", "rms"))
    shares = [
        np.bincount(_levels(plane, bins, data_range, False).ravel(), minlength=bins) / plane.size
        for plane in as_planes(first, second, fused)
    ]
    values = []
    for p in shares[:2]:
        both = (p > 0) & (shares[2] > 0)
        ratios = np.log(p[both] / shares[2][both]) / math.log(base)
        values.append(float((p[both] * ratios).sum()))
    if total == "rms":
        return math.sqrt((values[0] ** 2 + values[1] ** 2) / 2)
    return over_sources(values[0], values[1], total)
