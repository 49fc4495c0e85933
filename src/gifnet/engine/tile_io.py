"""Reading of the planes of all sources and writing of the fused ones, region by region."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import zip_longest
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..geometry.region import Region
from ..models.maps import crop

Plane: TypeAlias = npt.NDArray[np.float32]


class PlaneReader(Protocol):
    """The source of the planes."""

    def read(self, region: Region) -> Plane:
        """Return the planes of a region, (P, N, h, w) float32, without missing pixels.

        N sources have P planes each: first the one that decides, in [0, 1], then others to which
        the decisions are applied.
        """


class PlaneWriter(Protocol):
    """The receiver of the result."""

    def write(self, region: Region, image: Plane, share: Plane | None) -> None:
        """Take a region's fused planes, (P, h, w), and shares if there are any.

        Shares are (1, h, w), those of the first source, or (N, h, w).
        """


class PlaneStore(PlaneReader, PlaneWriter, Protocol):
    """The source of the planes that is also the receiver of the result."""


class Arrays:
    """The planes of all sources in memory, and the result in memory.

    Parameters
    ----------
    planes : (P, N, H, W) float32 array

    Attributes
    ----------
    image : (P, H, W) float32 array
    share : (1, H, W) or (N, H, W) float32 array or None
        Filled by the engine.
    """

    def __init__(self, planes: Plane):
        self._planes = planes
        self.image = np.empty((planes.shape[0], *planes.shape[2:]), np.float32)
        self.share: Plane | None = None

    @classmethod
    def of(cls, *planes: Plane) -> Arrays:
        """Return the (H, W) planes of sources with one plane each."""
        return cls(np.stack(planes)[None])

    def read(self, region: Region) -> Plane:
        return self._planes[(..., *region.slices)]

    def write(self, region: Region, image: Plane, share: Plane | None) -> None:
        self.image[(..., *region.slices)] = image
        if share is not None:
            if self.share is None:
                self.share = np.empty((len(share), *self.image.shape[1:]), np.float32)
            self.share[(..., *region.slices)] = share


class TileBuffer:
    """The planes of one tile and its margin on the device; the next tile is read ahead.

    Parameters
    ----------
    ahead : bool
        Whether the next tile is read in a thread while the device computes.
    """

    def __init__(
        self, source: PlaneReader, image: Region, margin: int, device: torch.device, ahead: bool
    ):
        self._source, self._image, self._margin, self._device = source, image, margin, device
        self._pool = ThreadPoolExecutor(1, "gifnet-read") if ahead else None
        self._coming: dict[Region, Future[Tensor]] = {}
        self._at = Region(0, 0, 0, 0)
        self._planes: Tensor | None = None

    def over(self, tiles: Sequence[Region]) -> Iterator[Region]:
        """Yield tiles, each after it is loaded."""
        for tile, following in zip_longest(tiles, tiles[1:]):
            self.hold(tile, following)
            yield tile

    def hold(self, tile: Region, following: Region | None = None) -> None:
        """Read a tile, and the following one in the background."""
        at = tile.expand_within(self._margin, self._image)
        if at != self._at or self._planes is None:
            coming = self._coming.pop(at, None)
            self._planes = None
            planes = coming.result() if coming is not None else self._read(at)
            self._at, self._planes = at, planes.to(self._device, non_blocking=True)
        if self._pool is not None and following is not None:
            at = following.expand_within(self._margin, self._image)
            if at != self._at and at not in self._coming:
                self._coming[at] = self._pool.submit(self._read, at)

    def _read(self, region: Region) -> Tensor:
        planes = torch.from_numpy(np.ascontiguousarray(self._source.read(region)))
        return planes.pin_memory() if self._device.type == "cuda" else planes

    def __call__(self, region: Region) -> Tensor:
        assert self._planes is not None
        return crop(self._planes, self._at, region)

    def close(self) -> None:
        """Free the tiles and end the thread."""
        self._planes = None
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._coming.clear()
