"""Shares on whole sets in tiles equal the network on whole planes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import gifnet
from gifnet.models.shares import sets
from gifnet.models.shares.network import SharesNet
from gifnet.models.weights import save_weights


@pytest.fixture(scope="module")
def network() -> SharesNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        module = SharesNet()
        for head in (*module.heads, module.base):
            torch.nn.init.normal_(head.out.weight, std=0.3)
    return module.eval()


def test_a_set_in_tiles_is_the_whole(network: SharesNet, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    planes = rng.random((3, 256, 320)).astype(np.float32)
    with torch.inference_mode():
        expected = network(torch.from_numpy(planes)[None])[0][0, 0].numpy()
    channels = np.stack((planes, 3 * planes + 1), axis=1)
    whole, depth = sets.fuse_set(network, planes, channels, lambda: None)
    np.testing.assert_allclose(whole[0], expected, atol=2e-6)
    np.testing.assert_allclose(whole[1], 3 * expected + 1, atol=1e-5)
    monkeypatch.setattr(sets, "_TILE_BYTES", 1)
    ticks: list[int] = []
    tiled, tiled_depth = sets.fuse_set(network, planes, channels, lambda: ticks.append(1))
    assert len(ticks) == 20
    np.testing.assert_allclose(tiled, whole, atol=1e-5)
    assert (tiled_depth == depth).mean() > 0.9999


def test_the_order_renumbers_the_depth(network: SharesNet) -> None:
    rng = np.random.default_rng(1)
    planes = rng.random((4, 70, 90)).astype(np.float32)
    one, depth = sets.fuse_set(network, planes, planes[:, None], lambda: None)
    order = np.array([2, 0, 3, 1])
    other, renumbered = sets.fuse_set(network, planes[order], planes[order][:, None], lambda: None)
    np.testing.assert_allclose(other, one, atol=1e-6)
    assert one.shape == (1, 70, 90)
    assert (order[renumbered] == depth).mean() > 0.9999


@pytest.mark.parametrize("count", [2, 3, 12])
def test_a_stack_is_fused_in_one_pass_in_its_own_type(
    network: SharesNet, tmp_path: Path, count: int
) -> None:
    path = tmp_path / "shares.safetensors"
    save_weights(network, path, {"model": "shares", "recipe": "none: random numbers"})
    rng = np.random.default_rng(3)
    images = [rng.integers(0, 256, (70, 90, 3)).astype(np.uint8) for _ in range(count)]
    fused, depth = gifnet.fuse_stack(images, weights=path, device="cpu", return_depth=True)
    again = gifnet.fuse_stack(images[::-1], weights=path, device="cpu")
    assert fused.dtype == np.uint8
    assert fused.shape == (70, 90, 3)
    assert depth.max() < count
    assert np.abs(fused.astype(int) - again).max() <= 1


def test_a_stack_with_missing_pixels(network: SharesNet, tmp_path: Path) -> None:
    path = tmp_path / "shares.safetensors"
    save_weights(network, path, {"model": "shares", "recipe": "none: random numbers"})
    images = np.random.default_rng(4).random((3, 70, 90)).astype(np.float32)
    images[0, :10] = np.nan
    images[:, -5:] = np.nan
    fused = gifnet.fuse_stack(images, weights=path, device="cpu")
    assert np.isfinite(fused[:-5]).all()
    assert np.isnan(fused[-5:]).all()
