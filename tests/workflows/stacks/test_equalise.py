"""Equal brightness and white balance of the slices of a focus stack."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import gaussian_filter

from gifnet import fuse_stack
from gifnet.errors import GifnetWarning, InvalidInputError

METHOD: dict[str, Any] = {"method": "pyramid", "return_info": True}
GAINS = np.array([0.8, 0.93, 1.0, 1.12, 1.2])


def lit_stack(gains: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return RGB slices in other lights, sharp in a band of columns each, and the scene."""
    rng = np.random.default_rng(seed)
    scene = gaussian_filter(rng.random((96, 120, 3)), (1, 1, 0))
    scene = 90 + 60 * (scene - scene.mean()) / scene.std()
    slices = np.stack([gaussian_filter(scene, (3, 3, 0))] * 5)
    for index in range(5):
        columns = slice(24 * index, 24 * index + 24)
        slices[index, :, columns] = scene[:, columns]
    lit = slices * gains.reshape(5, 1, 1, -1)
    return lit.round().clip(0, 254).astype(np.uint8), scene.clip(0, 254)


def error(fused: np.ndarray, scene: np.ndarray) -> float:
    return float(np.abs(fused.astype(float) - scene)[8:-8, 8:-8].mean())


def test_brightness_is_that_of_the_reference() -> None:
    slices, scene = lit_stack(GAINS)
    plain, info = fuse_stack(slices, **METHOD)
    assert "gains" not in info.provenance["stack"]
    fused, info = fuse_stack(slices, equalise="brightness", **METHOD)
    assert fused.dtype == np.uint8
    gains = np.array(info.provenance["stack"]["gains"])
    assert_allclose(gains, np.repeat(1 / GAINS[:, None], 3, axis=1), rtol=0.01)
    assert error(fused, scene) < 0.35 * error(plain, scene)
    assert error(fused, scene) < 2.5


def test_white_balance_is_that_of_the_reference() -> None:
    tints = GAINS[:, None] ** np.array([1.0, -0.5, 0.3])
    slices, scene = lit_stack(tints)
    bright, coloured = (
        fuse_stack(slices, equalise=kind, **METHOD) for kind in ("brightness", "colour")
    )
    assert_allclose(coloured[1].provenance["stack"]["gains"], 1 / tints, rtol=0.01)
    assert error(coloured[0], scene) < 0.5 * error(bright[0], scene)
    assert error(coloured[0], scene) < 2.5


@pytest.mark.parametrize("method", ["network", "pyramid", "depth-map"])
def test_all_methods_see_equal_slices(method: str, random_weights: Any) -> None:
    slices, _ = lit_stack(np.ones(5))
    grey = slices[..., 0].astype(np.float32)
    how = {"method": method, "weights": random_weights, "device": "cpu", "value_range": (0, 255)}
    dim = grey * GAINS[:, None, None].astype(np.float32)
    wanted, found = fuse_stack(grey, **how), fuse_stack(dim, equalise="brightness", **how)
    assert np.abs(found - wanted).mean() < 1


def test_equal_slices_stay_and_missing_pixels_are_ignored() -> None:
    slices, _ = lit_stack(np.ones(5))
    plain = fuse_stack(slices, **METHOD)[0]
    fused = fuse_stack(slices, equalise="brightness", **METHOD)[0]
    assert np.abs(fused.astype(int) - plain).max() <= 3
    flat = np.full((3, 40, 40), 7, np.uint8)
    assert_array_equal(fuse_stack(flat, equalise="colour", **METHOD)[0], flat[0])
    black = np.zeros((3, 40, 40), np.uint8)
    assert_array_equal(fuse_stack(black, equalise="colour", **METHOD)[0], black[0])
    grey = slices[..., 0] * GAINS[:, None, None].astype(np.float32)
    grey[:, :32] = np.nan
    gains = fuse_stack(grey, equalise="brightness", **METHOD)[1].provenance["stack"]["gains"]
    assert_allclose(np.ravel(gains), 1 / GAINS, rtol=0.02)


def test_brackets_are_noticed() -> None:
    slices, _ = lit_stack(np.array([0.1, 0.3, 1.0, 1.1, 1.2]))
    with pytest.warns(GifnetWarning, match="by a factor of up to 3.*as exposures do"):
        fuse_stack(slices, equalise="brightness", **METHOD)
    with pytest.raises(InvalidInputError, match="equalise is 'yes'; choose one of none, bright"):
        fuse_stack(slices, equalise="yes", **METHOD)
