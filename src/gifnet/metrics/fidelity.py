"""Visual information fidelity, in the pixel domain."""

from __future__ import annotations

import numpy as np

from ..errors import InvalidInputError
from .windows import Floats, Plane, as_planes, gaussian_taps, local_mean, over_sources

SCALES = 4
#: The smallest side on which the windows of all four scales fit.
SMALLEST_SIDE = 41
_TINY = 1e-10


def vif(
    fused: Plane, reference: Plane, *, noise_variance: float = 2.0, data_range: float = 255
) -> float:
    """Return VIF of a plane to a reference, in the pixel domain (VIFp).

    Sheikh and Bovik, "Image information and visual quality", TIP 2006, in the authors' own
    pixel-domain form over four scales (``vifp_mscale``), which fusion toolboxes use as well;
    the wavelet form and VIFF (Han et al., Inf. Fusion 2013) give other numbers.

    Parameters
    ----------
    fused, reference : (H, W) arrays
        At least 41 pixels per side.
    noise_variance : float
        Of the model of the eye, on the scale 0 to 255: 2.0 in the authors' code.
    data_range : float
        The planes' span.

    Returns
    -------
    float
        1 for the reference itself (also if it is flat); above 1 for one of more contrast.
    """
    f, r = (plane * (255 / data_range) for plane in as_planes(fused, reference))
    if min(r.shape) < SMALLEST_SIDE:
        raise InvalidInputError(
            f"VIF needs sides of at least {SMALLEST_SIDE} pixels, not {r.shape}."
        )
    kept = seen = 0.0
    for scale in range(SCALES):
        size = 2 ** (SCALES - scale) + 1
        taps = gaussian_taps(size, size / 5)
        if scale:
            r, f = (local_mean(plane, taps)[::2, ::2] for plane in (r, f))
        one, two = _information(r, f, taps, noise_variance)
        kept, seen = kept + one, seen + two
    return kept / seen if seen else 1.0


def _information(r: Floats, f: Floats, taps: Floats, noise: float) -> tuple[float, float]:
    """Return the information in a distorted scale and in the reference's, in nats."""
    mean_r, mean_f = local_mean(r, taps), local_mean(f, taps)
    var_r = np.maximum(local_mean(r * r, taps) - mean_r**2, 0)
    var_f = np.maximum(local_mean(f * f, taps) - mean_f**2, 0)
    covariance = local_mean(r * f, taps) - mean_r * mean_f
    gain = covariance / (var_r + _TINY)
    rest = var_f - gain * covariance

    flat = var_r < _TINY
    gain[flat], var_r[flat] = 0, 0
    rest[flat] = var_f[flat]
    flat = var_f < _TINY
    gain[flat], rest[flat] = 0, 0
    opposed = gain < 0
    rest[opposed], gain[opposed] = var_f[opposed], 0
    rest = np.maximum(rest, _TINY)
    kept = np.log1p(gain**2 * var_r / (rest + noise)).sum()
    return float(kept), float(np.log1p(var_r / noise).sum())


def vif_of_sources(
    first: Plane,
    second: Plane,
    fused: Plane,
    *,
    total: str = "sum",
    noise_variance: float = 2.0,
    data_range: float = 255,
) -> float:
    """Return VIF of the fused plane to both sources, added up or averaged.

    `total` "sum", as most toolboxes report it, is 1 or more where one source is kept whole;
    "mean" is half of it. The rest as in `vif`.
    """
    values = [
        vif(fused, source, noise_variance=noise_variance, data_range=data_range)
        for source in (first, second)
    ]
    return over_sources(values[0], values[1], total)
