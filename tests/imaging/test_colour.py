"""BT.601 luminance and chroma against scikit-image's independent implementation."""

import numpy as np
import pytest

from gifnet.imaging.colour import blend_chroma, chroma, luminance, to_rgb


@pytest.fixture
def rgb() -> np.ndarray:
    return np.random.default_rng(0).random((17, 23, 3))


def test_luminance_and_chroma_match_skimage(rgb):
    # scikit-image's YCbCr has studio swing: Y = 16 + 219 Y', C = 128 + 224 C'.
    from skimage.color import rgb2ycbcr

    reference = rgb2ycbcr(rgb)
    np.testing.assert_allclose(luminance(rgb), (reference[..., 0] - 16) / 219, atol=1e-4)
    np.testing.assert_allclose(chroma(rgb), (reference[..., 1:] - 128) / 224, atol=1e-3)


def test_round_trip(rgb):
    np.testing.assert_allclose(to_rgb(luminance(rgb), chroma(rgb)), rgb, atol=1e-12)


def test_float32_stays_float32(rgb):
    rgb = rgb.astype(np.float32)
    y = luminance(rgb)
    assert y.dtype == chroma(rgb).dtype == to_rgb(y, chroma(rgb)).dtype == np.float32


def test_grey_has_no_chroma():
    grey = np.repeat(np.linspace(0, 1, 5)[:, None], 3, axis=-1)
    np.testing.assert_allclose(chroma(grey), 0, atol=1e-15)


def test_blend_by_magnitude():
    first, second = np.array([0.3, 0.0, -0.2]), np.array([-0.1, 0.0, -0.2])
    expected = [(0.3 * 0.3 - 0.1 * 0.1) / 0.4, 0.0, -0.2]
    np.testing.assert_allclose(blend_chroma([first, second]), expected)
