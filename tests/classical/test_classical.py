"""Classical fusion of any number of images."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import correlate1d, gaussian_filter

from gifnet.classical import CLASSICAL_METHODS, Layers
from gifnet.classical.guided import guided_filter
from gifnet.classical.pyramid import collapse, expand, laplacian_pyramid, levels_of, reduce
from gifnet.options import STACK_METHODS

FOCUS = ("pyramid", "depth-map")


def test_the_option_offers_all_methods() -> None:
    assert ("network", *CLASSICAL_METHODS) == STACK_METHODS


def blurred(plane: np.ndarray, gain: float = 1.0) -> np.ndarray:
    for axis in (0, 1):
        plane = correlate1d(plane, gain * np.array([1, 4, 6, 4, 1]) / 16, axis, mode="mirror")
    return plane


@pytest.mark.parametrize("shape", [(32, 40), (33, 41), (7, 9), (31, 64), (5, 6), (1, 1), (2, 9)])
def test_the_pyramid_is_that_of_burt_and_adelson(shape: tuple[int, int]) -> None:
    plane = np.random.default_rng(0).random(shape)
    if min(shape) > 2:
        np.testing.assert_allclose(reduce(plane), blurred(plane)[::2, ::2])
        grid = np.zeros(shape)
        grid[::2, ::2] = reduce(plane)
        np.testing.assert_allclose(expand(reduce(plane), shape), blurred(grid, 2))
    np.testing.assert_allclose(collapse(laplacian_pyramid(plane, levels_of(shape, 9))), plane)


def focus_stack(count: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a sharp plane, slices in [0, 1] that are sharp at one depth each, and the depth."""
    rng = np.random.default_rng(1)
    sharp = gaussian_filter(rng.random((96, 120)), 0.7) + 0.4 * gaussian_filter(
        rng.random((96, 120)), 4
    )
    sharp = ((sharp - sharp.min()) / np.ptp(sharp)).astype(np.float32)
    depth = np.broadcast_to(np.linspace(0, count - 1, 120), sharp.shape)
    levels = np.stack([sharp, *(gaussian_filter(sharp, s) for s in range(1, count))])
    slices = []
    for number in range(count):
        at = np.abs(depth - number).round().astype(int)
        slices.append(np.take_along_axis(levels, at[None], axis=0)[0])
    noise = rng.normal(0, 1 / 255, (count, *sharp.shape))
    return sharp, (np.stack(slices) + noise).astype(np.float32), depth


@pytest.mark.parametrize("name", FOCUS)
def test_a_focus_stack_becomes_sharp(name: str) -> None:
    sharp, slices, depth = focus_stack()
    found = CLASSICAL_METHODS[name].fuse(Layers(slices))
    error = np.sqrt(np.square(found.channels[0] - sharp).mean())
    best_slice = np.sqrt(np.square(slices - sharp).mean(axis=(1, 2))).min()
    assert error < 0.25 * best_slice
    assert np.abs(found.main - depth).mean() < 0.6


@pytest.mark.parametrize("name", CLASSICAL_METHODS)
def test_the_order_renumbers(name: str) -> None:
    _, slices, _ = focus_stack()
    order = np.array([3, 0, 4, 1, 2])
    one, other = (CLASSICAL_METHODS[name].fuse(Layers(s)) for s in (slices, slices[order]))
    np.testing.assert_allclose(other.channels, one.channels, atol=2e-5)
    assert (order[other.main] == one.main).mean() > 0.999


@pytest.mark.parametrize("name", CLASSICAL_METHODS)
def test_equal_images_come_back(name: str) -> None:
    image = np.random.default_rng(2).random((40, 50)).astype(np.float32)
    found = CLASSICAL_METHODS[name].fuse(Layers(np.stack([image] * 3)))
    np.testing.assert_allclose(found.channels[0], image, atol=1e-5)


def test_the_pyramid_invents_no_values() -> None:
    """A bright defocused veil over a dark sharp object gives no halo."""
    rng = np.random.default_rng(3)
    texture = (0.2 + 0.05 * rng.random((96, 96))).astype(np.float32)
    texture[:, 60:] = 0.95
    near = gaussian_filter(texture, 6)
    slices = np.stack([texture, near])
    found = CLASSICAL_METHODS["pyramid"].fuse(Layers(slices)).channels[0]
    assert (found >= slices.min(axis=0) - 1e-6).all()
    assert (found <= slices.max(axis=0) + 1e-6).all()


def test_noise_is_not_amplified_where_nothing_is_sharp() -> None:
    noise = np.random.default_rng(4).normal(0.5, 0.01, (12, 96, 96)).astype(np.float32)
    found = CLASSICAL_METHODS["pyramid"].fuse(Layers(noise)).channels[0]
    assert found.std() < noise[0].std()


def test_missing_pixels_have_no_weight() -> None:
    _, slices, _ = focus_stack(3)
    valid = np.ones(slices.shape, bool)
    valid[0, :, :60] = False
    slices[0, :, :60] = 7
    for method in CLASSICAL_METHODS.values():
        found = method.fuse(Layers(slices, valid=valid))
        assert (found.main[:, :60] != 0).all()
        if method.name != "mertens":
            assert found.channels[0][:, :50].max() < 1.1


def test_exposures_are_fused_as_opencv_does() -> None:
    cv2 = pytest.importorskip("cv2")
    scene = gaussian_filter(np.random.default_rng(5).random((64, 96, 3)), (2, 2, 0))
    scene = (scene - scene.min()) / np.ptp(scene)
    images = [(255 * np.clip(gain * scene, 0, 1)).astype(np.uint8) for gain in (0.4, 1, 2.2)]
    theirs = np.asarray(cv2.createMergeMertens(1, 1, 1).process(images))
    colours = np.stack([np.moveaxis(image, -1, 0) for image in images]).astype(np.float32) / 255
    grey = np.tensordot(colours, [0.114, 0.587, 0.299], ((1,), (0,)))
    ours = CLASSICAL_METHODS["mertens"].fuse(Layers(grey, colours, colours=colours)).channels
    assert np.abs(np.moveaxis(ours, 0, -1) - theirs).mean() < 0.01


def test_the_guided_filter_keeps_edges() -> None:
    guide = np.zeros((40, 40), np.float32)
    guide[:, 20:] = 1
    noisy = guide + np.random.default_rng(6).normal(0, 0.2, guide.shape).astype(np.float32)
    found = guided_filter(noisy, guide, 5, 1e-3)
    assert np.abs(found - guide).max() < 0.15
    assert found.std() > 0.4
