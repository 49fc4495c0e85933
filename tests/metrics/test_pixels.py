"""Metrics of gradients, statistics and histograms, against loops and other implementations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from skimage.measure import shannon_entropy
from skimage.metrics import mean_squared_error, normalized_mutual_information
from skimage.metrics import peak_signal_noise_ratio as skimage_psnr

from gifnet import GifnetError, metrics
from tests.helpers.metrics_samples import plane, triple

# -- gradients ------------------------------------------------------------------------


def sobel_pairs(image: np.ndarray, border: str) -> list[tuple[float, float]]:
    """Return both Sobel responses of every pixel, by a loop."""
    padded = np.pad(image.astype(float), 1, mode=border)
    pairs = []
    for row in range(1, image.shape[0] + 1):
        for column in range(1, image.shape[1] + 1):
            cut = padded[row - 1 : row + 2, column - 1 : column + 2]
            across = cut[:, 2] @ [1, 2, 1] - cut[:, 0] @ [1, 2, 1]
            down = cut[2] @ [1, 2, 1] - cut[0] @ [1, 2, 1]
            pairs.append((across, down))
    return pairs


@pytest.mark.parametrize(
    ("border", "numpy_name"),
    [
        ("replicate", "edge"),
        ("mirror", "reflect"),
        ("symmetric", "symmetric"),
        ("zero", "constant"),
    ],
)
def test_edge_intensity_is_the_mean_sobel_magnitude(border: str, numpy_name: str) -> None:
    image = plane(0, 7, 9)
    pairs = sobel_pairs(image, numpy_name)
    expected = np.mean([np.hypot(*pair) for pair in pairs])
    assert metrics.edge_intensity(image, border=border) == pytest.approx(expected)
    scaled = metrics.edge_intensity(image, border=border, normalised=True)
    assert scaled == pytest.approx(expected / 8)
    summed = metrics.edge_intensity(image, border=border, norm="sum")
    assert summed == pytest.approx(np.mean(np.abs(pairs).sum(axis=1)))


def test_edge_intensity_of_a_step() -> None:
    image = np.zeros((4, 6), np.uint8)
    image[:, 3:] = 100
    # Two of six columns have a derivative of 4 x 100; two of four without the border.
    assert metrics.edge_intensity(image) == pytest.approx(400 * 2 / 6)
    assert metrics.edge_intensity(image, border="valid") == pytest.approx(400 * 2 / 4)


def test_average_gradient_of_a_loop_and_of_a_ramp() -> None:
    image = plane(1, 6, 5)
    squares = [
        (float(image[y, x + 1]) - float(image[y, x])) ** 2
        + (float(image[y + 1, x]) - float(image[y, x])) ** 2
        for y in range(5)
        for x in range(4)
    ]
    expected = np.mean(np.sqrt(np.divide(squares, 2)))
    assert metrics.average_gradient(image) == pytest.approx(expected)
    assert metrics.average_gradient(image, halved=False) == pytest.approx(expected * math.sqrt(2))
    ramp = np.add.outer(3 * np.arange(5), 4 * np.arange(6))
    assert metrics.average_gradient(ramp) == pytest.approx(5 / np.sqrt(2))
    # MATLAB's gradient is 5 at all 30 pixels; toolboxes divide their sum by 20.
    central = metrics.average_gradient(ramp, differences="central")
    assert central == pytest.approx(5 / np.sqrt(2) * 30 / 20)
    whole = metrics.average_gradient(ramp, differences="central", over="pixels")
    assert whole == pytest.approx(5 / np.sqrt(2))


def test_spatial_frequency_by_hand() -> None:
    image = np.array([[0, 3, 3], [4, 7, 7]])
    # Rows differ by 3, 0, 3, 0; columns by 4 three times.
    assert metrics.spatial_frequency(image) == pytest.approx(math.sqrt(18 / 4 + 16))
    over_pixels = metrics.spatial_frequency(image, over="pixels")
    assert over_pixels == pytest.approx(math.sqrt((18 + 48) / 6))


def test_one_row_has_no_gradient_across() -> None:
    row = np.array([[1, 2, 4]])
    assert metrics.average_gradient(row) == 0
    assert metrics.spatial_frequency(row) == pytest.approx(math.sqrt(2.5))


# -- statistics -----------------------------------------------------------------------


def test_standard_deviation_by_hand() -> None:
    image = np.array([[1, 3], [5, 7]])
    assert metrics.standard_deviation(image) == pytest.approx(math.sqrt(5))
    assert metrics.standard_deviation(image, ddof=1) == pytest.approx(math.sqrt(20 / 3))


def test_correlations_are_those_of_numpy() -> None:
    first, second, fused = (plane(seed).astype(float) for seed in range(3))

    def r(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])

    both = r(first, fused) + r(second, fused)
    assert metrics.correlation_coefficient(first, second, fused) == pytest.approx(both / 2)
    summed = metrics.correlation_coefficient(first, second, fused, total="sum")
    assert summed == pytest.approx(both)
    expected = r(fused - second, first) + r(fused - first, second)
    assert metrics.scd(first, second, fused) == pytest.approx(expected)


def test_scd_takes_bytes_and_is_2_for_the_sum_of_the_sources() -> None:
    first, second = plane(0) // 2, plane(1) // 2
    assert metrics.scd(first, second, first + second) == pytest.approx(2)


def test_scd_of_flat_planes_is_zero() -> None:
    flat = np.full((5, 5), 9, np.uint8)
    assert metrics.scd(flat, flat, flat) == 0


def test_errors_are_those_of_skimage() -> None:
    a, b = plane(0), plane(1)
    assert metrics.mse(a, b) == pytest.approx(mean_squared_error(a, b))
    assert metrics.mse(a, b, unit=True) == pytest.approx(mean_squared_error(a / 255, b / 255))
    assert metrics.psnr(a, b) == pytest.approx(skimage_psnr(b, a, data_range=255))
    assert metrics.psnr(a / 255, b / 255, data_range=1) == pytest.approx(metrics.psnr(a, b))
    assert metrics.psnr(a, a) == float("inf")
    assert metrics.psnr(np.zeros((3, 3)), np.full((3, 3), 255)) == pytest.approx(0)


def test_psnr_of_sources_and_the_offset_of_one_toolbox() -> None:
    a, b, f = triple()
    mean = (mean_squared_error(a, f) + mean_squared_error(b, f)) / 2
    assert metrics.mse_of_sources(a, b, f) == pytest.approx(mean)
    assert metrics.psnr_of_sources(a, b, f) == pytest.approx(20 * math.log10(255 / mean**0.5))
    averaged = (skimage_psnr(a, f, data_range=255) + skimage_psnr(b, f, data_range=255)) / 2
    assert metrics.psnr_of_sources(a, b, f, mean_of="psnr") == pytest.approx(averaged)
    # The error on the scale 0 to 1, the peak 255.
    strange = 20 * math.log10(255 / (mean / 255**2) ** 0.5)
    offset = metrics.psnr_of_sources(a, b, f, offset_db=20 * math.log10(255))
    assert offset == pytest.approx(strange)


# -- histograms -----------------------------------------------------------------------


def test_entropy_is_that_of_skimage() -> None:
    image = plane(3)
    assert metrics.entropy(image) == pytest.approx(shannon_entropy(image))
    assert metrics.entropy(image, base=math.e) == pytest.approx(shannon_entropy(image, math.e))
    assert metrics.entropy(image / 255, data_range=1) == pytest.approx(shannon_entropy(image))
    assert metrics.entropy(np.full((4, 4), 7)) == 0
    assert metrics.entropy(np.array([[0, 255]]), bins=2) == 1


def joint_entropy(a: np.ndarray, b: np.ndarray) -> float:
    counts = np.histogram2d(a.ravel(), b.ravel(), bins=256, range=((0, 256), (0, 256)))[0]
    return float(shannon_entropy(np.repeat(np.arange(65536), counts.ravel().astype(int))))


def test_mutual_information_is_that_of_entropies() -> None:
    a, b, f = triple()
    parts = [shannon_entropy(s) + shannon_entropy(f) - joint_entropy(s, f) for s in (a, b)]
    assert metrics.mutual_information(a, b, f) == pytest.approx(sum(parts))
    assert metrics.mutual_information(a, b, f, total="mean") == pytest.approx(sum(parts) / 2)
    nats = metrics.mutual_information(a, b, f, base=math.e)
    assert nats == pytest.approx(sum(parts) * math.log(2))
    assert metrics.mutual_information(a, a, a) == pytest.approx(2 * shannon_entropy(a))
    # Stretched, a plane and half of it that keeps all its levels are the same again.
    even = (a // 2).astype(np.uint8)
    stretched = metrics.mutual_information(even, even, even * 2, stretch=True)
    assert stretched == pytest.approx(2 * shannon_entropy(even))


def test_normalised_mutual_information() -> None:
    a, b, f = triple()
    assert metrics.normalised_mutual_information(a, a, a) == pytest.approx(2)
    h_a, h_b, h_f = (shannon_entropy(p) for p in (a, b, f))
    shared = [h_a + h_f - joint_entropy(a, f), h_b + h_f - joint_entropy(b, f)]
    expected = 2 * (shared[0] / (h_a + h_f) + shared[1] / (h_b + h_f))
    assert metrics.normalised_mutual_information(a, b, f) == pytest.approx(expected)
    # scikit-image's is (H(A) + H(F)) / H(A, F), with bins of its own: equal for these.
    ratio = normalized_mutual_information(a, f, bins=256)
    assert ratio == pytest.approx((h_a + h_f) / joint_entropy(a, f), rel=0.02)
    for name, size in (("geometric", math.sqrt(h_a * h_f)), ("maximum", max(h_a, h_f))):
        value = metrics.normalised_mutual_information(a, a, f, normalisation=name, total="mean")
        assert value == pytest.approx(shared[0] / size)
    flat = np.zeros((4, 4))
    assert metrics.normalised_mutual_information(flat, flat, flat) == 0


def test_cross_entropy_by_hand() -> None:
    a = np.array([[0, 0, 0, 9]])
    b = np.array([[0, 9, 9, 9]])
    f = np.array([[0, 0, 9, 9]])
    parts = [0.75 * math.log2(1.5) + 0.25 * math.log2(0.5)] * 2
    assert metrics.cross_entropy(a, b, f) == pytest.approx(parts[0])
    assert metrics.cross_entropy(a, b, f, total="sum") == pytest.approx(sum(parts))
    assert metrics.cross_entropy(a, b, f, total="rms") == pytest.approx(parts[0])
    assert metrics.cross_entropy(a, a, a) == 0
    # The level 7 is not in the fused plane and is skipped.
    other = np.array([[0, 0, 7, 7]])
    assert metrics.cross_entropy(other, other, f) == pytest.approx(0.5 * math.log2(1))


# -- what is refused ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda a: metrics.scd(a, a, a[:-1]), "one grid"),
        (lambda a: metrics.entropy(a, base=1), "base is 1"),
        (lambda a: metrics.entropy(a, bins=1), "bins is 1"),
        (lambda a: metrics.edge_intensity(a, border="wrap"), "replicate"),
        (lambda a: metrics.average_gradient(a, differences="both"), "forward"),
        (lambda a: metrics.spatial_frequency(a, over="rows"), "pixels"),
        (lambda a: metrics.vif_of_sources(a, a, a), "41 pixels"),
        (lambda a: metrics.fmi(a, a, a, window=4), "odd"),
        (lambda a: metrics.fmi(a, a, a, feature="edge"), "gradient"),
        (lambda a: metrics.ssim_of_sources(a, a, a, total="both"), "mean"),
        (lambda a: metrics.ssim(a[:9], a[:9]), "does not fit"),
        (lambda a: metrics.entropy(np.where(a > 100, np.nan, a)), "NaN"),
        (lambda a: metrics.entropy(np.stack([a] * 3, -1)), "luminance"),
        (lambda a: metrics.entropy(a.astype(complex)), "complex"),
    ],
)
def test_what_cannot_be_measured_is_refused(call: object, word: str) -> None:
    with pytest.raises(GifnetError, match=word):
        call(plane(0))  # type: ignore[operator]
