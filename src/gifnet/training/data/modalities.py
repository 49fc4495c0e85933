"""Synthetic pairs from grey and RGB crops, for sensors that are missing in the training data.

All take and return float32 (H, W) planes in [0, 1], the functional or spectral source first.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter, zoom

from ...imaging.block_means import block_means
from .depth import Plane, RandomFieldDepth


class Sources(NamedTuple):
    """A pair for the network, and the pair that the loss compares with.

    The second pair has none of the noise, and no grid of an enlarged coarse image, because a fused
    image should not show them.
    """

    first: Plane
    second: Plane
    judged_first: Plane
    judged_second: Plane

    @classmethod
    def plain(cls, first: Plane, second: Plane) -> Sources:
        return cls(first, second, first, second)


def _unit(plane: np.ndarray) -> Plane:
    clipped: Plane = np.clip(plane, 0, 1).astype(np.float32)
    return clipped


def _stretch(plane: np.ndarray) -> Plane:
    low, high = float(plane.min()), float(plane.max())
    return ((plane - low) / max(high - low, 1e-3)).astype(np.float32)


def _enlarge(coarse: np.ndarray, shape: tuple[int, ...], order: int) -> Plane:
    factors = [large / small for large, small in zip(shape, coarse.shape, strict=True)]
    return _unit(zoom(coarse, factors, order=order, mode="nearest", grid_mode=True))


def head(shape: tuple[int, ...], rng: np.random.Generator) -> Plane:
    """Return the signed distance, in crop sides, to the outline of a head; inside is positive.

    A large ellipse, so that a crop shows background, outline and inside in any proportion.
    """
    rows, columns = np.meshgrid(*(np.linspace(-0.5, 0.5, side) for side in shape), indexing="ij")
    radius, angle = rng.uniform(0.4, 1.4), rng.uniform(0, 2 * np.pi)
    away = radius + rng.uniform(-0.9, 0.3)
    stretch = rng.uniform(0.8, 1.25)
    distance = np.hypot(rows - away * np.sin(angle), (columns - away * np.cos(angle)) * stretch)
    field = RandomFieldDepth((2, 3))("", np.zeros(shape, np.float32), rng)
    inside: Plane = (radius - distance + 0.02 * field).astype(np.float32)
    return inside


def _anatomy(texture: Plane, inside: Plane, rng: np.random.Generator) -> Plane:
    """Return a synthetic MRI of a head: tissue, dark skull, bright scalp, empty background."""
    tissue = rng.uniform(0.0, 0.25) + rng.uniform(0.4, 0.8) * _stretch(texture)
    bone, scalp = rng.uniform(0.05, 0.12), rng.uniform(0.02, 0.06)
    image = np.where(inside > bone + scalp, tissue, rng.uniform(0, 0.08))
    image = np.where(inside < scalp, rng.uniform(0.5, 1.0), image)
    image = np.where(inside > 0, image, 0)
    return _unit(gaussian_filter(image, 0.5))


def tracer_pair(activity: Plane, texture: Plane, rng: np.random.Generator) -> Sources:
    """Return (PET or SPECT, MRI): coarse uptake, enlarged with its grid, and fine structure."""
    inside = head(activity.shape, rng)
    blobs = _stretch(gaussian_filter(activity, float(rng.uniform(1.5, 5))))
    lowest = float(rng.uniform(0, 0.4))
    uptake = np.clip((blobs - lowest) / (1 - lowest), 0, 1) ** float(rng.uniform(0.8, 1.6))
    uptake = float(rng.uniform(0.4, 1)) * uptake * gaussian_filter((inside > 0.03) * 1.0, 2)
    factor, order = int(rng.choice([2, 2, 4])), int(rng.choice([0, 1, 1, 3]))
    coarse = block_means(_unit(uptake), factor)
    noise = 1 + rng.normal(scale=rng.uniform(0, 0.08), size=coarse.shape)
    seen = _enlarge(coarse * noise, activity.shape, order)
    # The uptake between the voxels is unknown; a smooth one is the best guess.
    judged = _unit(gaussian_filter(seen, 0.45 * factor))
    anatomy = _anatomy(texture, inside, rng)
    return Sources(seen, anatomy, judged, anatomy)


def bone_pair(texture: Plane, rng: np.random.Generator) -> Sources:
    """Return (CT, MRI): saturated bone and nearly flat tissue, and fine structure."""
    inside = head(texture.shape, rng)
    start, width = rng.uniform(0.02, 0.06), rng.uniform(0.04, 0.15)
    bone = (inside > start) & (inside < start + width)
    tissue = rng.uniform(0, 0.45) + 0.06 * _stretch(gaussian_filter(texture, 1.5))
    image = np.where(inside > start + width, tissue, 0.0)
    image = np.where((inside > 0) & (inside <= start), rng.uniform(0, 0.3), image)
    image = gaussian_filter(np.where(bone, rng.uniform(0.8, 1.1), image), 0.6)
    return Sources.plain(_unit(image), _anatomy(texture, inside, rng))


def band(colour: np.ndarray, rng: np.random.Generator) -> Plane:
    """Return a spectral band of an RGB crop: a random mix of its channels and another gamma."""
    weights = rng.normal(size=3) + 0.5
    total = float(weights.sum())
    weights = weights / total if abs(total) > 0.4 else np.eye(3)[rng.integers(3)]
    mixed = _unit(colour @ weights.astype(np.float32))
    return _unit(mixed ** float(2 ** rng.uniform(-0.7, 0.5)) * rng.uniform(0.7, 1.1))


def spectral_pair(colour: np.ndarray, luminance: Plane, rng: np.random.Generator) -> Sources:
    """Return (NIR, visible): a band of an RGB crop and its luminance."""
    return Sources.plain(band(colour, rng), luminance)


def pansharpening_pair(colour: np.ndarray, luminance: Plane, rng: np.random.Generator) -> Sources:
    """Return (multispectral, PAN): a band at a quarter of the sampling, and the luminance."""
    seen = _enlarge(block_means(band(colour, rng), 4), luminance.shape, 3)
    return Sources.plain(seen, luminance)
