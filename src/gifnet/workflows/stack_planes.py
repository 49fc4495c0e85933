"""A stack as the engine reads and writes it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..geometry.region import Region

Plane = npt.NDArray[np.float32]


class StackPlanes:
    """A stack as the engine reads it: luminance decides, and all channels follow.

    Parameters
    ----------
    planes : (N, H, W) float32 array
        The luminance of every slice in [0, 1], without missing pixels.
    channels : (N, C, H, W) float32 array
        What the decisions are applied to, of any range.

    Attributes
    ----------
    fused : (C, H, W) float32 array
    depth : (H, W) uint16 array
        The slice with the greatest share.
    """

    def __init__(self, planes: npt.NDArray[np.float32], channels: npt.NDArray[np.float32]):
        self._planes, self._channels = planes, channels
        self.fused = np.empty(channels.shape[1:], np.float32)
        self.depth = np.empty(planes.shape[1:], np.uint16)

    def read(self, region: Region) -> npt.NDArray[np.float32]:
        inside = (..., *region.slices)
        channels = np.moveaxis(self._channels[inside], 1, 0)
        return np.concatenate((self._planes[inside][None], channels))

    def write(self, region: Region, image: Plane, share: Plane | None) -> None:
        inside = (..., *region.slices)
        self.fused[inside] = image[1:]
        assert share is not None
        self.depth[inside] = share.argmax(axis=0)
