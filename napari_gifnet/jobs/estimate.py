"""How long a run will take and how much memory it needs, as an estimate."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from gifnet.models.registry import model_spec
from gifnet.options import FuseOptions
from gifnet.tasks import DEFAULT_MODEL

from ..layers.snapshot import Snapshot

if TYPE_CHECKING:
    from gifnet.progress import ProgressCallback

    from .base import FuserCache

#: Runs of at least so many pixels are announced with an estimate.
LARGE_PIXELS = 2 * 2**20
#: Runs of fewer pixels do not predict the speed of larger ones.
_TELLING_PIXELS = 500 * 500
_CALIBRATION_SIDE = 448
#: Pixels of all sources per second, with and without a model of any number of images.
_USUAL_SPEED, _SLOW_SPEED = 2e6, 1.5e5
#: The network with its tiles and PyTorch itself.
_NETWORK_BYTES = 700 * 2**20
#: Working planes of one fusion: luminance, chroma, share, and steps in float64 on the way back.
_PLANE_BYTES = 72


@dataclass
class Speeds:
    """Pixels of all sources per second in past runs, by what it depends on."""

    _known: dict[tuple[object, ...], float] = field(default_factory=dict)

    def note(self, options: FuseOptions, pixels: int, seconds: float) -> None:
        """Keep how fast a run was, if it was large enough."""
        if pixels >= _TELLING_PIXELS and seconds > 0:
            self._known[_key(options)] = pixels / seconds

    def seconds(self, options: FuseOptions, pixels: int) -> float | None:
        """Return how long a run will take, or None if nothing like it was measured."""
        speed = self._known.get(_key(options))
        return None if speed is None else pixels / speed


def _key(options: FuseOptions) -> tuple[object, ...]:
    return (
        options.model,
        # Some weights run a pair in both orders, which takes twice as long.
        options.weights or model_spec(options.model or DEFAULT_MODEL).bundled_name(options.task),
        options.device,
        options.precision,
        str(options.tile),
        options.statistics,
    )


def calibrate(fusers: FuserCache, options: FuseOptions, progress: ProgressCallback) -> None:
    """Measure the speed on noise, which takes a few seconds on a CPU."""
    noise = np.random.default_rng(0)
    small = noise.integers(0, 256, (2, 64, 64), dtype=np.uint8)
    planes = noise.integers(0, 256, (2, *(_CALIBRATION_SIDE,) * 2), dtype=np.uint8)

    def quiet(done: int, total: int) -> object:
        return progress(0, 0)

    fuser = fusers.get(options)
    fuser.fuse(*small, progress=quiet)  # the first run prepares the network
    began = time.perf_counter()
    fuser.fuse(*planes, progress=quiet)
    fusers.speeds.note(options, planes.size, time.perf_counter() - began)


def count_pixels(reference: Snapshot) -> int:
    """Return how many pixels the network has to make."""
    return int(np.prod([int(side) for side in reference.grid.shape]))


def memory_of(reference: Snapshot, sources: tuple[Snapshot, ...]) -> int:
    """Return about how many bytes a run needs beyond the layers that are there."""
    pixels, plane = count_pixels(reference), int(np.prod(reference.grid.shape[-2:]))
    needed = _NETWORK_BYTES + plane * _PLANE_BYTES
    channels = 4 if any(source.rgb for source in sources) else 1
    needed += pixels * channels * np.dtype(sources[0].data.dtype).itemsize
    for source in sources:
        own = pixels * (source.data.shape[-1] if source.rgb else 1)
        size = np.dtype(source.data.dtype).itemsize
        if source is not reference:
            needed += own * (4 if size <= 2 else 8)
        elif not isinstance(source.data, np.ndarray):
            needed += own * size
    return int(needed)


def usual_seconds(options: FuseOptions, pixels: int, loading: float = 1.5) -> float:
    """Return how long a run takes on two ordinary cores, with the time to load the network."""
    spec = model_spec(options.model or DEFAULT_MODEL)
    return loading + pixels / (_USUAL_SPEED if spec.any_number else _SLOW_SPEED)


def in_words(seconds: float | None, needed: int) -> str:
    """Return an estimate as a sentence, without the memory if that is 0."""
    if seconds is not None and not needed:
        return f"Estimate: {duration(seconds)}."
    memory = f"about {needed / 1e9:.1f} GB of memory"
    if seconds is None:
        return f"Estimate: {memory}."
    return f"Estimate: {duration(seconds)} and {memory}."


def duration(seconds: float) -> str:
    """Return a time in words, as exact as an estimate is."""
    if seconds < 1:
        return "less than a second"
    if seconds < 90:
        return f"about {seconds:.0f} s"
    if seconds < 90 * 60:
        return f"about {seconds / 60:.0f} min"
    return f"about {seconds / 3600:.1f} h"
