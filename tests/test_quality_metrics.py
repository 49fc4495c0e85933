"""The benchmark's metrics against explicit loops and other implementations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from benchmarks import metrics
from benchmarks.datasets import DATASETS, Pair, spread
from benchmarks.methods import Average, LaplacianPyramid, grey
from benchmarks.quality import Cache, markdown, score
from gifnet.options import TASKS


def plane(seed: int, height: int = 40, width: int = 33, smooth: float = 1.0) -> np.ndarray:
    field = gaussian_filter(np.random.default_rng(seed).standard_normal((height, width)), smooth)
    return np.round(255 * (field - field.min()) / np.ptp(field)).astype(np.uint8)


# -- gradients ------------------------------------------------------------------------


def test_edge_intensity_is_the_mean_sobel_magnitude_with_replicated_border() -> None:
    image = plane(0, 7, 9)
    padded = np.pad(image.astype(float), 1, mode="edge")
    total = 0.0
    for row in range(1, 8):
        for column in range(1, 10):
            cut = padded[row - 1 : row + 2, column - 1 : column + 2]
            across = cut[:, 2] @ [1, 2, 1] - cut[:, 0] @ [1, 2, 1]
            down = cut[2] @ [1, 2, 1] - cut[0] @ [1, 2, 1]
            total += np.hypot(across, down)
    assert metrics.edge_intensity(image) == pytest.approx(total / 63)


def test_edge_intensity_of_a_step() -> None:
    image = np.zeros((4, 6), np.uint8)
    image[:, 3:] = 100
    # Two of six columns have a derivative of 4 x 100.
    assert metrics.edge_intensity(image) == pytest.approx(400 * 2 / 6)


def test_average_gradient_of_a_loop_and_of_a_ramp() -> None:
    image = plane(1, 6, 5)
    values = [
        np.sqrt(
            (
                (float(image[y, x + 1]) - float(image[y, x])) ** 2
                + (float(image[y + 1, x]) - float(image[y, x])) ** 2
            )
            / 2
        )
        for y in range(5)
        for x in range(4)
    ]
    assert metrics.average_gradient(image) == pytest.approx(np.mean(values))
    ramp = np.add.outer(3 * np.arange(5), 4 * np.arange(6))
    assert metrics.average_gradient(ramp) == pytest.approx(5 / np.sqrt(2))


# -- correlation ----------------------------------------------------------------------


def test_scd_is_the_sum_of_correlations_of_differences() -> None:
    first, second, fused = (plane(seed).astype(float) for seed in range(3))
    expected = (
        np.corrcoef((fused - second).ravel(), first.ravel())[0, 1]
        + np.corrcoef((fused - first).ravel(), second.ravel())[0, 1]
    )
    assert metrics.scd(first, second, fused) == pytest.approx(expected)


def test_scd_takes_bytes_and_is_2_for_the_sum_of_the_sources() -> None:
    first, second = plane(0) // 2, plane(1) // 2
    assert metrics.scd(first, second, first + second) == pytest.approx(2)


def test_scd_of_flat_planes_is_zero() -> None:
    flat = np.full((5, 5), 9, np.uint8)
    assert metrics.scd(flat, flat, flat) == 0


# -- against a reference --------------------------------------------------------------


def test_psnr_is_that_of_skimage() -> None:
    a, b = plane(0), plane(1)
    expected = peak_signal_noise_ratio(b, a, data_range=255)
    assert metrics.psnr(a, b) == pytest.approx(expected)
    assert metrics.psnr(a, a) == float("inf")
    assert metrics.psnr(np.zeros((3, 3)), np.full((3, 3), 255)) == pytest.approx(0)


def similarity_maps(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the SSIM map and its contrast-structure factor of planes in [0, 1]."""

    def mean(x: np.ndarray) -> np.ndarray:
        return gaussian_filter(x, 1.5, mode="mirror", radius=5)

    mean_a, mean_b = mean(a), mean(b)
    covariance = mean(a * b) - mean_a * mean_b
    variances = mean(a * a) - mean_a**2 + mean(b * b) - mean_b**2
    contrast = (2 * covariance + 0.03**2) / (variances + 0.03**2)
    luminance = (2 * mean_a * mean_b + 0.01**2) / (mean_a**2 + mean_b**2 + 0.01**2)
    return luminance * contrast, contrast


