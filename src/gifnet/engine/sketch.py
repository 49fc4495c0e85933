"""A quick approximation: the network sees a reduced copy, its shares apply to the full planes."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from ..geometry.region import Region
from ..progress import Reporter
from .engine import Engine
from .overshoot import range_around
from .tile_io import Arrays, Plane, PlaneReader, PlaneWriter


def sketch_plane(
    engine: Engine,
    source: PlaneReader,
    sink: PlaneWriter,
    shape: tuple[int, ...],
    side: int,
    reporter: Reporter,
    overshoot: float | None = None,
) -> None:
    """Fuse planes approximately.

    Parameters
    ----------
    side : int
        The longest side of the network's input.
    overshoot : float, optional
        Limits the result as in `with_limit`.
    """
    height, width = shape
    whole = Region.of(height, width)
    first, second = source.read(whole)
    scale = min(1.0, side / max(height, width))
    small = (max(1, round(height * scale)), max(1, round(width * scale)))
    arrays = Arrays(*(_resized(plane, small, "area") for plane in (first, second)))
    reporter.expect(engine.units(*small))
    engine.run(arrays, arrays, small, reporter)
    shares = np.full(small, 0.5, np.float32) if arrays.share is None else arrays.share
    blended = _blend(shares, *arrays.read(Region.of(*small)))
    residual = _resized(arrays.image - blended, shape, "bilinear")
    image = _blend(_resized(shares, shape, "bilinear"), first, second) + residual
    if overshoot is not None:
        planes = torch.from_numpy(np.stack((first, second)))[None]
        low, high = (x[0, 0].numpy() for x in range_around(planes, overshoot))
        image = np.clip(image, low, high)
    sink.write(whole, image, None)


def _blend(shares: Plane, first: Plane, second: Plane) -> Plane:
    return second + shares * (first - second)


def _resized(plane: Plane, shape: tuple[int, ...], mode: str) -> Plane:
    """Return a plane of another size: means of pixels, or linear between their centres."""
    if plane.shape == shape:
        return plane
    image = torch.from_numpy(np.ascontiguousarray(plane))[None, None]
    resized = F.interpolate(
        image, size=shape, mode=mode, align_corners=False if mode == "bilinear" else None
    )
    return np.asarray(resized[0, 0].numpy())
