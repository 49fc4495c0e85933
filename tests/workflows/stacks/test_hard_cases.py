"""Two known hard cases: a bright veil over a dark object, and a background that is never sharp."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from gifnet import fuse_stack
from tests.helpers.hard_stacks import HardStack, unsharp_background, veiled_stack

METHODS = ("network", "pyramid", "depth-map")


@pytest.fixture(scope="module")
def veiled() -> HardStack:
    return veiled_stack()


@pytest.fixture(scope="module")
def unsharp() -> HardStack:
    return unsharp_background()


def fine(image: np.ndarray) -> np.ndarray:
    """Return the fine detail of an image."""
    plane = image.astype(float)
    return plane - gaussian_filter(plane, 2)


@pytest.mark.parametrize("method", METHODS)
def test_a_bright_veil_leaves_no_halo(method: str, veiled: HardStack) -> None:
    """The veil adds 27 grey levels to the slice in which the dark texture is sharp."""
    ring = veiled.judged
    fused = fuse_stack(veiled.slices, method=method, device="cpu").astype(float)
    halo = (fused - veiled.truth)[ring]
    assert abs(halo.mean()) < 1
    # No slice alone is as near to the truth: 10.7 grey levels.
    assert np.abs(halo).mean() < 10.5
    highest = np.maximum(veiled.slices.max(axis=0), veiled.truth)
    assert (fused - highest)[ring].max() <= 3


def test_the_network_sees_dark_detail_through_the_veil_best(veiled: HardStack) -> None:
    errors, likeness = {}, {}
    for method in METHODS:
        fused = fuse_stack(veiled.slices, method=method, device="cpu")
        errors[method] = np.abs(fused - veiled.truth)[veiled.judged].mean()
        pair = fine(fused)[veiled.judged], fine(veiled.truth)[veiled.judged]
        likeness[method] = np.corrcoef(*pair)[0, 1]
    assert errors["network"] < 0.85 * errors["pyramid"] < errors["depth-map"]
    assert likeness["network"] > likeness["pyramid"] > likeness["depth-map"]


@pytest.mark.parametrize("method", METHODS)
def test_noise_is_not_amplified_where_nothing_is_sharp(method: str, unsharp: HardStack) -> None:
    away = unsharp.judged
    fused = fuse_stack(unsharp.slices, method=method, device="cpu")
    single = min(fine(one)[away].std() for one in unsharp.slices)
    limits = {"network": 0.75, "pyramid": 1.05, "depth-map": 1.15}
    assert fine(fused)[away].std() < limits[method] * single
    # The least blurred slice alone is 1.61 grey levels away from its truth without noise.
    assert np.abs(fused - unsharp.truth)[away].mean() < 1.65
