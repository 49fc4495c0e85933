"""Folders of small pairs to evaluate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile
from scipy.ndimage import gaussian_filter
from skimage.io import imsave

from tests.helpers.metrics_samples import four_bands, plane

SIDE = (48, 56)


def save(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    imsave(path, image, check_contrast=False)


def focus_triplet(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return near, far and all-in-focus planes."""
    sharp = plane(seed, *SIDE)
    blurred = np.round(gaussian_filter(sharp.astype(float), 2)).astype(np.uint8)
    left = np.arange(SIDE[1])[None] < SIDE[1] // 2
    return np.where(left, sharp, blurred), np.where(left, blurred, sharp), sharp


def write_focus(root: Path, count: int = 2) -> Path:
    """Write a set of multi-focus triplets."""
    for index in range(count):
        images = focus_triplet(index)
        for role, image in zip(("near", "far", "all_in_focus"), images, strict=True):
            save(root / role / f"scene{index}.png", image)
    return root


def write_medical(root: Path, count: int = 2) -> Path:
    """Write a set of coloured PET and grey MRI."""
    for index in range(count):
        colour = np.stack([plane(10 * index + c, *SIDE) // 2 + 40 for c in range(3)], axis=-1)
        save(root / "pet" / f"{index}.png", colour)
        save(root / "mri" / f"{index}.png", plane(index + 5, *SIDE))
    return root


def write_pansharpening(root: Path) -> Path:
    """Write one 16-bit pair with a reference, four bands as their last axis."""
    reference = np.round(four_bands(0) * 4).astype(np.uint16)
    ms = reference.reshape(4, 16, 4, 16, 4).mean(axis=(2, 4)).round().astype(np.uint16)
    pan = reference.mean(axis=0).round().astype(np.uint16)
    for role, image in (
        ("ms", np.moveaxis(ms, 0, -1)),
        ("pan", pan),
        ("reference", np.moveaxis(reference, 0, -1)),
    ):
        (root / role).mkdir(parents=True)
        tifffile.imwrite(root / role / "a.tif", image, photometric="minisblack")
    return root
