"""Planes to measure."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter


def plane(seed: int, height: int = 40, width: int = 33, smooth: float = 1.0) -> np.ndarray:
    """Return a smooth random 8-bit plane that fills its range."""
    field = gaussian_filter(np.random.default_rng(seed).standard_normal((height, width)), smooth)
    return np.round(255 * (field - field.min()) / np.ptp(field)).astype(np.uint8)


def similar(seed: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a plane and a blurred, darker, noisy version of it."""
    a = plane(seed, height, width, smooth=2.0)
    noise = np.random.default_rng(seed).normal(scale=8, size=a.shape)
    b = np.clip(0.8 * gaussian_filter(a.astype(float), 1) + noise, 0, 255)
    return a, np.round(b).astype(np.uint8)


def triple(seed: int = 0, height: int = 40, width: int = 33) -> tuple[np.ndarray, ...]:
    """Return two sources and a fused plane that is near both."""
    a, b = plane(seed, height, width, 1.5), plane(seed + 50, height, width, 0.8)
    noise = np.random.default_rng(seed).normal(scale=4, size=a.shape)
    mixed = np.maximum(a, b) * 0.6 + 0.4 * np.minimum(a, b) + noise
    return a, b, np.round(np.clip(mixed, 0, 255)).astype(np.uint8)


def four_bands(seed: int, side: int = 64) -> np.ndarray:
    """Return (4, side, side) bands that resemble one another."""
    common = plane(seed, side, side, 2.0).astype(float)
    own = np.stack([plane(seed + band, side, side, 1.5) for band in range(1, 5)])
    return 40 + 0.6 * common + 0.2 * own
