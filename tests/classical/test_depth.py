"""Depth from focus: between slices, with steps kept, and missing where nothing is sharp."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from gifnet import fuse_stack
from gifnet.classical import Layers, measure_depth
from gifnet.errors import Cancelled, InvalidInputError

SHAPE = (96, 128)


def defocused(depth: np.ndarray, count: int, seed: int = 0, noise: float = 1.0) -> np.ndarray:
    """Return (N, H, W) slices in [0, 1] of a random texture whose blur grows off its depth."""
    rng = np.random.default_rng(seed)
    scene = gaussian_filter(rng.normal(0, 1, SHAPE), 0.8)
    scene = 128 + 40 * scene / scene.std()
    blurs = np.linspace(0, 6, 25)
    levels = np.stack([gaussian_filter(scene, sigma) for sigma in blurs])
    slices = []
    for number in range(count):
        wanted = np.interp(np.abs(depth - number) * 0.8, blurs, np.arange(len(blurs)))
        low = np.floor(wanted).astype(int).clip(0, len(blurs) - 2)
        part = wanted - low
        seen = np.take_along_axis(levels, low[None], 0)[0] * (1 - part)
        seen += np.take_along_axis(levels, low[None] + 1, 0)[0] * part
        slices.append((seen + rng.normal(0, noise, SHAPE)).round().clip(0, 255))
    return (np.stack(slices) / 255).astype(np.float32)


def test_a_slope_is_measured_between_the_slices() -> None:
    depth = np.broadcast_to(np.linspace(0.5, 6.5, SHAPE[1]), SHAPE)
    found = measure_depth(Layers(defocused(depth, 8)))
    error = np.abs(found.position - depth)
    assert np.isfinite(found.position).mean() > 0.99
    assert np.nanmean(error) < 0.12  # whole slices are 0.25 away on average
    assert found.confidence.min() >= 0
    assert found.confidence.max() < 1
    reversed_ = measure_depth(Layers(defocused(depth, 8)[::-1]))
    np.testing.assert_allclose(7 - reversed_.position, found.position, atol=1e-4)


def test_steps_stay_sharp_and_smoothing_helps() -> None:
    step = np.where(np.arange(SHAPE[1]) < 64, 1.3, 5.6) * np.ones(SHAPE)
    layers = Layers(defocused(step, 8, noise=25))
    raw, smooth = (measure_depth(layers, smooth=wanted).position for wanted in (False, True))
    away = np.ones(SHAPE, bool)
    away[:, 56:72] = False
    errors = [np.nanmean(np.abs(one - step)[away]) for one in (raw, smooth)]
    assert errors[1] < 0.9 * errors[0] < 0.3
    between = (smooth > 2) & (smooth < 5)
    assert between.mean() < 0.05


def test_what_is_never_sharp_is_missing() -> None:
    depth = np.full(SHAPE, 2.2)
    slices = defocused(depth, 5)
    rng = np.random.default_rng(1)
    flat = 0.3 + rng.normal(0, 1 / 255, (5, 96, 64)).astype(np.float32)
    slices[..., 64:] = (flat * 255).round() / 255
    found = measure_depth(Layers(slices))
    assert np.isfinite(found.position[:, :56]).mean() > 0.99
    assert np.isnan(found.position[:, 80:]).mean() > 0.99
    assert (found.confidence[np.isnan(found.position)] == 0).all()
    with pytest.raises(Cancelled):
        fuse_stack(slices, method="pyramid", return_depth=True, progress=lambda done, n: False)


def test_missing_slices_are_left_out() -> None:
    depth = np.full(SHAPE, 2.0)
    slices, valid = defocused(depth, 5), np.ones((5, *SHAPE), bool)
    valid[2, :40] = False
    found = measure_depth(Layers(slices, valid=valid)).position
    assert np.nanmedian(found[60:]) == pytest.approx(2, abs=0.1)
    assert np.isin(np.round(found[:24]), (1, 3)).mean() > 0.95


def test_depth_in_physical_units() -> None:
    slices = defocused(np.broadcast_to(np.linspace(0.5, 3.5, SHAPE[1]), SHAPE), 5)
    how = {"method": "pyramid", "return_depth": True, "return_info": True}
    _, plain, info = fuse_stack(slices, **how)
    assert plain.dtype == np.float32
    assert info.confidence.shape == SHAPE
    _, spaced, _ = fuse_stack(slices, spacing=0.5, **how)
    np.testing.assert_allclose(spaced, plain * 0.5, rtol=1e-6)
    _, placed, info = fuse_stack(slices, spacing=[10, 9, 7, 4, 0], **how)
    whole = np.interp(plain, range(5), [10, 9, 7, 4, 0])
    np.testing.assert_allclose(placed, whole, rtol=1e-5)
    assert info.provenance["stack"]["spacing"] == (10, 9, 7, 4, 0)
    with pytest.raises(InvalidInputError, match="spacing has 3 positions, but the stack has 5"):
        fuse_stack(slices, spacing=[1, 2, 3], **how)
    for wrong in (0, -1, np.nan, "half", [1, 1, 2, 3, 4], [0, 2, 1, 3, 4]):
        with pytest.raises(InvalidInputError, match=r"spacing is .*; give the distance"):
            fuse_stack(slices, spacing=wrong, **how)
