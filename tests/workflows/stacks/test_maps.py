"""Decisions made in one channel, applied to others, painted over, and repeated."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from gifnet import fuse_stack, rerun_stack
from gifnet.errors import InvalidInputError
from tests.helpers.stack_samples import banded_stack, moved_stack

METHOD: dict[str, Any] = {"method": "pyramid"}


def two_channels() -> np.ndarray:
    """Return (N, 2, H, W) slices: bands that are sharp in turn, and noise."""
    noise = np.random.default_rng(1).integers(0, 4000, (3, 48, 60))
    return np.stack([banded_stack(), noise.astype(np.uint16)], axis=1)


def test_one_channel_decides_for_all() -> None:
    stack = two_channels()
    alone, alone_info = fuse_stack(stack[:, 0], return_info=True, **METHOD)
    fused, depth, info = fuse_stack(
        stack, decide_on=0, return_depth=True, return_info=True, **METHOD
    )
    assert fused.shape == (2, 48, 60)
    assert depth.shape == (48, 60)
    assert_array_equal(fused[0], alone)
    assert_array_equal(info.sharpest, alone_info.sharpest)
    other = fuse_stack(stack, decide_on=-1, return_info=True, **METHOD)[1]
    assert (other.sharpest != info.sharpest).mean() > 0.3
    assert fuse_stack(stack, decide_on="luminance", **METHOD).shape == (2, 48, 60)
    missing = stack.astype(np.float32)
    missing[:, 1, :5] = np.nan
    missing[0, 0, 5:9] = np.nan
    fused = fuse_stack(missing, decide_on=0, **METHOD)
    assert np.isnan(fused[:, :5]).all()
    assert np.isfinite(fused[:, 5:]).all()


def test_the_network_decides_on_one_channel(random_weights: Any) -> None:
    stack = two_channels()
    how = {"weights": random_weights, "device": "cpu"}
    alone = fuse_stack(stack[:, 0], **how)
    assert_array_equal(fuse_stack(stack, decide_on=0, **how)[0], alone)


def test_a_colour_decides() -> None:
    grey = banded_stack()
    stack = np.random.default_rng(2).integers(0, 4000, (*grey.shape, 3)).astype(np.uint16)
    stack[..., 1] = grey
    how = {**METHOD, "channel_axis": -1, "return_info": True}
    fused, info = fuse_stack(stack, decide_on="green", **how)
    assert_array_equal(info.sharpest, fuse_stack(stack, decide_on=1, **how)[1].sharpest)
    assert info.provenance["stack"]["decide_on"] == "green"
    middle = info.sharpest[20:28, 6:-6]
    assert (middle == 1).mean() > 0.95
    by_default, named = (
        fuse_stack(stack, decide_on=decide_on, **how)[0] for decide_on in (None, "luminance")
    )
    assert_array_equal(by_default, named)
    assert (fused != by_default).any()


def test_a_decision_is_applied_to_another_acquisition() -> None:
    first, other = banded_stack(), banded_stack(seed=5)[..., ::-1]
    info = fuse_stack(first, return_info=True, **METHOD)[1]
    applied, applied_info = fuse_stack(other, shares=info.sharpest, feather=0, return_info=True)
    wanted = np.take_along_axis(other, info.sharpest[None].astype(int), 0)[0]
    assert_array_equal(applied, wanted)
    assert_array_equal(applied_info.sharpest, info.sharpest)
    assert_array_equal(fuse_stack(other, shares=info, feather=0), wanted)
    soft = fuse_stack(other, shares=info)
    assert 0 < np.abs(soft.astype(int) - wanted).mean() < 200
    shares = np.zeros(other.shape)
    shares[0], shares[2] = 0.25, 0.75
    mean = fuse_stack(other.astype(np.float32), shares=shares)
    assert_allclose(mean, 0.25 * other[0] + 0.75 * other[2], rtol=1e-4)


@pytest.mark.parametrize("model", ["shares", "gifnet"])
def test_the_shares_of_a_network_are_returned_and_applied(model: str) -> None:
    stack = banded_stack()
    how: dict[str, Any] = {"model": model, "device": "cpu"}
    fused, shares, info = fuse_stack(stack, return_shares=True, return_info=True, **how)
    assert shares.shape == stack.shape
    assert_allclose(shares.sum(axis=0), 1, atol=1e-4)
    assert_array_equal(shares.argmax(axis=0), info.sharpest)
    assert info.shares is shares
    applied = fuse_stack(stack, shares=shares)
    # Shares of bands are not those of pixels: their mean is softer.
    limit = 0.5 if model == "gifnet" else 250
    assert np.abs(applied.astype(float) - fused).mean() < limit
    assert fuse_stack(stack, return_info=True, **how)[1].shares is None
    with pytest.raises(InvalidInputError, match="Only a network has shares"):
        fuse_stack(stack, return_shares=True, **METHOD)


def test_missing_pixels_of_the_decided_slice_come_from_the_others() -> None:
    stack = banded_stack().astype(np.float32)
    stack[1, :10] = np.nan
    stack[:, 40:] = np.nan
    fused = fuse_stack(stack, shares=np.ones((48, 60), int), feather=0)
    assert_allclose(fused[:10], (stack[0, :10] + stack[2, :10]) / 2, rtol=1e-5)
    assert_allclose(fused[10:40], stack[1, 10:40])
    assert np.isnan(fused[40:]).all()


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_a_painted_slice_is_blended_in(dtype: type) -> None:
    stack = banded_stack().astype(dtype)
    fused = fuse_stack(stack, **METHOD)
    painted = np.full((48, 60), -1)
    painted[10:30, 20:50] = 2
    result, info = fuse_stack(stack, retouching=painted, feather=1, return_info=True, **METHOD)
    assert result.dtype == dtype
    assert_allclose(result[14:26, 24:46], stack[2, 14:26, 24:46], rtol=1e-6)
    away = np.ones((48, 60), bool)
    away[6:34, 16:54] = False
    assert_array_equal(result[away], fused[away])
    border = result[9:11, 25:45].astype(float)
    low, high = (f(fused[9:11, 25:45], stack[2, 9:11, 25:45]) for f in (np.minimum, np.maximum))
    assert (border >= low - 1).all()
    assert (border <= high + 1).all()
    assert (info.sharpest[painted == 2] == 2).all()
    unsigned = np.where(painted < 0, 255, painted).astype(np.uint8)
    again = fuse_stack(stack, retouching=unsigned, feather=1, **METHOD)
    assert_array_equal(again, result)


def test_retouching_fills_and_keeps_missing_pixels() -> None:
    stack = np.ma.MaskedArray(banded_stack(), False)
    stack[:, :4] = np.ma.masked
    stack[1:, 40:] = np.ma.masked
    painted = np.full((48, 60), -1)
    painted[30:, :30] = 1
    result = fuse_stack(stack, retouching=painted, feather=0, **METHOD)
    assert np.ma.getmaskarray(result)[:4].all()
    assert not np.ma.getmaskarray(result)[4:].any()
    assert_array_equal(result[30:40, :30], stack[1, 30:40, :30])
    assert_array_equal(result[40:], stack[0, 40:])


def test_a_retouched_stack_is_repeated_from_its_record(random_weights: Any) -> None:
    stack = moved_stack()
    painted = np.full((61, 58), -1)
    painted[8:20, 10:40] = 3
    painted[30:, :20] = 0
    how = {"align": "translation", "crop": "common", "retouching": painted, "spacing": 0.5}
    for method in ("network", "pyramid"):
        fused, depth, info = fuse_stack(
            stack,
            method=method,
            weights=random_weights,
            device="cpu",
            return_depth=True,
            return_info=True,
            **how,
        )
        record = json.loads(json.dumps(info.provenance))
        again = rerun_stack(stack, record)
        assert again.image.tobytes() == fused.tobytes()
        assert_array_equal(again.depth, depth)
        assert json.loads(json.dumps(again.provenance))["stack"] == record["stack"]
    with pytest.raises(InvalidInputError, match="not that of a fused stack"):
        rerun_stack(stack, {"operation": "fuse"})


def test_shares_are_too_large_for_a_record() -> None:
    stack = banded_stack()
    shares = np.random.default_rng(3).random(stack.shape)
    fused, info = fuse_stack(stack, shares=shares, return_info=True)
    with pytest.raises(InvalidInputError, match="only the sha256"):
        rerun_stack(stack, info.provenance)
    again = rerun_stack(stack, info.provenance, shares=shares)
    assert again.image.tobytes() == fused.tobytes()


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"shares": np.zeros((48, 61), int)}, "shares has 48 x 61 pixels, but the result has 48 x"),
        ({"shares": np.full((48, 60), 3)}, "slice number 3, but the stack has 3 slices"),
        ({"shares": np.full((48, 60), -1)}, "pixels without a slice number"),
        ({"shares": np.zeros((4, 48, 60))}, "shares has 4 slices, but the stack has 3"),
        ({"shares": np.full((3, 48, 60), -1.0)}, "negative or not finite"),
        ({"shares": np.zeros((48, 60))}, "give integers of shape"),
        ({"retouching": np.zeros((48, 60))}, "give a map of slice numbers"),
        ({"retouching": np.zeros((3, 48, 60), int)}, "give a map of slice numbers"),
        ({"retouching": np.full((48, 60), 7)}, "retouching has the slice number 7"),
        ({"feather": -1}, "feather is -1; give pixels"),
        ({"decide_on": 1}, "decide_on is 1, but the slices have 1 channel"),
        ({"decide_on": "DAPI"}, "decide_on is 'DAPI'"),
    ],
)
def test_maps_that_do_not_fit_are_named(how: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        fuse_stack(banded_stack(), **{**METHOD, **how})
