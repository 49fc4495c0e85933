"""Shares: any number of images, in any order, and its pyramid against a plain one."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import torch
from scipy.ndimage import convolve

from gifnet.models.shares.network import MULTIPLE, SharesNet
from gifnet.models.shares.pyramid import BlockPyramid
from tests.helpers.shares_samples import deciding_network


@pytest.fixture(scope="module")
def network() -> SharesNet:
    """A network that decides something, unlike an untrained one."""
    return deciding_network(0, 0.2)


def images(count: int, height: int = 128, width: int = 192, seed: int = 0) -> torch.Tensor:
    return torch.rand(1, count, height, width, generator=torch.Generator().manual_seed(seed))


@torch.inference_mode()
def test_order_does_not_matter(network: SharesNet) -> None:
    planes = images(3)
    fused, shares = network(planes)
    for order in permutations(range(3)):
        again, permuted = network(planes[:, list(order)])
        torch.testing.assert_close(again, fused, atol=1e-6, rtol=0)
        for band, other in zip(shares, permuted, strict=True):
            torch.testing.assert_close(other, band[:, list(order)], atol=1e-5, rtol=0)


@pytest.mark.parametrize("count", [1, 2, 3, 12])
@torch.inference_mode()
def test_any_number_of_images(network: SharesNet, count: int) -> None:
    planes = images(count)
    fused, shares = network(planes)
    assert fused.shape == (1, 1, 128, 192)
    assert len(shares) == 5
    for band in shares:
        assert band.shape[1] == count
        torch.testing.assert_close(band.sum(dim=1), torch.ones_like(band[:, 0]))


@torch.inference_mode()
def test_shares_are_applied_to_the_images_themselves(network: SharesNet) -> None:
    """Where all images agree the result is that image, except for the gains of its details."""
    flat = torch.full((1, 4, 64, 64), 0.3)
    fused, _ = network(flat)
    torch.testing.assert_close(fused, flat[:, :1], atol=1e-6, rtol=0)
    one = images(1)
    alone, _ = network(one)
    twice, _ = network(one.repeat(1, 2, 1, 1))
    torch.testing.assert_close(twice, alone, atol=1e-5, rtol=0)


@torch.inference_mode()
def test_a_tile_with_its_margin_is_the_whole_planes_own(network: SharesNet) -> None:
    planes = images(2, 512, 512)
    whole, _ = network(planes)
    flat = planes.flatten(0, 1)[:, None]
    reduced = network.reduce(flat)
    coarse = network.decide(reduced, 2)
    at, core = slice(128, 384), slice(48, -48)
    tile = flat[..., at, at]
    details = network.details(tile)
    bands = network.refine(tile, details, coarse.features[..., 8:24, 8:24], 2)
    plane = network.compose_coarse(reduced.planes, coarse)[..., 16:48, 16:48]
    fused = network.compose(plane, details, bands)
    torch.testing.assert_close(
        fused[..., core, core], whole[..., at, at][..., core, core], atol=2e-6, rtol=0
    )


@torch.inference_mode()
def test_decisions_apply_to_other_channels(network: SharesNet) -> None:
    """Channels that are the planes themselves come out as the fused plane does."""
    planes = images(3)
    flat = planes.flatten(0, 1)[:, None]
    coarse = network.decide(network.reduce(flat), 3)
    bands = network.refine(flat, network.details(flat), coarse.features, 3)
    twice = 2 * flat + 1
    plane = network.compose_coarse(network.reduce(twice).planes, coarse)
    found = network.compose(plane, network.details(twice), bands)
    fused, _ = network(planes)
    torch.testing.assert_close(found, 2 * fused + 1, atol=1e-5, rtol=0)


def test_the_pyramid_is_burt_and_adelsons() -> None:
    rng = np.random.default_rng(0)
    plane = rng.random((32, 48))
    taps = np.array([1, 4, 6, 4, 1]) / 16
    kernel = np.outer(taps, taps)
    wanted = convolve(plane, kernel, mode="nearest")[::2, ::2]
    pyramid = BlockPyramid().double()
    x = torch.from_numpy(plane)[None, None]
    _, detail, reduced = pyramid.split(x)
    inner = (slice(1, -1), slice(1, -1))
    np.testing.assert_allclose(reduced[0, 0].numpy()[inner], wanted[inner], atol=1e-12)
    spread = np.zeros_like(plane)
    spread[::2, ::2] = reduced[0, 0].numpy()
    predicted = convolve(spread, 4 * kernel, mode="constant")
    found = torch.nn.functional.pixel_shuffle(pyramid.expand(reduced), 2)[0, 0].numpy()
    inner = (slice(3, -3), slice(3, -3))
    np.testing.assert_allclose(found[inner], predicted[inner], atol=1e-12)
    torch.testing.assert_close(pyramid.join(reduced, detail), x)


def test_sides_are_multiples_of_the_deepest_reduction(network: SharesNet) -> None:
    assert MULTIPLE == 64
    fused, _ = network(images(2, MULTIPLE, MULTIPLE))
    assert fused.shape[-2:] == (MULTIPLE, MULTIPLE)
