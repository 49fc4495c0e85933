"""Running a network on a pair of planes of any size: exact streaming over tiles.

The networks see the whole image only through a few moments (GIFNet: six scalars). One pass
over the tiles measures those that depend on nothing, the next those that depend on them,
and a last pass writes pixels; see `docs/architecture.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ..errors import DeviceError
from ..models.registry import ModelSpec
from ..models.swin import Moments
from ..progress import Reporter
from .moments import MomentSum
from .plan import Tile, plan_tiles

Plane = npt.NDArray[np.float32]

#: Planes up to this many pixels run in one piece; larger ones in tiles of `AUTO_TILE`. On the
#: CPU a tile takes a few seconds at most, so that progress shows and a cancel is heeded.
AUTO_WHOLE = {"cpu": 256 * 256, "mps": 512 * 512, "cuda": 1024 * 1024}
AUTO_TILE = {"cpu": 192, "mps": 512, "cuda": 768}
SMALLEST_TILE = 64
#: How many tiles sampled statistics look at.
SAMPLED_TILES = 16


@dataclass(frozen=True)
class Result:
    """A fused plane and the first source's share, (H, W) float32 each."""

    image: Plane
    mask: Plane | None


@dataclass(frozen=True)
class Engine:
    """A network, ready to run.

    Attributes
    ----------
    module : nn.Module
        On its device, in evaluation mode.
    spec : ModelSpec
    device : torch.device
    dtype : torch.dtype
        The number format of the network.
    tile : int or "auto"
    statistics : {"exact", "sampled"}
    """

    module: nn.Module
    spec: ModelSpec
    device: torch.device
    dtype: torch.dtype
    tile: Any = "auto"
    statistics: str = "exact"

    def tile_size(self, height: int, width: int) -> int:
        """Return the side of the tiles for a plane, 0 for the whole plane at once."""
        if not self.spec.tiled:
            return 0
        if self.tile != "auto":
            size = int(self.tile)
            return 0 if size >= max(height, width) else size
        if height * width <= AUTO_WHOLE[self.device.type]:
            return 0
        return AUTO_TILE[self.device.type]

    def units(self, height: int, width: int) -> int:
        """Return how many units of progress a plane takes."""
        return self._units(self._plan((height, width), self.tile_size(height, width)))

    def run(self, first: Plane, second: Plane, reporter: Reporter) -> Result:
        """Fuse two (H, W) planes in [0, 1].

        Out of memory, the tiles are halved and the plane starts again.

        Raises
        ------
        DeviceError
            If even the smallest tiles do not fit the device's memory.
        Cancelled
            If the reporter says so.
        """
        height, width = first.shape
        side = self.spec.minimum_side
        padding = ((0, max(0, side - height)), (0, max(0, side - width)))
        if np.any(padding):
            first, second = (np.pad(plane, padding, mode="symmetric") for plane in (first, second))
        size = self.tile_size(*first.shape)
        while True:
            done = reporter.done
            try:
                result = self._run(first, second, size, reporter)
                break
            except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
                if not _is_out_of_memory(error):
                    raise
                planned = self._units(self._plan(first.shape, size))
                size = self._smaller(size, first.shape, error)
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            # What was done for nothing, and what the finer plan adds.
            finer = self._units(self._plan(first.shape, size))
            reporter.expect(reporter.done - done + finer - planned)
        crop = (slice(0, height), slice(0, width))
        return Result(result.image[crop], None if result.mask is None else result.mask[crop])

    def _smaller(self, size: int, shape: tuple[int, ...], error: Exception) -> int:
        size = size or max(shape)
        smaller = size // 2 // self.spec.window * self.spec.window
        if smaller < SMALLEST_TILE or not self.spec.tiled:
            raise DeviceError(
                f"Tiles of {size} pixels do not fit the memory of {self.device}: "
                f"{str(error).splitlines()[0]}. Free memory or use another device."
            ) from error
        return smaller

    def _plan(self, shape: tuple[int, ...], size: int) -> tuple[Tile, ...]:
        height, width = shape
        return plan_tiles(height, width, size=size, halo=self.spec.halo, window=self.spec.window)

    def _units(self, plan: Sequence[Tile]) -> int:
        if len(plan) == 1:
            return 1
        return len(plan) + self.spec.statistics_stages * len(self._measured(plan))

    def _measured(self, plan: Sequence[Tile]) -> Sequence[Tile]:
        """Return the tiles that statistics are measured on."""
        if self.statistics == "exact" or len(plan) <= SAMPLED_TILES:
            return plan
        # Evenly spaced along the diagonal order, so that rows and columns both vary.
        picks = np.linspace(0, len(plan) - 1, SAMPLED_TILES).round().astype(int)
        return [plan[i] for i in picks]

    def _run(self, first: Plane, second: Plane, size: int, reporter: Reporter) -> Result:
        plan = self._plan(first.shape, size)
        image = np.empty(first.shape, np.float32)
        mask = np.empty(first.shape, np.float32) if self.spec.has_mask else None
        known: list[tuple[Moments, ...]] | None = None
        if len(plan) > 1:
            known = []
            for _ in range(self.spec.statistics_stages):
                known.append(self._measure(first, second, plan, known, reporter))
        for tile in plan:
            fused = self._call(self.module, first, second, tile, known)
            image[tile.core] = _to_numpy(fused.image, tile)
            if mask is not None:
                mask[tile.core] = _to_numpy(fused.mask, tile)
            reporter.advance()
        return Result(image, mask)

    def _measure(
        self,
        first: Plane,
        second: Plane,
        plan: Sequence[Tile],
        known: Sequence[Sequence[Moments]],
        reporter: Reporter,
    ) -> tuple[Moments, ...]:
        """Return the moments of the next stage over the cores of the tiles."""
        height, width = first.shape
        sums: list[MomentSum] = []
        for tile in self._measured(plan):
            observe: Callable[..., Any] = self.module.observe  # type: ignore[assignment]
            observed = self._call(observe, first, second, tile, known)
            sums = sums or [MomentSum() for _ in observed]
            rows, columns = tile.inner
            # What a network pads beyond the border belongs to the last tile's core.
            rows = slice(rows.start, None if tile.rows.stop == height else rows.stop)
            columns = slice(columns.start, None if tile.columns.stop == width else columns.stop)
            for total, activation in zip(sums, observed, strict=True):
                total.add(activation[:, :, rows, columns])
            reporter.advance()
        return tuple(total.result(self.device) for total in sums)

    def _call(
        self,
        function: Callable[..., Any],
        first: Plane,
        second: Plane,
        tile: Tile,
        known: Sequence[Sequence[Moments]] | None,
    ) -> Any:
        planes = [
            torch.from_numpy(np.ascontiguousarray(plane[tile.read]))[None, None].to(self.device)
            for plane in (first, second)
        ]
        reduced = self.dtype != torch.float32
        with (
            torch.inference_mode(),
            torch.autocast(self.device.type, self.dtype, enabled=reduced),
        ):
            return function(*planes, known)


def _to_numpy(x: Tensor, tile: Tile) -> Plane:
    plane: Plane = x[0, 0, *tile.inner].float().cpu().numpy()
    return plane


def _is_out_of_memory(error: Exception) -> bool:
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    # PyTorch's CPU allocator raises a plain RuntimeError.
    text = str(error)
    return "not enough memory" in text or "can't allocate memory" in text
