"""SSIM, MS-SSIM, MEF-SSIM and VIF against torchmetrics, scikit-image and loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity
from torchmetrics.functional.image import (
    multiscale_structural_similarity_index_measure,
    structural_similarity_index_measure,
    visual_information_fidelity,
)

from gifnet import GifnetError, metrics
from gifnet.metrics.similarity import ms_ssim_scales
from tests.helpers.metrics_samples import plane, similar, triple


def tensor(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image.astype(np.float64))[None, None]


@pytest.mark.parametrize("shape", [(40, 33), (64, 64)])
def test_ssim_is_that_of_torchmetrics_and_of_skimage(shape: tuple[int, int]) -> None:
    a, b = similar(0, *shape)
    mirrored = structural_similarity_index_measure(tensor(a), tensor(b), data_range=255.0)
    assert metrics.ssim(a, b, border="mirror") == pytest.approx(float(mirrored), abs=1e-7)
    cut = structural_similarity(
        a, b, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert metrics.ssim(a, b) == pytest.approx(cut, abs=1e-7)
    assert metrics.ssim(a / 255, b / 255, data_range=1) == pytest.approx(cut, abs=1e-7)
    assert metrics.ssim(a, a) == pytest.approx(1)


def test_ssim_of_sources_is_averaged_or_summed() -> None:
    a, b, f = triple()
    both = metrics.ssim(f, a) + metrics.ssim(f, b)
    assert metrics.ssim_of_sources(a, b, f) == pytest.approx(both / 2)
    assert metrics.ssim_of_sources(a, b, f, total="sum") == pytest.approx(both)


@pytest.mark.parametrize(("height", "width", "scales"), [(180, 176, 5), (120, 130, 4), (23, 40, 2)])
def test_ms_ssim_is_that_of_torchmetrics(height: int, width: int, scales: int) -> None:
    assert ms_ssim_scales((height, width)) == scales
    fused, source = similar(1, height, width)
    weights = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])[:scales]
    if scales < 5:
        weights = weights / weights.sum()
    expected = multiscale_structural_similarity_index_measure(
        tensor(fused), tensor(source), data_range=255.0, betas=tuple(weights), normalize="relu"
    )
    mirrored = metrics.ms_ssim(fused, source, border="mirror")
    assert mirrored == pytest.approx(float(expected), abs=1e-6)


def similarity(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Return the mean of SSIM and of its contrast factor by a loop over windows."""
    bell = np.exp(-(np.arange(-5, 6) ** 2) / 4.5)
    window = np.outer(bell, bell) / bell.sum() ** 2
    full, contrast = [], []
    for y in range(a.shape[0] - 10):
        for x in range(a.shape[1] - 10):
            p, q = a[y : y + 11, x : x + 11], b[y : y + 11, x : x + 11]
            mean_p, mean_q = (window * p).sum(), (window * q).sum()
            var_p, var_q = (window * (p - mean_p) ** 2).sum(), (window * (q - mean_q) ** 2).sum()
            cov = (window * (p - mean_p) * (q - mean_q)).sum()
            contrast.append((2 * cov + 7.65**2) / (var_p + var_q + 7.65**2))
            light = (2 * mean_p * mean_q + 2.55**2) / (mean_p**2 + mean_q**2 + 2.55**2)
            full.append(light * contrast[-1])
    return float(np.mean(full)), float(np.mean(contrast))


