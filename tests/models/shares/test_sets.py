"""Shares on whole sets in tiles equal the network on whole planes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gifnet.models.shares import sets
from gifnet.models.shares.network import SharesNet


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
