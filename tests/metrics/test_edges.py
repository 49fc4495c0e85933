"""Qabf, Nabf and FMI against loops over pixels and windows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.fft import dctn

from gifnet import metrics
from gifnet.metrics import PETROVIC_2005, EdgeModel
from tests.helpers.metrics_samples import plane, triple


def edges(image: np.ndarray, divisor: float, border: str) -> list[tuple[float, float]]:
    """Return (strength, angle) of every pixel's Sobel gradient."""
    padded = np.pad(image.astype(float), 1, mode=border)
    found = []
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            cut = padded[y : y + 3, x : x + 3] / divisor
            across = (cut[:, 2] - cut[:, 0]) @ [1, 2, 1]
            down = (cut[2] - cut[0]) @ [1, 2, 1]
            if across:
                angle = math.atan(down / across)
            else:
                angle = math.copysign(math.pi / 2, down) if down else 0.0
            found.append((math.hypot(across, down), angle))
    return found


def edge_quality(
    source: tuple[float, float], fused: tuple[float, float], model: EdgeModel
) -> float:
    strengths = sorted((source[0], fused[0]))
    ratio = strengths[0] / strengths[1] if strengths[1] else 0.0
    turn = abs(source[1] - fused[1])
    turn = abs(turn - math.pi / 2) / (math.pi / 2)
    quality = 1.0
    for value, (gain, slope, middle) in ((ratio, model.strength), (turn, model.orientation)):
        quality *= gain / (1 + math.exp(-slope * (value - middle)))
    return math.sqrt(quality) if model.rooted else quality


def edge_sums(
    planes: tuple[np.ndarray, ...], model: EdgeModel, border: str
) -> tuple[float, float, float]:
    """Return Qabf and both forms of Nabf."""
    rows = [edges(p, model.kernel_sum, border) for p in planes]
    kept = kumar = petrovic = total = 0.0
    for first, second, fused in zip(*rows, strict=True):
        qualities = [edge_quality(s, fused, model) for s in (first, second)]
        weights = [
            s[0] ** model.exponent if s[0] >= model.least_gradient else model.least_weight
            for s in (first, second)
        ]
        total += sum(weights)
        kept += sum(q * w for q, w in zip(qualities, weights, strict=True))
        if fused[0] > first[0] and fused[0] > second[0]:
            kumar += sum((1 - q) * w for q, w in zip(qualities, weights, strict=True))
            petrovic += (2 - sum(qualities)) * sum(weights)
    return kept / total, kumar / total, petrovic / total


def test_qabf_is_that_of_a_loop() -> None:
    planes = triple(0, 17, 19)
    expected = edge_sums(planes, metrics.XYDEAS_2000, "constant")[0]
    assert metrics.qabf(*planes) == pytest.approx(expected)
    in_unit = (p / 255 for p in planes)
    assert metrics.qabf(*in_unit, data_range=1) == pytest.approx(expected)
    other = edge_sums(planes, PETROVIC_2005, "reflect")[0]
    assert metrics.qabf(*planes, model=PETROVIC_2005) == pytest.approx(other)


def test_nabf_is_that_of_a_loop() -> None:
    planes = triple(1, 17, 19)
    _, kumar, petrovic = edge_sums(planes, PETROVIC_2005, "reflect")
    assert metrics.nabf(*planes) == pytest.approx(kumar)
    assert metrics.nabf(*planes, artefact="petrovic") == pytest.approx(petrovic)
    assert kumar > 0


def test_an_unchanged_source_keeps_its_edges_and_makes_none_up() -> None:
    image = plane(2)
    # Both sigmoids at 1: 0.9994 / (1 + exp(-7.5)) and 0.9879 / (1 + exp(-4.4)).
    best = 0.9994 / (1 + math.exp(-7.5)) * 0.9879 / (1 + math.exp(-4.4))
    assert metrics.qabf(image, image, image) == pytest.approx(best)
    assert metrics.nabf(image, image, image) == 0
    flat = np.full((8, 8), 3)
    assert metrics.qabf(flat, flat, flat, model=PETROVIC_2005) < 0.01
    assert metrics.nabf(flat, flat, flat) == 0


def test_noise_is_made_up() -> None:
    image = plane(3, smooth=3)
    noisy = image + np.random.default_rng(0).normal(scale=15, size=image.shape)
    assert metrics.nabf(image, image, noisy) > 0.05
    assert metrics.qabf(image, image, noisy) < metrics.qabf(image, image, image)


# -- FMI ------------------------------------------------------------------------------


def window_information(a: np.ndarray, f: np.ndarray) -> float:
    """Return the normalised mutual information of two windows' features, step by step."""
    if (a == f).all():
        return 1.0
    shares = []
    for values in (a, f):
        column = values.T.ravel().astype(float)
        span = np.ptp(column)
        column = (column - column.min()) / span if span else np.ones_like(column)
        shares.append(column / column.sum())
    p, q = shares
    centred = p - p.mean(), q - q.mean()
    norm = math.sqrt((centred[0] ** 2).sum() * (centred[1] ** 2).sum())
    correlation = (centred[0] * centred[1]).sum() / norm if norm else 0.0
    places = np.arange(1, len(p) + 1)
    spread = math.sqrt((places**2 @ p - (places @ p) ** 2) * (places**2 @ q - (places @ q) ** 2))
    sum_p, sum_q = np.cumsum(p), np.cumsum(q)
    bound = (
        np.minimum.outer(sum_q, sum_p)
        if correlation >= 0
        else np.maximum(np.add.outer(sum_q, sum_p) - 1, 0)
    )
    covariance = (bound - np.outer(sum_q, sum_p)).sum()
    mixing = correlation * spread / covariance if correlation and spread else 0.0
    padded = np.pad(bound, ((1, 0), (1, 0)))
    cells = np.diff(np.diff(padded, axis=0), axis=1)
    joint = mixing * cells + (1 - mixing) * np.outer(q, p)

    def entropy(values: np.ndarray) -> float:
        values = values[np.abs(values) > 1e-15]
        return float(-(values * np.log2(np.abs(values))).sum())

    alone = entropy(p) + entropy(q)
    return 2 * (alone - entropy(joint)) / alone


@pytest.mark.parametrize("feature", ["pixel", "gradient", "dct"])
def test_fmi_is_that_of_a_loop_over_windows(feature: str) -> None:
    planes = [p.astype(float) for p in triple(4, 14, 12)]
    if feature == "gradient":
        features = [np.gradient(p, axis=1) for p in planes]
    else:
        features = [dctn(p, norm="ortho") if feature == "dct" else p for p in planes]
    values = [
        [
            window_information(source[y : y + 3, x : x + 3], features[2][y : y + 3, x : x + 3])
            for source in features[:2]
        ]
        for y in range(12)
        for x in range(10)
    ]
    value = metrics.fmi(*planes, feature=feature)
    assert value == pytest.approx(np.mean(values), abs=2e-5)
    summed = metrics.fmi(*planes, feature=feature, total="sum")
    assert summed == pytest.approx(2 * value)


def test_fmi_of_equal_and_of_flat_planes() -> None:
    a = plane(5)
    assert metrics.fmi(a, a, a) == 1
    assert metrics.fmi(a, a, np.full(a.shape, 7)) < 0.2
    assert metrics.fmi(a, a, plane(6)) < metrics.fmi(a, plane(6), a)