def halved(image: np.ndarray) -> np.ndarray:
    even = image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2]
    return (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4


def test_ms_ssim_is_that_of_a_loop() -> None:
    fused, source = (p.astype(float) for p in similar(2, 44, 47))
    weights = np.array([0.0448, 0.2856, 0.3001])
    expected = 1.0
    for scale, weight in enumerate(weights / weights.sum()):
        full, contrast = similarity(fused, source)
        expected *= (full if scale == 2 else contrast) ** weight
        fused, source = halved(fused), halved(source)
    assert metrics.ms_ssim(*similar(2, 44, 47)) == pytest.approx(expected, rel=1e-6)


def test_ms_ssim_of_an_opposite_is_zero_or_a_magnitude() -> None:
    a = plane(0, 64, 64)
    assert metrics.ms_ssim(255 - a, a) == 0
    assert 0 < metrics.ms_ssim(255 - a, a, negative="magnitude") < 1


def test_ms_ssim_of_sources_is_their_mean() -> None:
    a, b, f = triple(2, 64, 64)
    expected = (metrics.ms_ssim(f, a) + metrics.ms_ssim(f, b)) / 2
    assert metrics.ms_ssim_of_sources(a, b, f) == pytest.approx(expected)


def test_scales_follow_the_smaller_side() -> None:
    sides = {11: 1, 21: 1, 22: 2, 43: 2, 44: 3, 87: 3, 88: 4, 175: 4, 176: 5, 4000: 5}
    assert {side: ms_ssim_scales((side, 5000)) for side in sides} == sides
    for side in (11, 22, 44, 88):
        assert metrics.ms_ssim(*similar(3, side, side + 3)) > 0
    with pytest.raises(GifnetError, match="at least 11 pixels"):
        ms_ssim_scales((10, 300))


# -- MEF-SSIM -------------------------------------------------------------------------


def ideal_similarity(first: np.ndarray, second: np.ndarray, fused: np.ndarray) -> float:
    """Return single-scale MEF-SSIM by a loop over patches (Ma et al., TIP 2015)."""
    bell = np.exp(-(np.arange(-5, 6) ** 2) / 4.5)
    window = np.outer(bell, bell) / bell.sum() ** 2
    values = []
    for y in range(first.shape[0] - 10):
        for x in range(first.shape[1] - 10):
            cut = (slice(y, y + 11), slice(x, x + 11))
            patches = [p[cut].astype(float) - p[cut].mean() for p in (first, second)]
            lengths = [np.linalg.norm(p) for p in patches]
            agreement = np.linalg.norm(patches[0] + patches[1]) / sum(lengths)
            power = min(np.tan(np.pi / 2 * min(agreement, 1 - 1e-16)), 10)
            powers = [((n + 0.001) / 11) ** power for n in lengths]
            ideal = sum(
                w / sum(powers) * p / (n + 0.001)
                for w, p, n in zip(powers, patches, lengths, strict=True)
            )
            ideal = ideal / np.linalg.norm(ideal) * (max(lengths) + 0.001)
            f = fused[cut].astype(float)
            mean_i, mean_f = (window * ideal).sum(), (window * f).sum()
            var_i = (window * (ideal - mean_i) ** 2).sum()
            var_f = (window * (f - mean_f) ** 2).sum()
            cov = (window * (ideal - mean_i) * (f - mean_f)).sum()
            values.append((2 * cov + 7.65**2) / (var_i + var_f + 7.65**2))
    return float(np.mean(values))


def test_mef_ssim_is_that_of_a_loop_over_patches() -> None:
    a, b, f = triple(4, 20, 23)
    expected = ideal_similarity(a, b, f)
    assert metrics.mef_ssim(a, b, f, weights=(1.0,)) == pytest.approx(expected, abs=1e-6)
    # 20 pixels hold one scale only.
    assert metrics.mef_ssim(a, b, f) == pytest.approx(expected, abs=1e-6)


def test_mef_ssim_over_three_scales() -> None:
    a, b, f = triple(5, 48, 46)
    expected = 1.0
    planes = [p.astype(float) for p in (a, b, f)]
    weights = np.array([0.0448, 0.2856, 0.3001])
    for weight in weights / weights.sum():
        expected *= ideal_similarity(*planes) ** weight
        padded = [np.pad(p, ((0, 1), (0, 1)), mode="edge") for p in planes]
        planes = [
            ((p[:-1, :-1] + p[1:, :-1] + p[:-1, 1:] + p[1:, 1:]) / 4)[::2, ::2] for p in padded
        ]
    assert metrics.mef_ssim(a, b, f) == pytest.approx(expected, abs=1e-6)


def test_mef_ssim_of_equal_sources_does_not_see_brightness() -> None:
    a = plane(6, 48, 48, 2.0) // 2
    assert metrics.mef_ssim(a, a, a) == pytest.approx(1, abs=1e-3)
    assert metrics.mef_ssim(a, a, a + 90) == pytest.approx(1, abs=1e-3)
    flat = np.full((48, 48), 7)
    assert metrics.mef_ssim(flat, flat, flat) == pytest.approx(1)


# -- VIF ------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(41, 41), (64, 75)])
def test_vif_is_that_of_torchmetrics(shape: tuple[int, int]) -> None:
    a, b = similar(7, *shape)
    expected = float(visual_information_fidelity(tensor(b), tensor(a)))
    assert metrics.vif(b, a) == pytest.approx(expected, rel=1e-5)
    noisy = float(visual_information_fidelity(tensor(b), tensor(a), sigma_n_sq=0.4))
    assert metrics.vif(b, a, noise_variance=0.4) == pytest.approx(noisy, rel=1e-5)
    assert metrics.vif(b / 255, a / 255, data_range=1) == pytest.approx(expected, rel=1e-5)


def test_vif_of_the_reference_and_of_flat_planes() -> None:
    a = plane(8, 48, 48)
    assert metrics.vif(a, a) == pytest.approx(1)
    flat = np.full((48, 48), 100)
    assert metrics.vif(flat, a) == pytest.approx(0, abs=1e-6)
    assert metrics.vif(flat, flat) == 1


def test_vif_of_sources_is_summed_or_averaged() -> None:
    a, b, f = triple(9, 48, 48)
    both = metrics.vif(f, a) + metrics.vif(f, b)
    assert metrics.vif_of_sources(a, b, f) == pytest.approx(both)
    assert metrics.vif_of_sources(a, b, f, total="mean") == pytest.approx(both / 2)
