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
