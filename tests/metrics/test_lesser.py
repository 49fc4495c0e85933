"""kept and the lesser source's VIF: copies of one source lose."""

from __future__ import annotations

import numpy as np
import pytest

from gifnet import GifnetError, metrics
from tests.helpers.metrics_samples import plane, triple


def gradients(image: np.ndarray) -> list[tuple[float, float]]:
    """Return (down, across) of the pixels inside the border, in rows."""
    return [
        (
            (float(image[y + 1, x]) - float(image[y - 1, x])) / 2,
            (float(image[y, x + 1]) - float(image[y, x - 1])) / 2,
        )
        for y in range(1, image.shape[0] - 1)
        for x in range(1, image.shape[1] - 1)
    ]


def kept_by_hand(first: np.ndarray, second: np.ndarray, fused: np.ndarray) -> list[float]:
    """Return what is kept of both, without smoothing; borders are flat in the planes."""
    shares: list[list[float]] = [[], []]
    for one, two, result in zip(*map(gradients, (first, second, fused)), strict=True):
        sizes = [np.hypot(*one), np.hypot(*two)]
        if max(sizes) > 2 and sizes[0] != sizes[1]:
            stronger = int(sizes[1] > sizes[0])
            own = (one, two)[stronger]
            dot = own[0] * result[0] + own[1] * result[1]
            shares[stronger].append(min(max(dot / sizes[stronger] ** 2, 0), 1))
    return [float(np.mean(values)) for values in shares]


def test_kept_follows_its_definition() -> None:
    framed = [np.pad(image, 2, constant_values=90) for image in triple(3)]
    by_source = kept_by_hand(*framed)
    assert metrics.kept(*framed, sigma=0) == pytest.approx(min(by_source))
    assert metrics.kept(*framed, sigma=0, total="mean") == pytest.approx(np.mean(by_source))
    assert metrics.kept(*framed, sigma=0, total="sum") == pytest.approx(sum(by_source))


def test_kept_of_known_pictures() -> None:
    first, second = plane(1, 64, 64, 3), np.full((64, 64), 80, np.uint8)
    # The flat source has no edges to lose; half the contrast keeps half.
    assert metrics.kept(first, second, first) == 1
    assert metrics.kept(first, second, second) == 0
    assert metrics.kept(first, second, first / 2 + 60) == pytest.approx(0.5)
    assert metrics.kept(first, second, 255 - first.astype(float)) == 0
    assert metrics.kept(first, second, 2.0 * first) == 1
    assert metrics.kept(first / 255, second / 255, first / 510, data_range=1) == pytest.approx(0.5)
    # Nothing is stronger than the least gradient.
    assert metrics.kept(first, second, second, least_gradient=1000) == 1


def test_the_order_of_sources_does_not_matter() -> None:
    a, b, f = triple(5, 64, 64)
    for metric in (metrics.kept, metrics.vif_lesser):
        assert metric(a, b, f) == metric(b, a, f)


def test_the_lesser_vif_is_that_of_the_lesser_source() -> None:
    a, b, f = triple(1, 64, 64)
    assert metrics.vif_lesser(a, b, f) == min(metrics.vif(f, a), metrics.vif(f, b))
    assert metrics.vif_lesser(a, b, a) == metrics.vif(a, b) < 1


@pytest.mark.parametrize("wrong", [{"sigma": -1}, {"least_gradient": -1}, {"total": "both"}])
def test_conventions_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(GifnetError, match=next(iter(wrong))):
        metrics.kept(*triple(), **wrong)
