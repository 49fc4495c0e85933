"""Images on one grid: what is read of them, and the arrays that they are written to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gifnet.geometry import Grid, resample
from gifnet.imaging.common_grid import PlacedImage, bring_to_one_grid, in_own_type, type_source


@pytest.mark.parametrize("scale", [0.4, 1.7])
@pytest.mark.parametrize("turn", [0.0, 0.3])
def test_only_the_part_that_is_covered_is_read(scale: float, turn: float) -> None:
    da = pytest.importorskip("dask.array")
    data = np.random.default_rng(0).random((400, 300)).astype(np.float32)
    data[100:110, 100:110] = np.nan
    read: list[tuple[int, ...]] = []

    def note(block: Any) -> Any:
        if block.size:
            read.append(block.shape)
        return block

    lazy = da.from_array(data, chunks=50).map_blocks(note, dtype=data.dtype, meta=data[:0, :0])
    rotate = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    moving = Grid.from_parts(data.shape, scale=(scale, scale), rotate=rotate)
    fixed = Grid.from_parts((40, 40), translate=(60 * scale, 50 * scale))
    images = [
        PlacedImage("fixed", np.zeros((40, 40)), False, fixed),
        PlacedImage("moving", lazy, False, moving),
    ]
    found = bring_to_one_grid(images, 0, (0, 1)).images[1]
    np.testing.assert_allclose(found, resample(data, moving, fixed), atol=1e-5)
    assert 0 < len(read) < 40  # of 48 chunks


def test_own_types_are_written_in_parts() -> None:
    made: list[tuple[int, ...]] = []

    def make(shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> Any:
        made.append(shape)
        return np.empty(shape, dtype)

    values = np.full((2, 600, 30, 4), 7.6, np.float32)
    values[..., 3] = 0.5
    values[1, 550] = np.nan
    found = in_own_type(values, np.dtype(np.uint8), True, make)
    assert made == [values.shape]
    assert found[0, 0, 0].tolist() == [8, 8, 8, 128]
    assert np.ma.getmaskarray(found)[1, 550].all()
    assert np.ma.getmaskarray(found).sum() == 30 * 4


def test_the_source_of_the_type() -> None:
    assert type_source((False, True, True), "auto") == 1
    assert type_source((False, True), "none") == type_source((False, False), "auto") == 0
    assert type_source((True, True), "second") == 1
    assert type_source((True, True), "blend") == 0
