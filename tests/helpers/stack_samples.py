"""Stacks for tests."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter


def moved_stack(seed: int = 0) -> np.ndarray:
    """Return slices of a scene that moves by (1, -2) pixels per slice."""
    rng = np.random.default_rng(seed)
    scene = (gaussian_filter(rng.random((80, 90)), 1.5) * 2000 - 900).clip(0, 255)
    slices = [scene[5 + k : 69 + k, 8 - 2 * k : 72 - 2 * k] for k in range(4)]
    return np.stack(slices).astype(np.uint8)


def banded_stack(seed: int = 0) -> np.ndarray:
    """Return three slices of 16 bits, each sharp in a band of rows of its own."""
    scene = np.random.default_rng(seed).uniform(0, 4000, (48, 60))
    slices = np.stack([gaussian_filter(scene, 3)] * 3)
    for index in range(3):
        rows = slice(16 * index, 16 * index + 16)
        slices[index, rows] = scene[rows]
    return slices.astype(np.uint16)


def make_slices(count: int = 3, side: int = 48) -> list[np.ndarray]:
    """Return slices of 16 bits, each sharp in a band of rows of its own."""
    scene = np.random.default_rng(0).uniform(0, 4000, (side, side))
    slices = []
    for index in range(count):
        blurred = gaussian_filter(scene, 3)
        rows = slice(index * side // count, (index + 1) * side // count)
        blurred[rows] = scene[rows]
        slices.append(blurred.astype(np.uint16))
    return slices


def make_shifted(count: int = 3, side: int = 64) -> list[np.ndarray]:
    """Return slices that are shifted against each other by whole pixels."""
    wide = make_slices(count, side + 12)
    return [
        one[4 + 2 * index : 4 + 2 * index + side, 6 - index : 6 - index + side]
        for index, one in enumerate(wide)
    ]
