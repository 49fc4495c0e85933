"""Files with places in the world, for the tests of everything that puts them on one grid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from gifnet.io import Image, write_image


def scene(side: int, seed: int = 0, low: float = 0, high: float = 255) -> np.ndarray:
    """Return a smooth plane of blobs, of any number of pixels a side."""
    rng = np.random.default_rng(seed)
    centres, widths = rng.random((9, 2)), 0.05 + 0.1 * rng.random(9)
    y, x = np.meshgrid(*[(np.arange(side) + 0.5) / side] * 2, indexing="ij")
    blobs = [
        np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / width**2)
        for (cy, cx), width in zip(centres, widths, strict=True)
    ]
    plane = np.sum(blobs, axis=0)
    return low + plane / plane.max() * (high - low)


def write_pet(path: Path, **place: Any) -> Path:
    """Write 64 pixels of 2 mm, of floats, with a common corner with `write_mri`."""
    placed = {"scale": (2, 2), "units": ("mm", "mm"), "translate": (0.5, 0.5), **place}
    write_image(path, Image(scene(64, 1, 0, 9).astype(np.float32), "YX", **placed))
    return path


def write_mri(path: Path, **place: Any) -> Path:
    """Write 128 pixels of 1 mm, of 16 bits."""
    placed = {"scale": (1, 1), "units": ("mm", "mm"), **place}
    write_image(path, Image(scene(128, 2, 0, 3000).astype(np.int16), "YX", **placed))
    return path


def write_volume(path: Path, side: int, mm: float, dtype: str, seed: int) -> Path:
    """Write a cube of 32 mm whose corner is that of all such cubes."""
    planes = np.stack([scene(side, seed + z, 0, 200) for z in range(side)]).astype(dtype)
    corner = (mm / 2 - 16,) * 3
    write_image(path, Image(planes, "ZYX", (mm,) * 3, ("mm",) * 3, corner))
    return path


def write_ground(
    path: Path,
    data: np.ndarray,
    pixel: float,
    east: float = 0,
    zone: int = 33,
    corner: tuple[float, float] = (500_000.0, 5_000_000.0),
    **options: Any,
) -> Path:
    """Write a GeoTIFF whose corner is `east` metres from a point in a UTM zone."""
    keys = (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32600 + zone)
    tags = [
        (33550, "d", 3, (pixel, pixel, 0.0), True),
        (33922, "d", 6, (0.0, 0.0, 0.0, corner[0] + east, corner[1], 0.0), True),
        (34735, "H", len(keys), keys, True),
    ]
    tifffile.imwrite(path, data, extratags=tags, metadata=None, **options)
    return path
