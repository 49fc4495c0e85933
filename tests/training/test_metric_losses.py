"""The differentiable preservation measures against the metrics that they stand for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from gifnet import metrics
from gifnet.training import metric_losses as preservation
from tests.helpers.training_samples import texture


def planes(*seeds: int) -> list[np.ndarray]:
    return [texture(seed) for seed in seeds]


def tensor(plane: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(plane, np.float32))[None, None]


def candidates() -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Return two sources and results from good to bad."""
    first, second = planes(1, 2)
    mean = (first + second) / 2
    results = [
        np.where(np.arange(64) < 32, first, second), mean, gaussian_filter(mean, 2),
        np.full_like(mean, 0.5),
    ]  # fmt: skip
    return first, second, results


def test_edges_follow_qabf() -> None:
    first, second, results = candidates()
    found = [
        float(preservation.edge_preservation(*map(tensor, (f, first, second)))) for f in results
    ]
    wanted = [metrics.qabf(255 * first, 255 * second, 255 * f) for f in results]
    # Qabf takes an inverted edge, and none at all, for half preserved.
    assert found == pytest.approx(wanted, abs=0.15)
    assert found == sorted(found, reverse=True)
    assert wanted == sorted(wanted, reverse=True)


def test_an_inverted_edge_is_not_preserved() -> None:
    (first,) = planes(3)
    same = preservation.edge_preservation(*map(tensor, (first, first, first)))
    inverted = preservation.edge_preservation(*map(tensor, (1 - first, first, first)))
    assert float(same) > 0.9
    assert float(inverted) == 0


def test_differences_follow_scd() -> None:
    first, second, results = candidates()
    for f in results[:3]:
        found = float(preservation.difference_correlation(*map(tensor, (f, first, second))))
        assert found == pytest.approx(metrics.scd(first, second, f), abs=0.03)


def test_structure_is_one_for_the_source_itself() -> None:
    first, second = planes(4, 5)
    assert float(preservation.ms_ssim(tensor(first), tensor(first))) == pytest.approx(1, abs=1e-4)
    assert float(preservation.ms_ssim(tensor(second), tensor(first))) < 0.7


def test_information_pays_for_the_source_and_not_for_more_contrast() -> None:
    (first,) = planes(6)
    source = tensor(0.25 + 0.5 * first)
    same = float(preservation.visual_information(source, source))
    blurred = float(
        preservation.visual_information(preservation.gaussian(source, 9, 2, pad=True), source)
    )
    louder = float(preservation.visual_information(0.5 + 1.8 * (source - 0.5), source))
    assert 0.9 < same < 1
    assert blurred < 0.8 * same
    assert louder <= same + 1e-3


def test_entropy_is_that_of_the_source_for_the_source_itself() -> None:
    levels = np.random.default_rng(0).integers(0, 4, (64, 64)) / 3
    same = float(preservation.mutual_information(tensor(levels), tensor(levels), bins=4))
    assert same == pytest.approx(2, abs=0.02)
    other = np.random.default_rng(1).integers(0, 4, (64, 64)) / 3
    assert float(preservation.mutual_information(tensor(levels), tensor(other), bins=4)) < 0.02


def test_the_gradient_error_asks_for_the_stronger_source_with_its_sign() -> None:
    flat = np.full((64, 64), 0.3)
    (strong,) = planes(7)
    strong = strong.astype(np.float64)

    def error(f: np.ndarray) -> float:
        return float(preservation.signed_gradient_error(*map(tensor, (f, strong, flat))))

    assert error(strong) == pytest.approx(0, abs=1e-7)
    assert error(1 - strong) == pytest.approx(2 * error(flat), rel=1e-4)


def test_every_measure_has_finite_gradients_on_flat_pictures() -> None:
    flat = torch.zeros(1, 1, 64, 64)
    fused = flat.clone().requires_grad_()
    total = (
        preservation.edge_preservation(fused, flat, flat)
        + preservation.visual_information(fused, flat)
        + preservation.difference_correlation(fused, flat, flat)
        + preservation.ms_ssim(fused, flat)
        + preservation.mutual_information(fused, flat)
        + preservation.signed_gradient_error(fused, flat, flat)
    )
    total.sum().backward()
    assert fused.grad is not None
    assert torch.isfinite(fused.grad).all()


def test_a_warm_object_should_stand_out_as_much() -> None:
    infrared = torch.full((2, 1, 64, 64), 0.3)
    infrared[0, :, 28:36, 28:36] = 0.7
    flat = torch.full_like(infrared, 0.5)
    lost = preservation.warmth_lost(flat, infrared)
    # All of its contrast to the square around it is gone; the second image has nothing warm.
    mean = 0.3 + 0.4 * 64 / 31**2
    area = 64 + 0.01 * 64**2
    assert lost[0] == pytest.approx((0.7 - mean) * 64 / area, rel=0.05)
    assert lost[1] == 0
    assert preservation.warmth_lost(infrared, infrared).abs().max() == 0
    assert preservation.warmth_lost(infrared + 0.2, infrared).abs().max() < 1e-6


def test_lost_edges_follow_kept() -> None:
    first, second, results = candidates()
    both = [tensor(first), tensor(second)]
    lost = [float(preservation.edges_lost(tensor(f), *both)) for f in results]
    kept = [metrics.kept(255 * first, 255 * second, 255 * f) for f in results]
    assert np.argsort(lost).tolist() == np.argsort(kept)[::-1].tolist()
    # The lesser source counts three times as much as the other one of a copy.
    copy = float(preservation.edges_lost(both[0], *both))
    assert copy > lost[1]
    assert float(preservation.edges_lost(1 - both[0], *both)) > copy


def test_lost_edges_of_many_sources() -> None:
    sources = [tensor(texture(seed)) for seed in range(4)]
    lost = [float(preservation.edges_lost(sources[i], *sources)) for i in range(2)]
    order = [float(preservation.edges_lost(sources[0], *sources[::-1]))]
    assert lost[0] == pytest.approx(order[0], rel=1e-5)
    error = preservation.signed_gradient_error(sources[0], *sources)
    again = preservation.signed_gradient_error(sources[0], *sources[::-1])
    torch.testing.assert_close(error, again)
    assert float(error) > 0


def test_values_outside_all_sources() -> None:
    planes = torch.cat([tensor(0.25 + 0.5 * texture(seed)) for seed in range(3)], dim=1)
    mean = planes.mean(dim=1, keepdim=True)
    assert preservation.outside_sources(mean, planes).tolist() == [0]
    assert float(preservation.outside_sources(mean + 1, planes)) == pytest.approx(0.7, abs=0.2)
    assert float(preservation.outside_sources(mean - 1, planes)) == pytest.approx(0.7, abs=0.2)
