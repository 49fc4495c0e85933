"""Small training images and a tiny recipe, for the tests of training."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter
from skimage.io import imsave

from gifnet.training.gifnet.config import AlternatingConfig, InferenceConfig

SIDE = 64
#: What a run of seconds takes.
SHORT: dict[str, Any] = {
    "model": "gifnet", "steps": 2, "batch_size": 2, "crop": 32, "schedule": "cosine",
    "clip_norm": 1.0, "ema": 0.9, "fidelity_l1": 1.0, "fidelity_ssim": 0.5, "hold_out": 1,
    "validate_every": 2, "checkpoint_every": 1, "device": "cpu",
}  # fmt: skip
TINY = AlternatingConfig(**SHORT)


def texture(seed: int, height: int = SIDE, width: int = SIDE) -> np.ndarray:
    """Return a smooth random float32 picture that fills [0, 1]."""
    field = gaussian_filter(np.random.default_rng(seed).standard_normal((height, width)), 1.5)
    return ((field - field.min()) / (field.max() - field.min())).astype(np.float32)


def to_bytes(plane: np.ndarray) -> np.ndarray:
    return np.round(plane * 255).astype(np.uint8)


def save(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    imsave(path, image, check_contrast=False)


def write_data(root: Path) -> Path:
    """Write a data folder: three multi-modal pairs and three multi-focus triplets."""
    for index in range(3):
        name = f"scene{index}"
        save(root / "pairs/infrared" / f"{name}.png", to_bytes(texture(index)))
        colour = np.stack([to_bytes(texture(10 * index + c)) for c in range(3)], axis=-1)
        save(root / "pairs/visible" / f"{name}.png", colour)
        sharp = texture(50 + index)
        blurred = gaussian_filter(sharp, 2)
        left = np.arange(SIDE)[None] < SIDE // 2
        save(root / "focus/near" / f"{name}.png", to_bytes(np.where(left, sharp, blurred)))
        save(root / "focus/far" / f"{name}.png", to_bytes(np.where(left, blurred, sharp)))
        save(root / "focus/all_in_focus" / f"{name}.png", to_bytes(sharp))
    return root


def varied(**changes: Any) -> AlternatingConfig:
    return dataclasses.replace(TINY, **changes)


def inference(**changes: Any) -> InferenceConfig:
    return InferenceConfig(**SHORT | changes)


def write_own_sets(root: Path) -> Path:
    """Write sets of other roles to a data folder: pairs, a set of three, and a stack of four."""
    for index in range(2):
        for seed, role in enumerate(("ct", "mri")):
            plane = to_bytes(texture(100 + 10 * seed + index))
            save(root / "medical" / role / f"{index}.png", plane)
        for seed, role in enumerate(("low", "middle", "high")):
            plane = to_bytes(texture(200 + 10 * seed + index))
            save(root / "energies" / role / f"{index}.png", plane)
    for index in range(4):
        save(root / "stacks/fly" / f"{index}.png", to_bytes(texture(300 + index)))
    return root
