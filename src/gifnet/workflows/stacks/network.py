"""The call of a network that fuses any number of slices at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ...fusion.fuser import Fuser

Floats = npt.NDArray[np.float32]


def fuse_by_network(
    fuser: Fuser, planes: Floats, channels: Floats, check: Callable[[], object]
) -> tuple[Floats, npt.NDArray[np.uint16]]:
    """Decide on planes, and apply the decisions to channels.

    Parameters
    ----------
    fuser : Fuser
        Its model fuses any number of images.
    planes : (N, H, W) float32 array
        In [0, 1], without missing pixels.
    channels : (N, C, H, W) float32 array
        Of any range, without missing pixels.
    check : callable
        Called repeatedly; may raise to stop.

    Returns
    -------
    fused : (C, H, W) float32 array
    sharpest : (H, W) uint16 array
        Index of the slice with the greatest share per pixel.
    """
    return fuser.fuse_set(planes, channels, check)
