"""Stacks: slices compared in a tree, shares multiplied, colours of the slices kept."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import gaussian_filter

from gifnet import Fuser, fuse_stack
from gifnet.errors import Cancelled, GifnetWarning, InvalidInputError
from gifnet.workflows.stacks import fuser as stacks_fuser
from gifnet.workflows.stacks.fuser import StackFuser

SHAPE = (40, 84)


@pytest.fixture
def judge(seen: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the network by one that takes the plane of greater local contrast."""
    from gifnet.engine.engine import Engine
    from gifnet.geometry.region import Region

    def run_steps(
        self: object, source: Any, sink: Any, shape: tuple[int, int], reporter: Any
    ) -> Iterator[None]:
        whole = Region.of(*shape)
        first, second = source.read(whole)[0]
        sharp = [gaussian_filter((p - gaussian_filter(p, 2)) ** 2, 2) for p in (first, second)]
        share = sharp[0] / (sharp[0] + sharp[1] + 1e-12)
        share = (share**4 / (share**4 + (1 - share) ** 4)).astype(np.float32)
        sink.write(whole, (share * first + (1 - share) * second)[None], share[None])
        yield

    monkeypatch.setattr(Engine, "run_steps", run_steps)


def focus_stack(count: int, colour: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Slices that are sharp in one vertical strip each, and the scene."""
    rng = np.random.default_rng(0)
    scene = rng.random((*SHAPE, 3) if colour else SHAPE) * 200 + 20
    sigma = (3, 3, 0) if colour else 3
    blurred = gaussian_filter(scene, sigma)
    strip = (np.arange(SHAPE[1]) * count // SHAPE[1]).reshape((1, -1, 1) if colour else (1, -1))
    slices = np.stack([np.where(strip == k, scene, blurred) for k in range(count)])
    return slices.round().astype(np.uint8), scene.round().astype(np.uint8)


@pytest.mark.parametrize("count", [2, 3, 5, 6, 7])
def test_each_strip_comes_from_its_slice(count: int, judge: None) -> None:
    slices, scene = focus_stack(count)
    fused, info = fuse_stack(list(slices), return_info=True, device="cpu")
    depth = info.sharpest
    assert fused.dtype == np.uint8
    assert depth.dtype == np.uint16
    width = SHAPE[1] // count
    for k in range(count):
        inner = (slice(6, -6), slice(k * width + 4, (k + 1) * width - 4))
        assert (depth[inner] == k).mean() > 0.95
        assert np.abs(fused[inner].astype(int) - scene[inner]).mean() < 6


def test_colour_is_that_of_the_slices(judge: None) -> None:
    slices, scene = focus_stack(3, colour=True)
    fused = fuse_stack(slices, device="cpu")
    assert fused.shape == (*SHAPE, 3)
    inner = (slice(6, -6), slice(34, 50))
    assert np.abs(fused[inner].astype(int) - scene[inner]).mean() < 6


@pytest.mark.parametrize("count", [2, 3, 4, 5, 6, 7, 11])
def test_the_reversed_stack_gives_the_same(count: int, random_weights: object) -> None:
    rng = np.random.default_rng(1)
    slices = rng.random((count, 16, 24)).astype(np.float32)
    options = {"weights": random_weights, "device": "cpu", "return_info": True}
    fused, info = fuse_stack(slices, **options)
    again, info_again = fuse_stack(slices[::-1], **options)
    assert_allclose(again, fused, atol=1e-5)
    assert (count - 1 - info_again.sharpest == info.sharpest).mean() > 0.99


def test_any_order_agrees_where_one_slice_is_clearly_sharpest(judge: None) -> None:
    slices, _ = focus_stack(3)
    results = [
        fuse_stack(slices[list(order)], device="cpu").astype(int)
        for order in itertools.permutations(range(3))
    ]
    assert max(np.abs(result - results[0]).mean() for result in results) < 2


def test_shares_add_up(random_weights: object) -> None:
    """Slices that are all the same come back as they are, whatever the shares."""
    image = np.random.default_rng(2).random((24, 20)) * 7 - 3
    assert_allclose(fuse_stack([image] * 5, weights=random_weights, device="cpu"), image, atol=1e-5)


def test_values_stay_in_the_slices_own_type(seen: object) -> None:
    slices = np.random.default_rng(3).integers(300, 60000, (3, 16, 16)).astype(np.uint16)
    fused = fuse_stack(slices, device="cpu")
    assert fused.dtype == np.uint16
    assert (fused >= slices.min(axis=0)).all()
    assert (fused <= slices.max(axis=0)).all()


def test_shares_are_found_without_a_limit(random_weights: object) -> None:
    slices = np.random.default_rng(3).random((3, 24, 20))
    options = {"weights": random_weights, "device": "cpu"}
    free, limited = (fuse_stack(slices, **options, overshoot=value) for value in (None, 0))
    assert_array_equal(limited, free)


@pytest.mark.parametrize("wrong", ["a", 0.0, 1.5])
def test_what_is_no_integer_is_refused(seen: object, wrong: Any) -> None:
    slices = np.zeros((3, 8, 8), np.uint8)
    for name in ("axis", "reference"):
        with pytest.raises(InvalidInputError, match=f"{name} is {wrong!r}; give an integer"):
            fuse_stack(slices, device="cpu", **{name: wrong})
    fuse_stack(slices, device="cpu", axis=np.int8(0), reference=np.uint8(1))


def test_missing_pixels(seen: object) -> None:
    slices = np.random.default_rng(4).random((3, 16, 16)).astype(np.float32)
    slices[0, :4] = np.nan
    slices[:, 10:, 10:] = np.nan
    fused, info = fuse_stack(slices, device="cpu", return_info=True)
    assert_array_equal(np.isnan(fused), np.isnan(slices).all(axis=0))
    assert (info.sharpest[:4] != 0).all()
    masked = np.ma.MaskedArray((np.nan_to_num(slices) * 200).astype(np.uint8), np.isnan(slices))
    fused = fuse_stack(list(masked), device="cpu")
    assert_array_equal(np.ma.getmaskarray(fused), np.isnan(slices).all(axis=0))


@pytest.mark.parametrize("dtype", [np.uint32, np.int32, np.uint64, np.int64])
def test_saturated_pixels_do_not_wrap(
    dtype: type, seen: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shares(fuser: object, planes: Any, *rest: object) -> np.ndarray:
        return np.full((len(planes), *planes[0].shape), 0.33333337, np.float32)

    monkeypatch.setattr(stacks_fuser, "pairwise_shares", shares)
    limits = np.iinfo(dtype)
    slices = np.full((3, 16, 16), limits.max, dtype)
    slices[:, :4] = limits.min
    fused = fuse_stack(slices, device="cpu")
    assert (fused[4:] > limits.max * 0.99).all()
    assert (fused[:4] <= limits.min * 0.99).all()


def test_slices_are_aligned_to_the_reference(judge: None) -> None:
    rng = np.random.default_rng(5)
    scene = (gaussian_filter(rng.random((80, 90)), 1.5) * 2000 - 900).clip(0, 255).astype(np.uint8)
    slices = [scene[5 + k : 69 + k, 8 - 2 * k : 72 - 2 * k] for k in range(3)]
    with Fuser(device="cpu") as fuser:
        result = StackFuser(fuser).fuse(slices, align="translation", reference=0)
    assert [t.centre_shift for t in result.transforms] == [
        pytest.approx((-k, 2 * k), abs=0.05) for k in range(3)
    ]
    core = (slice(6, -6), slice(6, -6))
    assert np.abs(result.image[core].astype(int) - slices[0][core]).mean() < 2
    record = result.provenance["stack"]
    assert (record["align"], record["reference"], len(record["transforms"])) == (
        "translation",
        0,
        3,
    )


def test_stack_axis_progress_and_cancelling(seen: object) -> None:
    stack = np.random.default_rng(6).random((16, 5, 16)).astype(np.float32)
    calls: list[tuple[int, int]] = []
    fuse_stack(stack, axis=1, progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (8, 8)
    with pytest.raises(Cancelled):
        fuse_stack(stack, axis=1, progress=lambda done, total: False)


@pytest.mark.parametrize(
    ("images", "options", "words"),
    [
        ([np.eye(16)], {}, "1 slice"),
        ([np.eye(16), np.eye(16, dtype=np.uint8)], {}, "one shape and type"),
        ([np.eye(16), np.eye(18)], {}, "differ in height or width"),
        (np.zeros((2, 2, 16, 16)), {}, "give planes"),
        (np.zeros((3, 16, 16)), {"axis": 5}, "axis is 5"),
        (np.zeros((3, 16, 16)), {"reference": 3}, "reference is 3"),
        (np.zeros((3, 16, 16)), {"align": "elastic"}, "elastic"),
        (np.zeros((3, 16, 16)), {"model": "gifnet-cvpr"}, "has no mask; use one of"),
        ("stack.tif", {}, "Read the file first"),
    ],
)
def test_what_is_no_stack_is_refused(
    images: object, options: dict[str, object], words: str, seen: object
) -> None:
    with pytest.raises(InvalidInputError, match=words):
        fuse_stack(images, **options)


def test_a_blank_slice_stays_unmoved_and_is_named(judge: None) -> None:
    rng = np.random.default_rng(7)
    scene = (gaussian_filter(rng.random((80, 90)), 1.5) * 2000 - 900).clip(0, 255).astype(np.uint8)
    slices = [scene[5 + k : 69 + k, 8 - 2 * k : 72 - 2 * k] for k in range(4)]
    slices[1] = np.full_like(slices[1], 40)
    with Fuser(device="cpu") as fuser, pytest.warns(GifnetWarning, match="Slices 1 have no"):
        result = StackFuser(fuser).fuse(slices, align="translation", reference=0)
    assert result.transforms[1].kind == "none"
    assert result.transforms[3].centre_shift == pytest.approx((-3, 6), abs=0.1)


@pytest.mark.parametrize("method", ["pyramid", "depth-map", "mertens"])
def test_classical_methods_keep_types_and_missing_pixels(method: str) -> None:
    slices, scene = focus_stack(3, colour=True)
    fused, info = fuse_stack(slices, method=method, return_info=True)
    assert fused.dtype == np.uint8
    assert info.sharpest.max() < 3
    again = fuse_stack(slices[::-1], method=method)
    assert np.abs(fused.astype(int) - again).max() <= 1
    grey = slices[..., 0].astype(np.float32)
    grey[0, :4] = np.nan
    grey[:, 20:, 20:] = np.nan
    fused = fuse_stack(grey, method=method, channel_axis=None)
    assert_array_equal(np.isnan(fused), np.isnan(grey).all(axis=0))
    if method == "pyramid":
        inner = (slice(6, -6), slice(34, 50))
        sharp = fuse_stack(slices, method=method)[inner].astype(int)
        assert np.abs(sharp - scene[inner]).mean() < 6


def test_classical_methods_need_no_shares() -> None:
    slices, _ = focus_stack(2)
    fuse_stack(slices, method="pyramid", model="gifnet-cvpr")
    with pytest.raises(InvalidInputError, match="method is 'luck'; choose one of network"):
        fuse_stack(slices, method="luck")
