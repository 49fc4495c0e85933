"""What is known before a run: the overlap, the outline, the estimate."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from napari.layers import Image

from gifnet.errors import InvalidInputError
from gifnet.options import FuseOptions
from napari_gifnet.jobs.estimate import Speeds, duration, in_words, memory_of
from napari_gifnet.layers.overlap import find_overlap
from napari_gifnet.layers.snapshot import snapshot
from napari_gifnet.widgets.run_estimate import Forecast


def image(shape: tuple[int, ...], name: str = "a", **place: Any) -> Any:
    return snapshot(Image(np.zeros(shape, np.uint8), rgb=False, name=name, **place))


def test_the_same_grid_overlaps_in_all_of_it() -> None:
    overlap = find_overlap(image((40, 60)), image((40, 60), "b"))
    assert overlap.shape == (40, 60)
    assert overlap.share == pytest.approx(1)
    assert overlap.in_words() == (
        "Result on the grid of a: 40 × 60 px. The layers overlap in all of it."
    )


def test_a_part_is_told_in_pixels_and_units() -> None:
    place = {"scale": (0.5, 0.5), "units": ("um", "um")}
    one = image((40, 60), "fine", **place)
    two = image((20, 30), "coarse", scale=(1, 1), translate=(10.25, 0.25), units=("um", "um"))
    overlap = find_overlap(two, one)
    assert overlap.reference is one
    assert overlap.shape == (20, 60)
    assert overlap.share == pytest.approx(0.5)
    assert "20 × 60 px (10 × 30 µm), 50 % of it" in overlap.in_words()


def test_units_are_converted_and_rotations_followed() -> None:
    one = image((100, 100), units=("um", "um"))
    two = image((100, 100), "b", scale=(1e-3, 1e-3), units=("mm", "mm"))
    assert find_overlap(one, two).share == pytest.approx(1, abs=1e-6)
    turned = image((100, 100), "b", rotate=45, units=("um", "um"))
    # Half a square of side 100 that hangs on its corner, without the tip right of column 100.
    tip = 100 * 2**0.5 - 100
    overlap = find_overlap(one, turned)
    assert overlap.share == pytest.approx((5000 - tip**2 / 2) / 1e4, abs=0.01)


@pytest.mark.parametrize(
    "place",
    [{"translate": (40, 0)}, {"translate": (-41.0, 0)}, {"rotate": 135, "translate": (-10, -10)}],
)
def test_no_overlap_is_said(place: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match="'a' and 'b' do not overlap"):
        find_overlap(image((40, 40)), image((40, 40), "b", **place))


def test_stacks_that_pass_each_other() -> None:
    deep = image((5, 20, 20))
    with pytest.raises(InvalidInputError, match="do not overlap"):
        find_overlap(deep, image((5, 20, 20), "b", translate=(7, 0, 0)))
    assert find_overlap(deep, image((20, 20), "b")).in_words().startswith(
        "Result on the grid of a: 5 × 20 × 20 px."
    )  # fmt: skip


def test_estimates() -> None:
    speeds, options = Speeds(), FuseOptions()
    assert speeds.seconds(options, 10**6) is None
    speeds.note(options, 10, 1.0)
    assert speeds.seconds(options, 10**6) is None  # too short to tell
    speeds.note(options, 250_000, 0.5)
    assert speeds.seconds(options, 10**6) == pytest.approx(2)
    assert speeds.seconds(FuseOptions(precision="bfloat16"), 10**6) is None
    assert speeds.seconds(FuseOptions(task="nir"), 10**6) == pytest.approx(2)  # the same network
    speeds.note(FuseOptions(model="efrufn", task="ivif"), 250_000, 0.5)
    assert speeds.seconds(FuseOptions(model="efrufn", task="mfif"), 10**6) is None
    large = image((1, 4000, 5000))
    same = memory_of(large, (large, large))
    moved = memory_of(large, (large, image((2000, 2500), "b")))
    assert 1.4e9 < same < 4e9
    assert moved - same == 4 * 4000 * 5000
    assert in_words(100, int(2.5e9)) == "Estimate: about 2 min and about 2.5 GB of memory."
    assert [duration(s) for s in (0.2, 40, 3000, 9000)] == [
        "less than a second", "about 40 s", "about 50 min", "about 2.5 h",
    ]  # fmt: skip


def test_only_options_that_failed_are_not_measured_again(
    qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[FuseOptions] = []

    def calibrate(fuser: Any, speeds: Speeds, progress: Any) -> None:
        begun.append(fuser.options)
        while fuser.options.tile == 64 and progress(0, 0) is not False:
            time.sleep(0.01)
        raise RuntimeError("broken")

    monkeypatch.setattr("napari_gifnet.widgets.run_estimate.calibrate", calibrate)
    forecast, large = Forecast(Speeds()), image((2000, 2000))
    slow, other = FuseOptions(tile=64), FuseOptions(tile=128)
    assert "Measuring" in forecast.text(large, (large,), slow)
    qtbot.waitUntil(lambda: begun == [slow])
    with qtbot.waitSignal(forecast.changed):  # the one for other options makes room
        assert "Measuring" in forecast.text(large, (large,), other)
    assert begun == [slow, other]
    assert "Measuring" not in forecast.text(large, (large,), other)
    assert "Measuring" in forecast.text(large, (large,), slow)
    forecast.stop()


def test_the_widget_tells_and_draws_the_overlap(viewer: Any, fuse_widget: Any) -> None:
    assert fuse_widget.info.isHidden()
    assert not fuse_widget.outline_button.isEnabled()
    first = viewer.add_image(np.zeros((40, 60), np.uint8), name="a")
    second = viewer.add_image(np.zeros((40, 60), np.uint8), name="b", translate=(20, 0))
    assert "20 × 60 px, 50 % of it" in fuse_widget.info.text()
    fuse_widget.outline_button.click()
    outline = viewer.layers["Overlap"]
    corners = np.array([outline.data_to_world(point) for point in outline.data[0]])
    np.testing.assert_allclose(corners.min(axis=0), (19.5, -0.5))
    np.testing.assert_allclose(corners.max(axis=0), (39.5, 59.5))
    second.translate = (30, 0)
    outline = viewer.layers["Overlap"]
    assert outline.data[0][:, 0].min() == 29.5
    assert (fuse_widget.first, fuse_widget.second) == (first, second)
    second.translate = (100, 0)
    assert "Overlap" not in viewer.layers
    second.translate = (0, 0)
    assert "Overlap" in viewer.layers
    fuse_widget.outline_button.click()
    assert [layer.name for layer in viewer.layers] == ["a", "b"]


def test_a_large_run_is_estimated(
    viewer: Any, fuse_widget: Any, fake_fuser: Any, qtbot: Any, run: Any
) -> None:
    fake_fuser.pause = 0.01
    side = 1600
    for name in "ab":
        viewer.add_image(np.zeros((side, side), np.uint8), name=name)
    assert "Measuring the speed" in fuse_widget.info.text()
    qtbot.waitUntil(lambda: "Estimate: about" not in fuse_widget.info.text(), timeout=20_000)
    assert "GB of memory" in fuse_widget.info.text()
    fuse_widget.first = viewer.layers["b"]
    assert "Measuring" not in fuse_widget.info.text()
