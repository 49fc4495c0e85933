"""The maps between stages: their memory, and maps assembled from parts."""

from __future__ import annotations

import contextlib
import mmap

import torch
from torch import Tensor

from ..geometry.region import Region
from ..models.contract import Pipeline
from ..models.maps import crop


def slot_channels(pipeline: Pipeline) -> tuple[int, int]:
    """Return the channels of both slots. Stages alternate, as only neighbours share maps."""
    channels = [sum(stage.maps) for stage in pipeline.stages[:-1]]
    return max(channels[::2], default=0), max(channels[1::2], default=0)


def bytes_per_pixel(pipeline: Pipeline) -> int:
    """Return the bytes per pixel of the maps between stages."""
    return sum(slot_channels(pipeline)) * pipeline.dtype.itemsize


class Slots:
    """Memory that the maps of stages share, made once and used for every tile."""

    def __init__(self, dtype: torch.dtype, device: torch.device):
        self._dtype, self._device = dtype, device
        self._memory: dict[int, Tensor] = {}

    def maps(self, slot: int, channels: tuple[int, ...], region: Region) -> tuple[Tensor, ...]:
        """Return maps of a region in a slot's memory, one for each number of channels."""
        size = sum(channels) * region.area
        memory = self._memory.get(slot)
        if memory is None or len(memory) < size:
            del memory
            self._memory.pop(slot, None)
            memory = self._memory[slot] = allocate(size, self._dtype, self._device)
        parts = memory[:size].split([count * region.area for count in channels])
        return tuple(
            part.view(1, region.height, region.width, count).permute(0, 3, 1, 2)
            for part, count in zip(parts, channels, strict=True)
        )


def allocate(size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return a flat tensor; on Linux in huge pages, which saves thousands of page faults."""
    huge = getattr(mmap, "MADV_HUGEPAGE", None)
    if device.type != "cpu" or huge is None:
        return torch.empty(size, dtype=dtype, device=device)
    # Private: shared anonymous memory has no huge pages by default.
    memory = mmap.mmap(
        -1, max(1, size * dtype.itemsize), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    )
    with contextlib.suppress(OSError):  # a kernel without them
        memory.madvise(huge)
    return torch.frombuffer(memory, dtype=dtype, count=size)


class Features:
    """A stage's output over a region, assembled from parts in a slot."""

    def __init__(self, channels: tuple[int, ...], region: Region, slots: Slots, slot: int):
        self.region = region
        self._maps = slots.maps(slot, channels, region)

    def get(self, region: Region) -> tuple[Tensor, ...]:
        """Return the maps of a part, to read or to write."""
        return tuple(crop(whole, self.region, region) for whole in self._maps)

    def put(self, maps: tuple[Tensor, ...], region: Region) -> None:
        """Keep the maps of a part, if they have not been written in their place."""
        for place, x in zip(self.get(region), maps, strict=True):
            if place.data_ptr() != x.data_ptr():
                place.copy_(x)
