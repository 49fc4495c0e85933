"""The quality of a result: what is measured."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from napari.layers import Image
from scipy.ndimage import gaussian_filter

from gifnet.errors import Cancelled, InvalidInputError
from gifnet.metrics import METRICS, evaluate
from gifnet.tasks import TASKS
from napari_gifnet.jobs.quality import METRICS_BY_TASK, QualityJob, sources_of_result
from napari_gifnet.layers.sampling import RangeCache
from napari_gifnet.layers.snapshot import snapshot
from napari_gifnet.layers.viewport import ViewRegion


def silent(done: int, total: int) -> None:
    pass


@pytest.fixture
def planes() -> list[Any]:
    """Return two sources and their average, uint8."""
    rng = np.random.default_rng(3)
    noise = [gaussian_filter(rng.standard_normal((64, 80)), 1.5) for _ in range(2)]
    first, second = (
        np.clip(128 + 160 * plane / np.abs(plane).max(), 0, 255).astype(np.uint8) for plane in noise
    )
    return [first, second, ((first.astype(int) + second) // 2).astype(np.uint8)]


def make(images: list[Any], region: ViewRegion, task: str | None = "ivif") -> QualityJob:
    first, second, result = (snapshot(image) for image in images)
    return QualityJob(result, (first, second), task, "auto", region)


def test_there_are_three_for_every_task() -> None:
    assert {None, "enhance", *TASKS} == set(METRICS_BY_TASK)
    for names in METRICS_BY_TASK.values():
        assert len(names) == 3
        assert set(names) <= set(METRICS)


def test_values_are_those_of_the_metrics(planes: list[Any]) -> None:
    first, second, fused = planes
    job = make([Image(plane) for plane in planes], ViewRegion((-0.5, -0.5), (63.5, 79.5), 1))
    found = job.run(RangeCache(), silent)
    assert found.shape == (64, 80)
    for row, image in enumerate((fused, first, second)):
        wanted = evaluate(first, second, image, metrics=METRICS_BY_TASK["ivif"])
        for name, value in wanted.items():
            assert found.values[name][row] == pytest.approx(value, rel=1e-4)


def test_other_grids_types_and_colours(planes: list[Any]) -> None:
    first, second, fused = planes
    grey = Image(second.astype(np.uint16) * 200, scale=(2, 2), translate=(10, 6))
    colour = Image(np.stack([first] * 3, axis=-1), scale=(2, 2), translate=(10, 6))
    large = np.kron(fused, np.ones((2, 2), np.uint8))
    result = Image(large, translate=(9.5, 5.5))
    found = make([colour, grey, result], ViewRegion((0, 0), (120, 150), 1)).run(
        RangeCache(), silent
    )
    # The sources begin at the result's first pixel and end with it, but for half a pixel.
    assert 117 <= found.shape[0] <= 121
    assert found.values["Qabf"][1] > 0.4
    assert not any(math.isnan(value) for values in found.values.values() for value in values)


def test_of_large_views_the_middle_is_measured() -> None:
    plane = Image(np.zeros((1500, 1200), np.uint8))
    job = make([plane] * 3, ViewRegion((-0.5, 99.5), (1499.5, 1199.5), 2))
    assert job.grid().shape == (1024, 1024)
    np.testing.assert_array_equal(job.grid().matrix[:2, 2], (238, 138))


def test_what_is_too_small_is_left_out(planes: list[Any]) -> None:
    images = [Image(plane[:8, :8]) for plane in planes]
    found = make(images, ViewRegion((0, 0), (7, 7), 1), "meif").run(RangeCache(), silent)
    assert math.isnan(found.values["MEF-SSIM"][0])
    assert found.values["kept"][0] > 0


def test_it_stops_and_it_refuses(planes: list[Any]) -> None:
    images = [Image(plane) for plane in planes]
    region = ViewRegion((0, 0), (63, 79), 1)
    with pytest.raises(Cancelled):
        make(images, region).run(RangeCache(), lambda done, total: done < 2)
    images[0].translate = (500, 0)
    with pytest.raises(InvalidInputError, match="in common"):
        make(images, region).run(RangeCache(), silent)
    with pytest.raises(InvalidInputError, match="'b' is not among"):
        sources_of_result({"sources": [{"name": "a"}, {"name": "b"}]}, {"a": images[0]})
    with pytest.raises(InvalidInputError, match="Choose a result"):
        sources_of_result({}, {})
