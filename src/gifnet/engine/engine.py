"""Running a network on planes of any size: exact streaming over tiles.

The networks depend on the whole image only by a few moments (GIFNet: six scalars). The first pass
over the tiles measures the moments that depend on no others, the next passes those that depend on
them, and the last pass writes pixels; see `docs/tiling.md`.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from ..errors import DeviceError, GifnetWarning
from ..geometry.region import Region
from ..models.contract import KnownMoments, Pipeline, PlaneSum
from ..models.spec import ModelSpec
from ..progress import Reporter, drain
from .device import float32_products
from .feature_maps import bytes_per_pixel
from .memory import require_memory, tile_side
from .passes import Passes, count_steps, join_sums, measured_stages, new_sums
from .threads import Workers, cpu_threads
from .tile_io import Arrays, Plane, PlaneReader, PlaneWriter, TileBuffer
from .tile_plan import plan_tiles

#: Maximum side of a block in pixels. On the CPU a block fits the cache.
STEP = {"cpu": 96, "mps": 512, "cuda": 1024}
#: The same for two-byte numbers on the CPU.
SHORT_STEP = 128
#: Bytes of maps between stages.
AUTO_MEMORY = {"cpu": 400 << 20, "mps": 1 << 30, "cuda": 8 << 30}
SMALLEST_TILE = 64
#: Number and side of the places for sampled statistics.
SAMPLES = 16
SAMPLE_SIDE = 192


@dataclass(frozen=True)
class Engine:
    """A network, ready to run.

    Attributes
    ----------
    pipeline : Pipeline
        On its device, in its number format.
    spec : ModelSpec
    tile : int or "auto"
        Maximum side of the tiles in pixels; 0 for the whole plane at once.
    statistics : {"exact", "sampled"}
    memory : int or "auto"
        Maximum bytes of maps between the model's stages. An image whose maps fit is one tile, and
        nothing is computed twice. Otherwise tiles are as large as possible. For models that
        compute a tile at once it bounds the total memory. "auto" is the free memory, or half of
        it for tiles.
    block_side : int
        Side of a block in pixels; 0 for the device's default.
    tf32 : bool
        Whether CUDA may round float32 products to 10 bits.
    images : int
        Number of sources.
    want_share : bool
        Whether shares are used.
    fallback : callable, optional
        Makes a pipeline on the CPU, which is used if even small tiles do not fit the device.
    """

    pipeline: Pipeline
    spec: ModelSpec
    tile: Any = "auto"
    statistics: str = "exact"
    memory: Any = "auto"
    block_side: int = 0
    tf32: bool = False
    fallback: Callable[[], Pipeline] | None = None
    images: int = 2
    want_share: bool = True
    #: Tile sizes by sides of planes. The free memory changes during a run, the plan must not.
    _sizes: dict[tuple[int, int], int] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    def device(self) -> torch.device:
        return self.pipeline.device

    def tile_size(self, height: int, width: int) -> int:
        """Return the maximum side of the tiles of a plane, 0 for one tile."""
        if not self.spec.runs_in_tiles:
            return 0
        if self.tile != "auto":
            size = int(self.tile)
            return 0 if size >= max(height, width) else size
        if self.spec.plane_bytes:
            return self._fitting(height, width)
        memory = AUTO_MEMORY[self.device.type] if self.memory == "auto" else int(self.memory)
        area = memory // bytes_per_pixel(self.pipeline)
        bounds = self.pipeline.stages[0].bounds(Region.of(height, width))
        if bounds.area <= area:
            return 0
        window = self.pipeline.window
        side = (math.isqrt(area) - 2 * self.spec.halo) // window * window
        return max(SMALLEST_TILE // window * window, side)

    def _fitting(self, height: int, width: int) -> int:
        """Return the side of tiles that are computed at once, 0 for the whole plane."""
        if (height, width) not in self._sizes:
            self._sizes[height, width] = tile_side(
                self.spec,
                Region.of(height, width),
                self.pipeline.dtype,
                self.device,
                self.memory,
                self.images,
            )
        size = self._sizes[height, width]
        return max(size, SMALLEST_TILE) if 0 < size < max(height, width) else 0

    def tiles(self, image: Region) -> tuple[Region, ...]:
        """Return the tiles of an image."""
        size = self.tile_size(image.height, image.width)
        return plan_tiles(image, size, self.pipeline.window)

    def measured(self, image: Region) -> tuple[Region, ...]:
        """Return the tiles for the measurement of statistics."""
        tiles = self.tiles(image)
        # In a single tile nothing is computed twice, and sampling would save nothing.
        if self.statistics == "exact" or len(tiles) == 1 or self.pipeline.collect is not None:
            return tiles
        places = plan_tiles(image, SAMPLE_SIDE, self.pipeline.window)
        if len(places) <= SAMPLES:
            return places
        # Evenly spaced along the rows, so that rows and columns both vary.
        picks = np.linspace(0, len(places) - 1, SAMPLES).round().astype(int)
        return tuple(places[i] for i in picks)

    def units(self, height: int, width: int) -> int:
        """Return the number of progress units of a plane: steps over all passes."""
        height, width = (max(side, self.spec.minimum_side) for side in (height, width))
        image = Region.of(height, width)
        tiles, keep = self.tiles(image), self._keeps(image)

        def count(tile: Region) -> list[int]:
            return count_steps(self._pipeline(keep), tile, image, self._step, keep=keep)

        measured = (sum(count(tile)[:-1]) for tile in self.measured(image))
        return sum(measured) + sum(count(tile)[-1] for tile in tiles)

    def _keeps(self, image: Region) -> bool:
        return len(self.tiles(image)) == 1

    def _pipeline(self, keep: bool) -> Pipeline:
        """Return the pipeline for a plane of a single tile, or of several."""
        return self.pipeline.whole or self.pipeline if keep else self.pipeline

    @property
    def _step(self) -> int:
        if self.pipeline.at_once:
            return 1 << 30
        if not self.block_side and self.device.type == "cpu" and self.pipeline.dtype.itemsize < 4:
            return SHORT_STEP
        return self.block_side or STEP[self.device.type]

    @property
    def _threads(self) -> int:
        return cpu_threads() if self.device.type == "cpu" and not self.pipeline.at_once else 1

    def run(
        self, source: PlaneReader, sink: PlaneWriter, shape: tuple[int, int], reporter: Reporter
    ) -> None:
        """Fuse the (H, W) planes of a source; see `run_steps`."""
        for _ in self.run_steps(source, sink, shape, reporter):
            pass

    def run_steps(
        self, source: PlaneReader, sink: PlaneWriter, shape: tuple[int, int], reporter: Reporter
    ) -> Iterator[None]:
        """Fuse the (H, W) planes of a source, yielding after every step that is reported.

        Out of memory, the tiles are halved and the plane starts again; if not even small
        tiles fit the device, it starts again on the CPU, with a warning.

        Raises
        ------
        DeviceError
            If even the smallest tiles do not fit the CPU's memory, or the requested tiles need
            more than the free memory.
        Cancelled
            If the reporter stops the run.
        """
        height, width = shape
        if min(shape) < self.spec.minimum_side:
            yield from self._small_steps(source, sink, shape, reporter)
            return
        image, engine = Region.of(height, width), self
        while True:
            engine._require_room(image)
            done, planned = reporter.done, engine.units(height, width)
            try:
                with closing(engine.stream(source, sink, image)) as stream:
                    while engine._advance(stream):
                        reporter.advance()
                        yield
                return
            except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
                if not _is_out_of_memory(error):
                    raise
                engine = engine._smaller(image, error)
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            # The discarded work, and the additional steps of the finer plan.
            reporter.expect(reporter.done - done + engine.units(height, width) - planned)

    def _require_room(self, image: Region) -> None:
        if self.spec.plane_bytes:
            size = self.tile_size(image.height, image.width)
            how = self.pipeline.dtype, self.device, self.images
            require_memory(self.spec, image, size, *how)

    def _advance(self, stream: Iterator[None]) -> bool:
        """Take a step; return whether there was one."""
        # Set for each step: between two steps the caller's own code may run.
        with self._products():
            return next(stream, self) is None

    def _products(self) -> AbstractContextManager[None]:
        return float32_products(self.device, tf32=self.tf32)

    def _small_steps(
        self, source: PlaneReader, sink: PlaneWriter, shape: tuple[int, int], reporter: Reporter
    ) -> Iterator[None]:
        """Fuse planes smaller than the network takes, padded symmetrically."""
        height, width = shape
        side, whole = self.spec.minimum_side, Region.of(height, width)
        padding = ((0, 0), (0, 0), (0, max(0, side - height)), (0, max(0, side - width)))
        planes = np.pad(source.read(whole), padding, mode="symmetric")
        padded, inside = Arrays(planes), (..., *whole.slices)
        yield from self.run_steps(padded, padded, (planes.shape[2], planes.shape[3]), reporter)
        share = None if padded.share is None else padded.share[inside]
        sink.write(whole, padded.image[inside], share)

    def _smaller(self, image: Region, error: Exception) -> Engine:
        """Return an engine that needs less memory."""
        longest = max(image.height, image.width)
        size = self.tile_size(image.height, image.width) or longest
        half = size // 2 // self.pipeline.window * self.pipeline.window
        if half >= SMALLEST_TILE and self.spec.runs_in_tiles:
            return replace(self, tile=half)
        reason = str(error).splitlines()[0]
        if self.fallback is None:
            raise DeviceError(
                f"Tiles of {size} pixels do not fit the memory of {self.device}: {reason}. Free "
                "memory or use another device."
            ) from error
        warnings.warn(
            f"Tiles of {size} pixels do not fit the memory of {self.device} ({reason}); continuing "
            "with the CPU.",
            GifnetWarning,
            stacklevel=4,
        )
        return replace(self, pipeline=self.fallback(), tile="auto", memory="auto", fallback=None)

    def stream(
        self, source: PlaneReader, sink: PlaneWriter, image: Region
    ) -> Generator[None, None, None]:
        """Fuse planes step by step, yielding after each; closing the generator stops.

        Parameters
        ----------
        image : Region
            All of the planes.
        """
        tiles = self.tiles(image)
        keep = self._keeps(image)
        pipeline = self._pipeline(keep)
        with self._passes(source, image, keep=keep) as (window, passes):
            for index in measured_stages(pipeline):
                sums = new_sums(pipeline, index)
                for tile in window.over(self.measured(image)):
                    join_sums(sums, (yield from passes.measure(tile)))
                passes.finish_pass(sums)
            for tile in window.over(tiles):
                sink.write(tile, *(yield from passes.render(tile)))

    def measure_tile(
        self, source: PlaneReader, tile: Region, image: Region, known: KnownMoments
    ) -> list[PlaneSum]:
        """Return a tile's part of the moments of the first stage without known moments."""
        with self._products(), self._passes(source, image, known=known) as (window, passes):
            window.hold(tile)
            return drain(passes.measure(tile))

    def render_tile(
        self, source: PlaneReader, tile: Region, image: Region, known: KnownMoments
    ) -> tuple[Plane, Plane | None]:
        """Return the fused planes of a tile and its shares, the moments of all stages known."""
        with self._products(), self._passes(source, image, known=known) as (window, passes):
            window.hold(tile)
            return drain(passes.render(tile))

    @contextmanager
    def _passes(
        self, source: PlaneReader, image: Region, *, keep: bool = False, known: KnownMoments = ()
    ) -> Iterator[tuple[TileBuffer, Passes]]:
        margin = self.spec.halo if self.spec.runs_in_tiles else max(image.height, image.width)
        window = TileBuffer(source, image, margin, self.device, ahead=self.device.type == "cuda")
        workers = Workers(self._threads)
        try:
            yield (
                window,
                Passes(
                    self._pipeline(keep),
                    image,
                    window,
                    step=self._step,
                    workers=workers,
                    keep=keep,
                    known=known,
                    want_share=self.want_share,
                ),
            )
        finally:
            workers.close()
            window.close()


def _is_out_of_memory(error: Exception) -> bool:
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    # The CPU's allocator raises a plain RuntimeError.
    text = str(error).lower()
    return "not enough memory" in text or "out of memory" in text
