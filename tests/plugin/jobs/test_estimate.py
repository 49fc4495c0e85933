"""Estimates of time and memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.layers import Image

from gifnet.options import FuseOptions
from napari_gifnet.jobs.estimate import Speeds, duration, in_words, memory_of, usual_seconds
from napari_gifnet.layers.snapshot import snapshot


def image(shape: tuple[int, ...], name: str = "a", **place: Any) -> Any:
    return snapshot(Image(np.zeros(shape, np.uint8), rgb=False, name=name, **place))


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
    assert in_words(0.5, 0) == "Estimate: less than a second."
    slow, fast = FuseOptions(model="gifnet"), FuseOptions(model="shares")
    assert usual_seconds(slow, 10**7) > 5 * usual_seconds(fast, 10**7) > 5
    assert [duration(s) for s in (0.2, 40, 3000, 9000)] == [
        "less than a second", "about 40 s", "about 50 min", "about 2.5 h",
    ]  # fmt: skip
