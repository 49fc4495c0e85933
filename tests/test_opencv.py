"""The stand-in for OpenCV's exposure merger."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose

from gifnet.errors import InvalidInputError
from gifnet.opencv import createMergeGIFNet


def exposures(shape: tuple[int, ...] = (40, 48, 3)) -> list[np.ndarray]:
    scene = np.random.default_rng(0).random(shape)
    return [(255 * scene**gamma).astype(np.uint8) for gamma in (0.4, 1.0, 2.5)]


def test_takes_and_gives_what_opencv_does(seen: object) -> None:
    cv2 = pytest.importorskip("cv2")
    if not hasattr(cv2, "createMergeMertens"):
        pytest.skip("this OpenCV has no exposure fusion")
    images = exposures()
    theirs = cv2.createMergeMertens().process(images)
    ours = createMergeGIFNet(device="cpu").process(images)
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
    assert ours.min() >= 0
    assert ours.max() <= 1
    # Both say the same about what is bright and which colour it has.
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.9


def test_channels_keep_their_order(seen: list[tuple[np.ndarray, np.ndarray]]) -> None:
    blue = np.zeros((36, 36, 3), np.uint8)
    blue[..., 0] = 200
    result = createMergeGIFNet(device="cpu").process([blue, blue])
    assert_allclose(result, blue / 255, atol=1e-6)
    assert seen[0][0].mean() == pytest.approx(0.114 * 200 / 255, abs=1e-4)


@pytest.mark.parametrize("shape", [(20, 24), (20, 24, 1)])
def test_grey_images_times_and_response(shape: tuple[int, ...], seen: object) -> None:
    merge = createMergeGIFNet(device="cpu")
    result = merge.process(exposures(shape), np.ones(3, np.float32), np.zeros((256, 1, 3)))
    assert result.shape == (20, 24)
    assert createMergeGIFNet(device="cpu").process(exposures()).shape == (40, 48, 3)


def test_opencv_is_not_needed(seen: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert createMergeGIFNet(device="cpu").process(exposures()).dtype == np.float32


#: Factors from 8 bits.
FACTORS = {"8U": (np.uint8, 1), "16U": (np.uint16, 257), "32F": (np.float32, 1)}
FACTORS["32F to 1"] = (np.float32, 1 / 255)


@pytest.mark.parametrize("kind", FACTORS)
@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_types_and_numbers_that_opencv_takes(kind: str, count: int) -> None:
    dtype, factor = FACTORS[kind]
    eight = (exposures() * 3)[:count]
    images = [(image * float(factor)).astype(dtype) for image in eight]
    result = createMergeGIFNet(device="cpu").process(images)
    assert (result.shape, result.dtype) == ((40, 48, 3), np.float32)
    wanted = createMergeGIFNet(device="cpu").process(eight)
    assert_allclose(result, wanted * factor, atol=1e-4 * factor)
    if count == 1:
        assert_allclose(result, eight[0] * (factor / 255), rtol=1e-5)


@pytest.mark.parametrize("kind", FACTORS)
def test_one_image_is_what_opencv_returns(kind: str) -> None:
    cv2 = pytest.importorskip("cv2")
    dtype, factor = FACTORS[kind]
    image = (exposures()[1] * float(factor)).astype(dtype)
    try:
        theirs = cv2.createMergeMertens().process([image])
    except (AttributeError, cv2.error):
        pytest.skip("this OpenCV does not merge such images")
    assert_allclose(createMergeGIFNet().process([image]), theirs, atol=1e-3 * factor)


@pytest.mark.parametrize(
    ("images", "words"),
    [
        ([np.zeros((9, 9))] * 2, "type float64; give images of 8 or 16 bits or float32"),
        ([np.zeros((9, 9, 2), np.uint8)] * 2, r"shape \(9, 9, 2\)"),
        ([], "no image to merge"),
        ([np.zeros((9, 9), np.uint8), np.zeros((9, 9), np.uint16)], "shapes and types"),
        ([np.zeros((9, 9), np.uint8), np.zeros((9, 8), np.uint8)], "shapes and types"),
    ],
)
def test_other_images_are_refused(images: list[np.ndarray], words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        createMergeGIFNet(device="cpu").process(images)
