"""Tile plans as data: they need no network to be checked."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gifnet.engine.plan import plan_tiles
from gifnet.errors import InvalidInputError

sides = st.integers(1, 300)


@settings(max_examples=60, deadline=None)
@given(height=sides, width=sides, size=st.sampled_from([8, 16, 64, 128]))
def test_cores_cover_every_pixel_once(height, width, size):
    count = np.zeros((height, width), int)
    for tile in plan_tiles(height, width, size=size, halo=24, window=8):
        count[tile.core] += 1
    assert (count == 1).all()


@settings(max_examples=60, deadline=None)
@given(height=sides, width=sides, size=st.sampled_from([8, 16, 64]))
def test_reads_lie_on_the_window_grid_and_hold_their_halo(height, width, size):
    for tile in plan_tiles(height, width, size=size, halo=24, window=8):
        for span, length in ((tile.rows, height), (tile.columns, width)):
            assert span.read_start % 8 == 0
            assert span.read_stop % 8 == 0 or span.read_stop == length
            assert span.read_start == max(0, span.start - 24)
            assert span.read_stop == min(length, span.start + size + 24)
            assert span.stop - span.start <= size
            inner = np.arange(length)[span.read][span.inner]
            assert np.array_equal(inner, np.arange(length)[span.core])


def test_size_zero_is_one_tile():
    (tile,) = plan_tiles(50, 70, size=0, halo=24, window=8)
    assert tile.core == tile.read == (slice(0, 50), slice(0, 70))


@pytest.mark.parametrize("size", [4, 12, 65])
def test_sizes_off_the_grid_are_refused(size):
    with pytest.raises(InvalidInputError, match=rf"tile is {size} pixels.*multiple"):
        plan_tiles(100, 100, size=size, halo=24, window=8)
