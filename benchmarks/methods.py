"""The methods that the quality benchmark compares, each on 8-bit planes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from scipy.ndimage import correlate1d

from gifnet.fusion import Fuser
from gifnet.imaging.colour import blend_chroma, chroma, luminance, to_rgb

Bytes = npt.NDArray[np.uint8]
_BINOMIAL = np.array([1, 4, 6, 4, 1]) / 16


def to_bytes(values: npt.NDArray[Any]) -> Bytes:
    """Return values on the scale 0 to 255, clipped and rounded."""
    return np.clip(np.round(values), 0, 255).astype(np.uint8)


def grey(image: Bytes) -> Bytes:
    """Return the 8-bit BT.601 luminance of a grey or RGB image, rounded."""
    if image.ndim == 2:
        return image
    return to_bytes(luminance(image[..., :3].astype(np.float64)))


class Method(Protocol):
    """Fuses pairs and says which version of itself it is, for the cache."""

    name: str
    title: str
    version: str

    def planes(self, first: Bytes, second: Bytes) -> Bytes:
        """Fuse two (H, W) luminance planes."""
        ...

    def pictures(self, first: Bytes, second: Bytes) -> Bytes:
        """Fuse two images, grey or RGB, with colour if either has some."""
        ...


class Classical:
    """A baseline on luminance; colour is added by the rule that `gifnet.fuse` follows."""

    version = "1"
    name: str
    title: str

    def planes(self, first: Bytes, second: Bytes) -> Bytes:
        raise NotImplementedError

    def pictures(self, first: Bytes, second: Bytes) -> Bytes:
        coloured = [chroma(i.astype(np.float64)) for i in (first, second) if i.ndim == 3]
        fused = self.planes(grey(first), grey(second))
        if not coloured:
            return fused
        colour = coloured[0] if len(coloured) == 1 else blend_chroma(*coloured)
        return to_bytes(to_rgb(fused.astype(np.float64), colour))


class Average(Classical):
    """The mean of both sources."""

    name, title = "average", "average"

    def planes(self, first: Bytes, second: Bytes) -> Bytes:
        return to_bytes((first.astype(np.float64) + second) / 2)


def _blur(plane: npt.NDArray[np.float64], gain: float = 1.0) -> npt.NDArray[np.float64]:
    for axis in (0, 1):
        plane = correlate1d(plane, _BINOMIAL * gain, axis=axis, mode="mirror")
    return plane


def _enlarge(plane: npt.NDArray[np.float64], shape: tuple[int, int]) -> npt.NDArray[np.float64]:
    grid = np.zeros(shape)
    grid[::2, ::2] = plane
    return _blur(grid, gain=2)


class LaplacianPyramid(Classical):
    """Burt and Adelson's pyramid: the larger detail coefficient, the mean of the bases.

    Five binomial taps, mirrored borders; `levels` detail levels above the base.
    """

    name, title = "pyramid", "Laplacian pyramid"

    def __init__(self, levels: int = 4):
        self.levels = levels

    def planes(self, first: Bytes, second: Bytes) -> Bytes:
        a, b = first.astype(np.float64), second.astype(np.float64)
        details = []
        for _ in range(self.levels):
            bases = [_blur(plane)[::2, ::2] for plane in (a, b)]
            shape = (a.shape[0], a.shape[1])
            one, two = (
                plane - _enlarge(base, shape) for plane, base in zip((a, b), bases, strict=True)
            )
            details.append(np.where(np.abs(one) >= np.abs(two), one, two))
            a, b = bases
        fused = (a + b) / 2
        for detail in reversed(details):
            fused = _enlarge(fused, (detail.shape[0], detail.shape[1])) + detail
        return to_bytes(fused)


class Network:
    """A model of the registry, in float32, through the public API."""

    def __init__(self, name: str, title: str, model: str, weights: Path | None = None):
        self.name, self.title = name, title
        self.fuser = Fuser(
            model=model, weights=None if weights is None else str(weights), precision="float32"
        )
        self.version = str(self.fuser.provenance()["weights"]["sha256"])[:16]

    def planes(self, first: Bytes, second: Bytes) -> Bytes:
        return np.asarray(self.fuser.fuse(first, second), np.uint8)

    def pictures(self, first: Bytes, second: Bytes) -> Bytes:
        return np.asarray(self.fuser.fuse(first, second), np.uint8)

    def enhance(self, image: Bytes) -> Bytes:
        return np.asarray(self.fuser.enhance(image), np.uint8)
