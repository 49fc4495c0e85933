"""Classical pansharpening by component substitution: the baselines of the field.

Formulae as in Vivone et al., "A Critical Comparison Among Pansharpening Algorithms", IEEE TGRS
53 (2015), Sec. II-A. Both take bands that are already on PAN's grid; the intensity is their
mean.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Bands = npt.NDArray[np.float64]


def matched(pan: Bands, intensity: Bands) -> Bands:
    """Return PAN with the mean and deviation of an intensity; NaN takes no part."""
    deviation = np.nanstd(pan)
    gain = np.nanstd(intensity) / deviation if deviation > 0 else 0.0
    return np.asarray((pan - np.nanmean(pan)) * gain + np.nanmean(intensity))


def brovey(bands: Bands, pan: Bands) -> Bands:
    """Return every band times PAN over the intensity (Gillespie et al., 1987), (B, H, W)."""
    intensity = bands.mean(axis=0)
    ratio = np.divide(
        matched(pan, intensity), intensity, out=np.ones_like(intensity), where=intensity != 0
    )
    return np.asarray(bands * np.maximum(ratio, 0))


def gram_schmidt(bands: Bands, pan: Bands) -> Bands:
    """Return every band plus its share of PAN's detail (Laben and Brower, 2000), (B, H, W).

    The share is the band's covariance with the intensity over the intensity's variance.
    """
    intensity = bands.mean(axis=0)
    centred = intensity - np.nanmean(intensity)
    variance = np.nanmean(centred**2)
    detail = matched(pan, intensity) - intensity
    gains = [
        np.nanmean((band - np.nanmean(band)) * centred) / variance if variance > 0 else 0.0
        for band in bands
    ]
    return np.asarray(bands + np.array(gains)[:, None, None] * detail)
