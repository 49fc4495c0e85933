"""The guided filter (He, Sun, Tang, IEEE TPAMI 35, 2013), on grey guides."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter

Plane = npt.NDArray[np.float32]


def guided_filter(
    values: Plane, guide: Plane, radius: int, epsilon: float, weight: Plane | None = None
) -> Plane:
    """Smooth values, but not across the edges of a guide.

    Parameters
    ----------
    values, guide : (H, W) float32
        The guide is in [0, 1].
    radius : int
        Half the side of the windows.
    epsilon : float
        Variances of the guide below this are no edges.
    weight : (H, W) float32, optional
        The confidence in each value, not negative.
    """
    side = 2 * radius + 1

    def mean(x: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        return np.asarray(uniform_filter(x.astype(np.float64), side, mode="mirror"))

    w = np.ones_like(values) if weight is None else weight + np.float32(1e-6)
    total = mean(w)
    centre, level = mean(w * guide) / total, mean(w * values) / total
    spread = mean(w * guide * guide) / total - centre**2
    slope = (mean(w * guide * values) / total - centre * level) / (spread + epsilon)
    offset = level - slope * centre
    # The mean of the windows around a pixel, by their confidence.
    slope, offset = mean(total * slope) / mean(total), mean(total * offset) / mean(total)
    return np.asarray(slope * guide + offset, np.float32)
