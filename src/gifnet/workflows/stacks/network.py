"""The call of a network that fuses any number of slices at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ...fusion.fuser import Fuser
from ...geometry.region import Region

Floats = npt.NDArray[np.float32]


def fuse_by_network(
    fuser: Fuser,
    planes: Floats,
    channels: Floats,
    check: Callable[[], object],
    shares: Floats | None = None,
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
    shares : (N, H, W) float32 array, optional
        Filled with the share of every slice.

    Returns
    -------
    fused : (C, H, W) float32 array
    sharpest : (H, W) uint16 array
        Index of the slice with the greatest share per pixel.
    """
    stack = _StackPlanes(planes, channels, shares)
    fuser.run_planes(
        stack, len(planes), planes.shape[1:], shares=True, progress=lambda done, total: check()
    )
    return stack.fused, stack.sharpest


class _StackPlanes:
    """A stack as the engine reads it: luminance decides, and all channels follow.

    Parameters
    ----------
    planes : (N, H, W) float32 array
        The luminance of every slice in [0, 1], without missing pixels.
    channels : (N, C, H, W) float32 array
        What the decisions are applied to, of any range.
    shares : (N, H, W) float32 array or None
        Filled if it is given.

    Attributes
    ----------
    fused : (C, H, W) float32 array
    sharpest : (H, W) uint16 array
        The slice with the greatest share.
    """

    def __init__(self, planes: Floats, channels: Floats, shares: Floats | None):
        self._planes, self._channels, self._shares = planes, channels, shares
        self.fused = np.empty(channels.shape[1:], np.float32)
        self.sharpest = np.empty(planes.shape[1:], np.uint16)

    def read(self, region: Region) -> npt.NDArray[np.float32]:
        inside = (..., *region.slices)
        channels = np.moveaxis(self._channels[inside], 1, 0)
        return np.concatenate((self._planes[inside][None], channels))

    def write(self, region: Region, image: Floats, share: Floats | None) -> None:
        inside = (..., *region.slices)
        self.fused[inside] = image[1:]
        assert share is not None
        self.sharpest[inside] = share.argmax(axis=0)
        if self._shares is not None:
            self._shares[inside] = share
