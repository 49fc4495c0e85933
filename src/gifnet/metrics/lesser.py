"""Metrics that the lesser source decides: a copy of one source has a low value."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from ..errors import InvalidInputError
from ..validation import require_choice
from .fidelity import vif
from .windows import TOTALS, Floats, Plane, as_planes, over_sources


def kept(
    first: Plane,
    second: Plane,
    fused: Plane,
    *,
    total: str = "lesser",
    sigma: float = 1.5,
    least_gradient: float = 2.0,
    data_range: float = 255,
) -> float:
    """Return the share of each source's own edges that the fused plane has.

    An edge is a source's own where its gradient is the stronger one. There, the fused gradient
    is projected onto it: (grad f . grad x) / |grad x|^2, clipped to [0, 1]. An inverted edge
    counts as lost, and nothing is paid for more contrast than the source has.

    Parameters
    ----------
    first, second, fused : (H, W) arrays
    total : str
        "lesser", the source of which less is kept; "mean" or "sum" of both.
    sigma : float
        Standard deviation, in pixels, of the Gaussian that smooths all planes before.
    least_gradient : float
        Weaker gradients do not count, in grey levels per pixel on the scale 0 to 255.
    data_range : float
        The planes' span.

    Returns
    -------
    float
        Between 0 and 1. A source without edges of its own counts as kept.
    """
    if sigma < 0 or least_gradient < 0:
        raise InvalidInputError(
            f"sigma is {sigma} and least_gradient {least_gradient}; neither may be negative."
        )
    require_choice("total", total, ("lesser", *TOTALS))
    scaled = (plane * (255 / data_range) for plane in as_planes(first, second, fused))
    one, two, result = (_gradient(gaussian_filter(plane, sigma)) for plane in scaled)
    energy_one, energy_two = ((gradient**2).sum(axis=0) for gradient in (one, two))
    values = (
        _projected(one, result, energy_one, energy_one > energy_two, least_gradient),
        _projected(two, result, energy_two, energy_two > energy_one, least_gradient),
    )
    return min(values) if total == "lesser" else over_sources(*values, total)


def _gradient(plane: Floats) -> Floats:
    return np.stack([np.gradient(plane, axis=axis) for axis in (0, 1)])


def _projected(
    source: Floats, fused: Floats, energy: Floats, stronger: np.ndarray, least: float
) -> float:
    own = stronger & (energy > least**2)
    if not own.any():
        return 1.0
    share = (source * fused).sum(axis=0)[own] / energy[own]
    return float(np.clip(share, 0, 1).mean())


def vif_lesser(
    first: Plane,
    second: Plane,
    fused: Plane,
    *,
    noise_variance: float = 2.0,
    data_range: float = 255,
) -> float:
    """Return VIF of the fused plane to the source of which it has less; see `vif`."""
    return min(
        vif(fused, source, noise_variance=noise_variance, data_range=data_range)
        for source in (first, second)
    )
