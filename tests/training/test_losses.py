"""The losses and information weights, by hand and in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from gifnet.errors import TrainingError
from gifnet.training.gifnet import losses
from gifnet.training.gifnet.config import recipe
from gifnet.training.gifnet.information import (
    GradientInformation,
    information_weights,
    laplacian_energy,
    make_information_measure,
)
from gifnet.training.objectives import fidelity_loss
from tests.helpers.training_samples import texture, varied


def batch(*seeds: int) -> Tensor:
    return torch.from_numpy(np.stack([texture(seed, 24, 28) for seed in seeds]))[:, None]


def ssim_in_numpy(a: np.ndarray, b: np.ndarray) -> float:
    """Return SSIM of images in [0, 1], borders mirrored and kept."""

    def mean(x: np.ndarray) -> np.ndarray:
        return gaussian_filter(x, 1.5, mode="mirror", radius=5)

    mean_a, mean_b = mean(a), mean(b)
    covariance = mean(a * b) - mean_a * mean_b
    variances = mean(a * a) - mean_a**2 + mean(b * b) - mean_b**2
    luminance = (2 * mean_a * mean_b + 1e-4) / (mean_a**2 + mean_b**2 + 1e-4)
    return float((luminance * (2 * covariance + 9e-4) / (variances + 9e-4)).mean())


def test_public_loss_is_ssim_loss_plus_mse() -> None:
    rec, visible = batch(1, 2), batch(3, 4)
    a, b = rec[:, 0].double().numpy(), visible[:, 0].double().numpy()
    similarity = np.mean([ssim_in_numpy(x, y) for x, y in zip(a, b, strict=True)])
    expected = 1 - similarity + np.mean((a - b) ** 2)
    assert float(losses.public_loss(rec, visible)) == pytest.approx(expected, abs=2e-5)
    assert float(losses.public_loss(rec, rec)) == pytest.approx(0, abs=1e-6)


def test_multi_modal_loss_weighs_the_errors_by_information() -> None:
    fused, infrared, visible = batch(1, 2), batch(3, 4), batch(5, 6)
    logits = {"ir": np.array([0.2, -1.0]), "vis": np.array([0.7, 0.4])}

    def measure(planes: Tensor) -> Tensor:
        key = "ir" if torch.equal(planes, infrared) else "vis"
        return torch.from_numpy(logits[key])

    total = np.exp(logits["ir"]) + np.exp(logits["vis"])
    f, i, v = (x[:, 0].double().numpy() for x in (fused, infrared, visible))
    expected = np.mean(
        [
            np.exp(logits["ir"][n]) / total[n] * np.mean((f[n] - i[n]) ** 2)
            + np.exp(logits["vis"][n]) / total[n] * np.mean((f[n] - v[n]) ** 2)
            for n in range(2)
        ]
    )
    found = float(losses.multi_modal_loss(fused, infrared, visible, measure))
    assert found == pytest.approx(expected, rel=1e-5)


def test_fidelity_loss_adds_its_terms() -> None:
    fused, target = batch(1), batch(2)
    a, b = fused[0, 0].double().numpy(), target[0, 0].double().numpy()
    config = varied(fidelity_mse=0.5, fidelity_l1=2.0, fidelity_ssim=0.25)
    expected = (
        0.5 * np.mean((a - b) ** 2)
        + 2.0 * np.mean(np.abs(a - b))
        + 0.25 * (1 - ssim_in_numpy(a, b))
    )
    found = float(fidelity_loss(fused, target, config))
    assert found == pytest.approx(expected, abs=2e-5)
    published = fidelity_loss(fused, target, recipe("published"))
    assert float(published) == pytest.approx(np.mean((a - b) ** 2), rel=1e-5)


def test_laplacian_energy_of_a_single_bright_pixel() -> None:
    plane = torch.zeros(1, 1, 5, 5)
    plane[0, 0, 2, 2] = 8.0
    # -8 in the centre and 1 on each of its eight neighbours, over 25 pixels
    assert float(laplacian_energy(plane)) == pytest.approx((64 + 8) / 25)


def test_information_weights_add_up_and_favour_detail() -> None:
    sharp = batch(1, 2)
    dull = torch.from_numpy(gaussian_filter(sharp.numpy(), (0, 0, 2, 2)))
    first, second = information_weights(GradientInformation(), sharp, dull)
    assert first.shape == second.shape == (2, 1, 1, 1)
    torch.testing.assert_close(first + second, torch.ones_like(first))
    assert (first > 0.7).all()
    swapped = information_weights(GradientInformation(), dull, sharp)
    torch.testing.assert_close(swapped[1], first)
    even = information_weights(GradientInformation(), sharp, sharp)
    torch.testing.assert_close(even[0], torch.full_like(first, 0.5))


def test_the_measure_may_be_a_function_and_a_wrong_name_is_refused() -> None:
    def measure(planes: Tensor) -> Tensor:
        return planes.mean(dim=(1, 2, 3))

    assert make_information_measure(measure) is measure
    with pytest.raises(TrainingError, match="'entropy'"):
        make_information_measure("entropy")