def similar(seed: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a plane and a blurred, darker, noisy version of it."""
    a = plane(seed, height, width, smooth=2.0)
    noise = np.random.default_rng(seed).normal(scale=8, size=a.shape)
    b = np.clip(0.8 * gaussian_filter(a.astype(float), 1) + noise, 0, 255)
    return a, np.round(b).astype(np.uint8)


def test_ssim_is_the_mean_of_a_map_with_mirrored_border() -> None:
    a, b = similar(0, 40, 33)
    expected = similarity_maps(a / 255, b / 255)[0].mean()
    assert metrics.ssim(a, b) == pytest.approx(expected, abs=1e-5)
    assert metrics.ssim(a, a) == pytest.approx(1, abs=1e-6)


def test_ssim_is_that_of_skimage_away_from_the_border() -> None:
    a, b = similar(0, 200, 200)
    expected = structural_similarity(
        a, b, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert metrics.ssim(a, b) == pytest.approx(expected, abs=3e-3)


@pytest.mark.parametrize(("height", "width", "scales"), [(180, 176, 5), (120, 130, 4), (23, 40, 2)])
def test_ms_ssim_is_that_of_a_loop_over_scales(height: int, width: int, scales: int) -> None:
    assert metrics.ms_ssim_scales((height, width)) == scales
    fused, source = similar(1, height, width)
    weights = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])[:scales]
    if scales < 5:
        weights = weights / weights.sum()
    a, b = fused / 255, source / 255
    expected = 1.0
    for scale, weight in enumerate(weights):
        full, contrast = similarity_maps(a, b)
        # The contrast factor is averaged where the window fits, SSIM of the last scale overall.
        factor = full.mean() if scale == scales - 1 else contrast[5:-5, 5:-5].mean()
        expected *= max(factor, 0) ** weight
        rows, columns = a.shape[0] // 2, a.shape[1] // 2
        a, b = (
            x[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2).mean(axis=(1, 3))
            for x in (a, b)
        )
    assert metrics.ms_ssim(fused, source) == pytest.approx(expected, abs=2e-4)


def test_ms_ssim_of_sources_is_their_mean() -> None:
    first, second = similar(2, 64, 64)
    fused = Average().planes(first, second)
    expected = (metrics.ms_ssim(fused, first) + metrics.ms_ssim(fused, second)) / 2
    assert metrics.ms_ssim_of_sources(first, second, fused) == pytest.approx(expected)


def test_scales_follow_the_smaller_side() -> None:
    sides = {11: 1, 21: 1, 22: 2, 43: 2, 44: 3, 98: 3, 99: 4, 175: 4, 176: 5, 4000: 5}
    assert {side: metrics.ms_ssim_scales((side, 5000)) for side in sides} == sides
    for side in (11, 22, 44, 99, 176):
        assert metrics.ms_ssim(*similar(3, side, side + 3)) > 0
    with pytest.raises(ValueError, match="at least 11 pixels"):
        metrics.ms_ssim_scales((10, 300))


# -- methods --------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(48, 64), (37, 51), (16, 17)])
def test_the_pyramid_of_one_image_twice_is_that_image(shape: tuple[int, int]) -> None:
    image = plane(3, *shape)
    np.testing.assert_array_equal(LaplacianPyramid().planes(image, image), image)


def test_the_pyramid_takes_the_sharper_source() -> None:
    sharp = plane(4, 64, 64)
    blurred = np.round(gaussian_filter(sharp.astype(float), 2)).astype(np.uint8)
    left = np.arange(64)[None] < 32
    near, far = np.where(left, sharp, blurred), np.where(left, blurred, sharp)
    fused = LaplacianPyramid().planes(near, far)
    assert metrics.psnr(fused, sharp) > metrics.psnr(Average().planes(near, far), sharp) + 4


def test_the_average_rounds_to_the_nearest_byte() -> None:
    fused = Average().planes(np.array([[255, 0, 1]], np.uint8), np.array([[255, 255, 2]], np.uint8))
    # NumPy rounds halves to even.
    np.testing.assert_array_equal(fused, [[255, 128, 2]])


def test_a_baseline_keeps_the_colour_of_the_coloured_source() -> None:
    mri = plane(5)
    pet = np.stack([plane(6) // 2 + 40, plane(7) // 2 + 40, plane(8) // 2 + 40], axis=-1)
    fused = Average().pictures(pet, mri)
    assert fused.shape == pet.shape
    luminance = Average().planes(grey(pet), mri)
    inside = ((fused > 0) & (fused < 255)).all(axis=-1)
    assert np.abs(grey(fused).astype(int) - luminance)[inside].max() <= 1
    assert Average().pictures(mri, mri).ndim == 2


def test_luminance_is_rounded_bt601() -> None:
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]], np.uint8)
    np.testing.assert_array_equal(grey(colours), [[76, 150, 29, 255]])


# -- the run --------------------------------------------------------------------------


def test_a_limit_spreads_over_the_pairs() -> None:
    names = list("abcdefghij")
    assert spread(names, None) == spread(names, 99) == names
    assert spread(names, 5) == list("acegi")


def test_every_data_set_has_a_preset() -> None:
    assert {dataset.task for dataset in DATASETS.values()} == set(TASKS)


def test_scores_of_bands_are_averaged_and_cached(tmp_path: Path) -> None:
    bands = tuple((plane(seed), plane(9)) for seed in (0, 1))
    pair = Pair("x", bands[0][0], bands[0][1], bands)
    method = Average()
    fused = [method.planes(*band) for band in bands]
    scores = score(pair, fused)
    assert set(scores) == {"EI", "AG", "SCD", "MS-SSIM"}
    assert scores["EI"] == pytest.approx(np.mean([metrics.edge_intensity(f) for f in fused]))

    Cache(tmp_path / "pairs.csv").put("pet", "x", method, scores)
    again = Cache(tmp_path / "pairs.csv")
    assert again.get("pet", "x", method) == pytest.approx(scores, rel=1e-5)
    assert again.get("pet", "y", method) is None
    newer = Average()
    newer.version = "2"
    assert again.get("pet", "x", newer) is None


def test_the_table_has_a_row_a_method() -> None:
    scores = {"EI": 50.0, "AG": 6.0, "SCD": 1.0, "MS-SSIM": 0.9}
    better = {**scores, "SCD": 1.25, "EI": 70.0}
    methods = [Average(), LaplacianPyramid()]
    text = markdown({"pet": {"average": [scores, scores], "pyramid": [better, better]}}, methods)
    rows = text.splitlines()[2:]
    assert rows[0] == "| PET and MRI | 2 | average | 50.00 | 6.00 | 1.000 | **0.900** |  |  |"
    assert "| Laplacian pyramid | 70.00 | 6.00 | **1.250** |" in rows[1]
