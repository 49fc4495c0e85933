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
