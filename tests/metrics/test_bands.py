"""Metrics of pansharpening against torchmetrics and loops over windows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchmetrics.functional.image import (
    error_relative_global_dimensionless_synthesis,
    spectral_angle_mapper,
)

from gifnet import GifnetError, metrics
from tests.helpers.metrics_samples import four_bands, plane


def tensor(bands: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(bands.astype(np.float64))[None]


def test_sam_is_that_of_torchmetrics() -> None:
    a, b = four_bands(0), four_bands(9)
    expected = float(spectral_angle_mapper(tensor(a), tensor(b)))
    assert metrics.sam(a, b, unit="radians") == pytest.approx(expected, abs=1e-7)
    assert metrics.sam(a, b) == pytest.approx(np.degrees(expected), abs=1e-5)
    assert metrics.sam(a, 2 * a) == pytest.approx(0, abs=1e-5)


def test_sam_leaves_out_pixels_without_a_spectrum() -> None:
    a, b = np.zeros((2, 1, 2)), np.zeros((2, 1, 2))
    assert metrics.sam(a, b) == 0
    a[:, 0, 0], b[:, 0, 0] = (1, 0), (1, 1)
    assert metrics.sam(a, b) == pytest.approx(45)


def test_ergas_is_that_of_torchmetrics() -> None:
    a, b = four_bands(0), four_bands(9)
    expected = error_relative_global_dimensionless_synthesis(tensor(a), tensor(b), ratio=4)
    assert metrics.ergas(a, b) == pytest.approx(float(expected))
    assert metrics.ergas(a, b, ratio=2) == pytest.approx(2 * float(expected))
    with pytest.raises(GifnetError, match="one is 0"):
        metrics.ergas(a, b * 0)


def index(x: np.ndarray, y: np.ndarray) -> float:
    """Return Q of one window, in the original form."""
    cov = ((x - x.mean()) * (y - y.mean())).mean()
    return float(
        4 * cov * x.mean() * y.mean() / ((x.var() + y.var()) * (x.mean() ** 2 + y.mean() ** 2))
    )


@pytest.mark.parametrize(("window", "step"), [(8, 1), (8, 8), (16, 4)])
def test_uqi_is_that_of_a_loop(window: int, step: int) -> None:
    a, b = four_bands(1, 40)[0], four_bands(2, 40)[1]
    values = [
        index(a[y : y + window, x : x + window], b[y : y + window, x : x + window])
        for y in range(0, 41 - window, step)
        for x in range(0, 41 - window, step)
    ]
    assert metrics.uqi(a, b, window=window, step=step) == pytest.approx(np.mean(values))


def test_uqi_of_flat_planes_judges_brightness() -> None:
    flat = np.full((12, 12), 10.0)
    assert metrics.uqi(flat, flat) == pytest.approx(1)
    assert metrics.uqi(flat, 3 * flat) == pytest.approx(2 * 3 / 10)
    assert metrics.uqi(flat * 0, flat * 0) == pytest.approx(1)
    a = four_bands(3)
    assert metrics.uqi_of_bands(a, a) == pytest.approx(1)


def product(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Return the product of quaternions, by Hamilton's rules."""
    a, b, c, d = p
    e, f, g, h = q
    return np.array(
        [
            a * e - b * f - c * g - d * h,
            a * f + b * e + c * h - d * g,
            a * g - b * h + c * e + d * f,
            a * h + b * g - c * f + d * e,
        ]
    )


def test_q4_is_that_of_quaternions() -> None:
    a, b = four_bands(4), four_bands(6)
    values = []
    for y in (0, 32):
        for x in (0, 32):
            p, q = a[:, y : y + 32, x : x + 32], b[:, y : y + 32, x : x + 32]
            means = [z.mean(axis=(1, 2)) for z in (p, q)]
            off = [z - m[:, None, None] for z, m in zip((p, q), means, strict=True)]
            conjugate = off[1] * np.array([1, -1, -1, -1])[:, None, None]
            cov = np.linalg.norm(product(off[0], conjugate).mean(axis=(1, 2)))
            variances = [(o**2).sum(axis=0).mean() for o in off]
            lengths = [np.linalg.norm(m) for m in means]
            squares = sum(n**2 for n in lengths)
            values.append(4 * cov * lengths[0] * lengths[1] / (sum(variances) * squares))
    assert metrics.q4(a, b) == pytest.approx(np.mean(values))
    assert metrics.q4(a, a) == pytest.approx(1)
    assert metrics.q4(a[:3], a[:3]) == pytest.approx(1)
    with pytest.raises(GifnetError, match="four bands"):
        metrics.q4(np.concatenate([a, a]), np.concatenate([a, a]))


def test_one_band_as_a_quaternion_is_uqi() -> None:
    a, b = four_bands(4)[:1], four_bands(6)[:1]
    assert metrics.q4(a, b) == pytest.approx(metrics.uqi(a[0], b[0], window=32, step=32))


def test_d_lambda_d_s_and_qnr_by_their_definition() -> None:
    fused = four_bands(7)[:3]
    ms = four_bands(8, 16)[:3]
    pan = plane(9, 64, 64, 1.5)
    low = pan.reshape(16, 4, 16, 4).mean(axis=(1, 3))
    spectral = np.mean(
        [
            abs(
                metrics.uqi(fused[i], fused[j], window=32, step=32)
                - metrics.uqi(ms[i], ms[j], window=8, step=8)
            )
            for i, j in ((0, 1), (0, 2), (1, 2))
        ]
    )
    spatial = np.mean(
        [
            abs(
                metrics.uqi(fused[i], pan, window=32, step=32)
                - metrics.uqi(ms[i], low, window=8, step=8)
            )
            for i in range(3)
        ]
    )
    assert metrics.d_lambda(fused, ms) == pytest.approx(spectral)
    assert metrics.d_s(fused, ms, pan) == pytest.approx(spatial)
    assert metrics.d_s(fused, ms, pan, pan_low=low) == pytest.approx(spatial)
    assert metrics.qnr(fused, ms, pan) == pytest.approx((1 - spectral) * (1 - spatial))
    squared = metrics.qnr(fused, ms, pan, alpha=2, beta=0)
    assert squared == pytest.approx((1 - spectral) ** 2)


def test_enlarged_bands_change_nothing() -> None:
    ms, pan = four_bands(1, 16), plane(0, 64, 64)
    fused = ms.repeat(4, axis=1).repeat(4, axis=2)
    assert metrics.d_lambda(fused, ms) == pytest.approx(0, abs=1e-9)
    with pytest.raises(GifnetError, match="whole multiple"):
        metrics.d_lambda(fused[:, :63], ms)
    with pytest.raises(GifnetError, match="at least two"):
        metrics.d_lambda(fused[:1], ms[:1])
    assert 0 <= metrics.d_s(fused, ms, pan) <= 1
