"""Classical pansharpening by component substitution: the baselines of the field.

Formulae as in Vivone et al., "A Critical Comparison Among Pansharpening Algorithms", IEEE TGRS
53 (2015), Sec. II-A. Bands are already on PAN's grid; the intensity is their mean. The methods
need only means and covariances of the whole image, so images can be processed in parts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Bands = npt.NDArray[np.float64]


@dataclass
class Statistics:
    """Means and covariances of intensity, PAN and every band, added up part by part.

    Parts are joined with the pairwise update of Chan, Golub and LeVeque (1983), which does not
    cancel.
    """

    count: int = 0
    mean: Bands | None = None
    comoments: Bands | None = None

    def add(self, bands: Bands, pan: Bands) -> None:
        """Add the pixels of a part, (B, H, W) and (H, W), that are valid in all planes."""
        valid = np.isfinite(pan) & np.isfinite(bands).all(axis=0)
        count = int(valid.sum())
        if not count:
            return
        values = np.concatenate((bands.mean(axis=0)[None], pan[None], bands))[:, valid]
        mean = values.mean(axis=1)
        values -= mean[:, None]
        comoments = values @ values.T
        if self.mean is None or self.comoments is None:
            self.count, self.mean, self.comoments = count, mean, comoments
            return
        total, delta = self.count + count, mean - self.mean
        self.comoments += comoments + np.outer(delta, delta) * (self.count * count / total)
        self.mean += delta * (count / total)
        self.count = total

    def matched(self, pan: Bands) -> Bands:
        """Return PAN with the mean and deviation of the intensity."""
        assert self.mean is not None
        assert self.comoments is not None
        intensity, own = self.comoments[0, 0], self.comoments[1, 1]
        gain = np.sqrt(intensity / own) if own > 0 else 0.0
        return np.asarray((pan - self.mean[1]) * gain + self.mean[0])

    @property
    def gains(self) -> Bands:
        """Every band's covariance with the intensity over the intensity's variance."""
        assert self.comoments is not None
        variance = self.comoments[0, 0]
        found = self.comoments[0, 2:] / variance if variance > 0 else 0 * self.comoments[0, 2:]
        return np.asarray(found)


def brovey(bands: Bands, pan: Bands, statistics: Statistics) -> Bands:
    """Return every band times PAN over the intensity (Gillespie et al., 1987), (B, H, W)."""
    intensity = bands.mean(axis=0)
    ratio = np.divide(
        statistics.matched(pan), intensity, out=np.ones_like(intensity), where=intensity != 0
    )
    return np.asarray(bands * np.maximum(ratio, 0))


def gram_schmidt(bands: Bands, pan: Bands, statistics: Statistics) -> Bands:
    """Return every band plus its share of PAN's detail (Laben and Brower, 2000), (B, H, W)."""
    detail = statistics.matched(pan) - bands.mean(axis=0)
    return np.asarray(bands + statistics.gains[:, None, None] * detail)
