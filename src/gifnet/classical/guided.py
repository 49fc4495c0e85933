"""The guided filter (He, Sun, Tang, IEEE TPAMI 35, 2013), on grey guides."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter

Plane = npt.NDArray[np.float32]


def guided_filter(values: Plane, guide: Plane, radius: int, epsilon: float) -> Plane:
    """Smooth values, but not across the edges of a guide.

    Parameters
    ----------
    values, guide : (H, W) float32
        The guide is in [0, 1].
    radius : int
        Half the side of the windows.
    epsilon : float
        Variances of the guide below this are no edges.
    """
    side = 2 * radius + 1

    def mean(x: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        return np.asarray(uniform_filter(x.astype(np.float64), side, mode="mirror"))

    centre, level = mean(guide), mean(values)
    spread = mean(guide.astype(np.float64) ** 2) - centre**2
    slope = (mean(guide.astype(np.float64) * values) - centre * level) / (spread + epsilon)
    slope, offset = mean(slope), mean(level - slope * centre)
    return np.asarray(slope * guide + offset, np.float32)
