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


@pytest.mark.parametrize(
    "images", [[np.zeros((9, 9))] * 2, [np.zeros((9, 9, 2), np.uint8)] * 2, exposures()[:1]]
)
def test_other_images_are_refused(images: list[np.ndarray], seen: object) -> None:
    with pytest.raises(InvalidInputError, match=r"8-bit|two or more"):
        createMergeGIFNet().process(images)
