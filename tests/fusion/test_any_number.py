"""Any number of images, in any order, by a model that is made for it."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import torch

import gifnet
from gifnet.engine.tile_io import Arrays
from gifnet.errors import InvalidInputError
from gifnet.fusion import Fuser
from gifnet.fusion.request import ordinal
from gifnet.imaging.colour import chroma, luminance
from gifnet.models.shares.network import SharesNet
from gifnet.workflows.stacks.fuser import StackFuser
from tests.helpers.shares_samples import deciding_network

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def network() -> SharesNet:
    """The network of `weights_of_shares`."""
    return deciding_network(2, 0.3)


@pytest.fixture(scope="module")
def weights(weights_of_shares: Path) -> Path:
    return weights_of_shares


@pytest.fixture(scope="module")
def fuser(weights: Path) -> Fuser:
    return Fuser(weights=weights, device="cpu", value_range=(0, 1), channel_axis=None)


def planes(count: int, shape: tuple[int, ...] = (90, 110)) -> list[np.ndarray]:
    return [RNG.random(shape, np.float32) for _ in range(count)]


@pytest.mark.parametrize("count", [2, 3, 12])
def test_the_result_is_the_network_s(network: SharesNet, fuser: Fuser, count: int) -> None:
    images = planes(count, (128, 192))
    with torch.inference_mode():
        expected = network(torch.from_numpy(np.stack(images))[None])[0][0, 0].numpy()
    fused, shares = fuser.fuse(*images, return_shares=True)
    np.testing.assert_allclose(fused, expected.clip(0, 1), atol=2e-6)
    assert shares.shape == (count, 128, 192)
    np.testing.assert_allclose(shares.sum(axis=0), 1, atol=1e-5)
    mask = fuser.fuse(*images, return_mask=True)[1]
    np.testing.assert_array_equal(mask, shares[0])


def test_the_order_changes_nothing(fuser: Fuser) -> None:
    images = planes(3)
    expected, shares = fuser.fuse(*images, return_shares=True)
    for order in permutations(range(3)):
        found, renumbered = fuser.fuse(*(images[i] for i in order), return_shares=True)
        np.testing.assert_allclose(found, expected, atol=1e-6)
        np.testing.assert_allclose(renumbered, shares[list(order)], atol=1e-6)


@pytest.mark.parametrize("colour", [False, True])
def test_tiles_and_dask_give_the_whole(fuser: Fuser, colour: bool) -> None:
    images = planes(3, (140, 170, 3) if colour else (140, 170))
    whole = fuser.with_options(channel_axis=-1 if colour else None)
    expected, shares = whole.fuse(*images, return_shares=True)
    tiled = whole.with_options(tile=64)
    found, found_shares = tiled.fuse(*images, return_shares=True)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(found_shares, shares, atol=1e-5)
    chunks = (50, 60, 3)[: images[0].ndim]
    lazy = da.from_array(images[0], chunks=chunks)
    for each in (whole, tiled):
        one, others = each.fuse(lazy, *images[1:], return_shares=True)
        np.testing.assert_allclose(one.compute(), expected, atol=1e-5)
        np.testing.assert_allclose(others.compute(), shares, atol=1e-5)


def test_leading_axes_broadcast(fuser: Fuser) -> None:
    stack, plane = RNG.random((2, 70, 80), np.float32), planes(1, (70, 80))[0]
    fused, shares = fuser.fuse(stack, plane, stack[::-1], return_shares=True)
    assert fused.shape == stack.shape
    assert shares.shape == (3, 2, 70, 80)
    np.testing.assert_allclose(fused[1], fuser.fuse(stack[1], plane, stack[0]), atol=1e-6)
    lazy = fuser.fuse(da.from_array(stack), plane, stack[::-1], return_shares=True)
    np.testing.assert_allclose(lazy[1].compute(), shares, atol=1e-6)


def test_colour_follows_the_shares(network: SharesNet, fuser: Fuser) -> None:
    """Deciding on luminance and applying to red, green and blue gives the same."""
    images = [0.3 + 0.4 * image for image in planes(2, (128, 128, 3))]
    grey = torch.from_numpy(np.stack([luminance(image) for image in images]))
    fused = fuser.with_options(channel_axis=-1, overshoot=None).fuse(*images)
    channels = np.stack([np.moveaxis(image, -1, 0) for image in images], axis=1)
    reader = Arrays(np.concatenate((grey.numpy()[None], channels)))
    fuser.run_planes(reader, 2, (128, 128))
    inside = np.all((reader.image[1:] > 0) & (reader.image[1:] < 1), axis=0)
    assert inside.mean() > 0.5
    np.testing.assert_allclose(
        fused[inside], np.moveaxis(reader.image[1:], 0, -1)[inside], atol=1e-5
    )


def test_a_grey_source_leaves_the_colour_to_the_others(fuser: Fuser) -> None:
    grey, coloured = planes(1)[0], 0.3 + 0.4 * planes(1, (90, 110, 3))[0]
    fused = fuser.with_options(channel_axis=-1).fuse(grey, coloured)
    assert fused.shape == coloured.shape
    inside = np.all((fused > 0.001) & (fused < 0.999), axis=-1)
    np.testing.assert_allclose(chroma(fused)[inside], chroma(coloured)[inside], atol=1e-4)
    two = fuser.with_options(channel_axis=-1).fuse(grey, coloured, coloured[::-1])
    assert two.shape == coloured.shape


def test_missing_pixels_come_from_the_others(fuser: Fuser) -> None:
    images = planes(3)
    images[0][:30], images[1][:30] = np.nan, np.nan
    for image in images:
        image[-20:] = np.nan
    fused, shares = fuser.fuse(*images, return_shares=True)
    assert np.isnan(fused[-20:]).all()
    assert np.isfinite(fused[:-20]).all()
    np.testing.assert_allclose(shares[2, :30], 1)


def test_one_image_is_enhanced(fuser: Fuser, network: SharesNet) -> None:
    image = planes(1, (128, 128))[0]
    with torch.inference_mode():
        expected = network(torch.from_numpy(image)[None, None])[0][0, 0].numpy()
    found = fuser.with_options(overshoot=None).enhance(image)
    np.testing.assert_allclose(found, expected.clip(0, 1), atol=2e-6)
    assert fuser.enhance(image).max() <= 1


def test_one_image_given_twice(fuser: Fuser) -> None:
    image = planes(1)[0]
    twice = fuser.fuse(image, image)
    np.testing.assert_allclose(twice, fuser.fuse(image, image.copy()), atol=1e-6)


@pytest.mark.parametrize("count", [2, 3, 12])
def test_a_stack_is_fused_in_its_own_type(weights: Path, count: int) -> None:
    images = [RNG.integers(0, 256, (70, 90, 3)).astype(np.uint8) for _ in range(count)]
    fuser = StackFuser(Fuser(weights=weights, device="cpu"))
    found, order = fuser.fuse(images), RNG.permutation(count)
    again = fuser.fuse([images[i] for i in order])
    assert found.image.dtype == np.uint8
    assert found.image.shape == (70, 90, 3)
    assert np.abs(found.image.astype(int) - again.image).max() <= 1
    assert (order[again.sharpest] == found.sharpest).mean() > 0.999


def test_a_stack_with_missing_pixels(weights: Path) -> None:
    images = np.random.default_rng(4).random((3, 70, 90)).astype(np.float32)
    images[0, :10] = np.nan
    images[:, -5:] = np.nan
    fused = gifnet.fuse_stack(images, weights=weights, device="cpu")
    assert np.isfinite(fused[:-5]).all()
    assert np.isnan(fused[-5:]).all()


def test_a_model_of_two_images_refuses_three(random_weights: Path) -> None:
    fuser = Fuser(weights=random_weights, device="cpu")
    with pytest.raises(InvalidInputError, match=r"'gifnet' fuses two images, not 3.*'shares'"):
        fuser.fuse(*planes(3))


def test_errors_name_the_image(fuser: Fuser) -> None:
    first, second = planes(2)
    with pytest.raises(InvalidInputError, match="third 50 x 60"):
        fuser.fuse(first, second, planes(1, (50, 60))[0])
    with pytest.raises(InvalidInputError, match="1 image"):
        fuser.run(first)
    with pytest.raises(InvalidInputError, match="include"):
        fuser.fuse(first, second, return_mask=True, return_shares=True)
    with pytest.raises(InvalidInputError, match="3 of these"):
        fuser.with_options(value_range=((0, 1), (0, 2))).fuse(first, second, first)
    assert (ordinal(2), ordinal(11)) == ("third", "12th")


def test_a_range_for_every_source(fuser: Fuser) -> None:
    images = planes(3)
    scaled = [images[0], 10 * images[1], images[2] - 5]
    found = fuser.with_options(value_range=((0, 1), (0, 10), (-5, -4))).fuse(*scaled)
    np.testing.assert_allclose(found, fuser.fuse(*images), atol=1e-5)


def test_balance_multiplies_shares(fuser: Fuser) -> None:
    images = planes(3)
    fused, shares = fuser.fuse(*images, return_shares=True)
    same = fuser.with_options(balance=(2, 2, 2)).fuse(*images)
    np.testing.assert_allclose(same, fused, atol=1e-5)
    more = fuser.with_options(balance=(3, 1, 1)).fuse(*images, return_shares=True)[1]
    assert more[0].mean() > shares[0].mean() + 0.1
    np.testing.assert_allclose(more.sum(axis=0), 1, atol=1e-5)
    none = fuser.with_options(balance=(1, 0, 1))
    whole, without = none.fuse(*images, return_shares=True)
    assert without[1].max() < 1e-6
    np.testing.assert_allclose(none.with_options(tile=64).fuse(*images), whole, atol=1e-5)


def test_a_balance_that_does_not_fit_is_refused(fuser: Fuser, random_weights: Path) -> None:
    images = planes(2)
    with pytest.raises(InvalidInputError, match="3 numbers for 2 image"):
        fuser.with_options(balance=(1, 1, 1)).fuse(*images)
    with pytest.raises(InvalidInputError, match="'gifnet' takes no balance"):
        Fuser(weights=random_weights, device="cpu", balance=(1, 2)).fuse(*images)
    for wrong in ((), (0, 0), (1, -1), 3, "ab"):
        with pytest.raises(InvalidInputError, match="balance is"):
            fuser.with_options(balance=wrong)
