"""Regions and tile plans as data: they need no network to be checked."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from gifnet.engine.tile_plan import plan_tiles, split_region
from gifnet.errors import InvalidInputError
from gifnet.geometry.region import Region
from gifnet.models.maps import convolution_output, convolve, crop, reflect

sides = st.integers(1, 300)


@settings(max_examples=60, deadline=None)
@given(height=sides, width=sides, size=st.sampled_from([8, 16, 64, 128]))
def test_tiles_cover_every_pixel_once_on_the_window_grid(height, width, size):
    count = np.zeros((height, width), int)
    for tile in plan_tiles(Region.of(height, width), size, 8):
        count[tile.slices] += 1
        assert tile.top % 8 == tile.left % 8 == 0
        assert tile.height <= size
        assert tile.width <= size
    assert (count == 1).all()


@settings(max_examples=60, deadline=None)
@given(
    top=st.integers(0, 40),
    left=st.integers(0, 40),
    height=sides,
    width=sides,
    size=st.sampled_from([16, 64, 96]),
    shift=st.sampled_from([0, 4]),
)
def test_steps_cover_a_region_and_end_on_the_shifted_grid(top, left, height, width, size, shift):
    region = Region(top, left, top + height, left + width)
    count = np.zeros((region.bottom, region.right), int)
    for step in split_region(region, size, 8, shift):
        count[step.slices] += 1
        assert step.bottom == region.bottom or (step.bottom + shift) % 8 == 0
        assert step.right == region.right or (step.right + shift) % 8 == 0
    assert count.sum() == region.area
    assert count.max() == 1


def test_size_zero_is_one_tile():
    image = Region.of(50, 70)
    assert plan_tiles(image, 0, 8) == (image,)


@pytest.mark.parametrize("size", [4, 12, 65])
def test_sizes_off_the_grid_are_refused(size):
    with pytest.raises(InvalidInputError, match=rf"tile is {size} pixels.*multiple"):
        plan_tiles(Region.of(100, 100), size, 8)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), height=st.integers(9, 30), width=st.integers(9, 30))
def test_parts_reflect_as_the_whole(data, height, width):
    """What a part of a map gives, padded or convolution_output, is the whole map's."""
    bounds = Region.of(height, width)
    whole = torch.arange(height * width, dtype=torch.float64).reshape(1, 1, height, width)
    padded = F.pad(whole, (4, 4, 4, 4), mode="reflect")
    around = Region(-4, -4, height + 4, width + 4)
    top, left = (data.draw(st.integers(-4, side - 1)) for side in (height, width))
    bottom = data.draw(st.integers(max(top + 1, 1), height + 4))
    right = data.draw(st.integers(max(left + 1, 1), width + 4))
    to = Region(top, left, bottom, right)
    at = to.reflection_source(bounds)
    assert at in bounds
    found = reflect(crop(whole, bounds, at), at, to, bounds)
    assert torch.equal(found, crop(padded, around, to))

    weight = torch.randn(2, 1, 3, 3, generator=torch.Generator().manual_seed(0)).double()
    expected = F.conv2d(F.pad(whole, (1, 1, 1, 1), mode="reflect"), weight)
    at = (to & bounds).expand_within(2, bounds)
    found = convolve(crop(whole, bounds, at), at, bounds, weight, None)
    torch.testing.assert_close(found, crop(expected, bounds, convolution_output(at, 1, bounds)))


def test_windows_of_a_region():
    assert Region(3, 9, 10, 17).align_to_windows(8, 0) == Region(0, 8, 16, 24)
    assert Region(3, 9, 10, 17).align_to_windows(8, 4) == Region(-4, 4, 12, 20)
    assert Region(4, 4, 12, 12).align_to_windows(8, 4) == Region(4, 4, 12, 12)
