"""Two stacks on which focus stacking is known to fail."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.ndimage import binary_dilation, gaussian_filter

SHAPE = (160, 160)
NOISE = 2.0


class HardStack(NamedTuple):
    """Slices of 8 bits, what should come out, and the pixels that are judged."""

    slices: np.ndarray
    truth: np.ndarray
    judged: np.ndarray


def texture(seed: int, mean: float, spread: float, size: float) -> np.ndarray:
    """Return a random texture of grain `size`."""
    plane = gaussian_filter(np.random.default_rng(seed).normal(0, 1, SHAPE), size)
    return mean + spread * plane / plane.std()


def as_bytes(slices: list[np.ndarray], seed: int) -> np.ndarray:
    """Return slices with noise, in 8 bits."""
    rng = np.random.default_rng(seed)
    noisy = np.stack(slices) + rng.normal(0, NOISE, (len(slices), *SHAPE))
    return noisy.round().clip(0, 255).astype(np.uint8)


def veiled_stack(count: int = 6) -> HardStack:
    """Return a bright disk in front of a dark texture; where one is sharp, the other is blurred.

    The blurred disk is a bright veil over the sharp dark texture. The judged pixels are those
    around the disk that the veil reaches.
    """
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    disk = (np.hypot(rows - 80, columns - 80) < 36).astype(float)
    front, back = texture(1, 205, 10, 1), texture(2, 45, 14, 1)
    slices = []
    for index in range(count):
        near, far = 7 * index / (count - 1), 7 * (1 - index / (count - 1))
        cover = gaussian_filter(disk, near) if near else disk
        light = gaussian_filter(disk * front, near) if near else disk * front
        slices.append(light + (1 - cover) * (gaussian_filter(back, far) if far else back))
    ring = binary_dilation(disk > 0, iterations=12) & ~binary_dilation(disk > 0, iterations=2)
    return HardStack(as_bytes(slices, 3), disk * front + (1 - disk) * back, ring)


def unsharp_background(count: int = 6) -> HardStack:
    """Return a sharp object before a background that is sharp in no slice, and noise.

    The judged pixels are those of the background. Its blur grows from 6 to 10 pixels.
    """
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    disk = (np.hypot(rows - 80, columns - 80) < 30).astype(float)
    back, front = texture(4, 120, 45, 2), texture(5, 120, 30, 1)
    slices = []
    for index in range(count):
        far = gaussian_filter(back, 6 + 4 * index / (count - 1))
        near = abs(index - 2)
        cover = gaussian_filter(disk, near) if near else disk
        light = gaussian_filter(disk * front, near) if near else disk * front
        slices.append(light + (1 - cover) * far)
    away = np.hypot(rows - 80, columns - 80) > 46
    sharpest = disk * front + (1 - disk) * gaussian_filter(back, 6)
    return HardStack(as_bytes(slices, 6), sharpest, away)
