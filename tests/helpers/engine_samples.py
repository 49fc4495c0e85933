"""Engines for tests, and planes to run them on."""

import numpy as np
import torch

from gifnet.engine.engine import Engine
from gifnet.engine.passes import Passes
from gifnet.engine.tile_io import Arrays
from gifnet.models.contract import Fused
from gifnet.models.registry import MODELS
from gifnet.progress import Reporter

CPU = torch.device("cpu")


def make_engine(module, dtype=torch.float32, name="gifnet", **settings):
    spec = MODELS[name]
    return Engine(spec.pipeline(module, CPU, dtype), spec, **settings)


def run(engine, first, second, reporter=None):
    result = Arrays.of(first, second)
    engine.run(result, result, first.shape, reporter or Reporter(None))
    share = None if result.share is None else result.share[0]
    return Fused(result.image[0], share)


def planes(height, width, seed=0):
    rng = np.random.default_rng(seed)
    # A gradient on top of noise: statistics of a tile then differ from the image's.
    ramp = np.linspace(0, 0.7, width, dtype=np.float32)
    return tuple(
        (0.3 * rng.random((height, width), np.float32) + direction).astype(np.float32)
        for direction in (ramp, ramp[::-1])
    )


def limit_memory(monkeypatch, greatest, kind=torch.OutOfMemoryError):
    """Let passes over tiles with longer sides fail as an allocator would."""
    compute = Passes._compute

    def limited(self, last, tile, *args, **kwargs):
        if max(tile.height, tile.width) > greatest:
            raise kind("DefaultCPUAllocator: not enough memory: you tried to allocate 1 TB")
        return compute(self, last, tile, *args, **kwargs)

    monkeypatch.setattr(Passes, "_compute", limited)
