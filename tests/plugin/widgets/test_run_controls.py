"""Estimates of large runs in the widgets."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from napari.layers import Image
from qtpy.QtWidgets import QWidget

from gifnet.options import FuseOptions
from napari_gifnet.layers.snapshot import snapshot
from napari_gifnet.widgets.parts.run_controls import RunEstimate


def image(shape: tuple[int, ...], name: str = "a", **place: Any) -> Any:
    return snapshot(Image(np.zeros(shape, np.uint8), rgb=False, name=name, **place))


def test_only_options_that_failed_are_not_measured_again(
    qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[FuseOptions] = []

    def calibrate(fusers: Any, options: FuseOptions, progress: Any) -> None:
        begun.append(options)
        while options.tile == 64 and progress(0, 0) is not False:
            time.sleep(0.01)
        raise RuntimeError("broken")

    monkeypatch.setattr("napari_gifnet.widgets.parts.run_controls.calibrate", calibrate)
    widget, large = QWidget(), image((2000, 2000))
    qtbot.addWidget(widget)
    estimate = RunEstimate(widget)
    slow, other = FuseOptions(tile=64), FuseOptions(tile=128)
    assert "Measuring" in estimate.text(large, (large,), slow)
    qtbot.waitUntil(lambda: begun == [slow])
    with qtbot.waitSignal(estimate.changed):  # the one for other options makes room
        assert "Measuring" in estimate.text(large, (large,), other)
    assert begun == [slow, other]
    assert "Measuring" not in estimate.text(large, (large,), other)
    assert "Measuring" in estimate.text(large, (large,), slow)
    estimate.stop()


def test_a_large_run_is_estimated(
    viewer: Any, fuse_widget: Any, fake_fuser: Any, qtbot: Any, run: Any
) -> None:
    fake_fuser.pause = 0.01
    side = 1600
    for name in "ab":
        viewer.add_image(np.zeros((side, side), np.uint8), name=name)
    assert "Measuring the speed" in fuse_widget.controls.info.text()
    info = fuse_widget.controls.info
    qtbot.waitUntil(lambda: "Estimate: about" not in info.text(), timeout=20_000)
    assert "GB of memory" in info.text()
    fuse_widget.layers = [viewer.layers["b"], viewer.layers["a"]]
    assert "Measuring" not in fuse_widget.controls.info.text()
