"""Reading of two planes and writing of the fused one, region by region."""

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

    def read(self, region: Region) -> tuple[Plane, Plane]:
        """Return both planes of a region, float32 in [0, 1], without missing pixels."""


class PlaneWriter(Protocol):
    """The receiver of the result."""

    def write(self, region: Region, image: Plane, share: Plane | None) -> None:
        """Take the fused plane of a region and, if the model has one, the first source's share."""


class Arrays:
    """Two planes in memory, and the result in memory.

    Attributes
    ----------
    image : (H, W) float32 array
    share : (H, W) float32 array or None
        Filled by the engine.
    """

    def __init__(self, first: Plane, second: Plane):
        self._planes = first, second
        self.image = np.empty(first.shape, np.float32)
        self.share: Plane | None = None

    def read(self, region: Region) -> tuple[Plane, Plane]:
        first, second = self._planes
        return first[region.slices], second[region.slices]

    def write(self, region: Region, image: Plane, share: Plane | None) -> None:
        self.image[region.slices] = image
        if share is not None:
            if self.share is None:
                self.share = np.empty(self.image.shape, np.float32)
            self.share[region.slices] = share


class TileBuffer:
    """Both planes of one tile and its margin on the device; the next tile is read ahead.

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
        planes = torch.from_numpy(np.stack(self._source.read(region)))[None]
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
