"""World grids and resampling."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from gifnet.errors import InvalidInputError
from gifnet.geometry import Grid, finer, resample


def grid(shape: tuple[int, ...], scale: float = 1.0, translate: float = 0.0) -> Grid:
    n = len(shape)
    return Grid.from_parts(shape, scale=[scale] * n, translate=[translate] * n)


def rotation(degrees: float) -> np.ndarray:
    angle = np.deg2rad(degrees)
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def ramp(shape: tuple[int, ...]) -> np.ndarray:
    """3 y + 5 x: a plane, which linear interpolation reproduces."""
    y, x = np.indices(shape[-2:], dtype=np.float32)
    return np.broadcast_to(3 * y + 5 * x, shape)


def test_composition_is_napari_s() -> None:
    from napari.layers import Image

    affine = np.array([[1, 0.1, 7], [0.2, 1, -3], [0, 0, 1]])
    layer = Image(
        np.zeros((4, 5)), scale=(2, 3), translate=(10, 20), rotate=30, shear=[0.2], affine=affine
    )
    ours = Grid.from_parts(
        (4, 5),
        scale=layer.scale,
        translate=layer.translate,
        rotate=layer.rotate,
        shear=layer.shear,
        affine=layer.affine.affine_matrix,
    )
    for point in ((0, 0), (1, 0), (0, 1), (3, 4)):
        assert_allclose(ours.matrix @ (*point, 1), (*layer.data_to_world(point), 1), atol=1e-9)


@given(st.floats(0.1, 10), st.floats(-50, 50), st.floats(-180, 180), st.floats(-0.5, 0.5))
def test_a_grid_coincides_with_itself_however_written(
    scale: float, shift: float, degrees: float, shear: float
) -> None:
    parts = {"scale": [scale, 2 * scale], "translate": [shift, -shift]}
    one = Grid.from_parts((30, 40), rotate=rotation(degrees), shear=[shear], **parts)
    other = Grid.from_parts((30, 40), affine=one.matrix)
    assert one.coincides(other)
    moved = Grid((30, 40), one.matrix @ np.array([[1, 0, 0.5], [0, 1, 0], [0, 0, 1]]))
    assert not one.coincides(moved)


def test_singular_transforms_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="cannot be inverted"):
        Grid.from_parts((4, 4), scale=[1, 0])
    with pytest.raises(InvalidInputError, match="cannot be inverted"):
        Grid.from_parts((4, 4), translate=[np.nan, 0])


def test_finer() -> None:
    assert finer(grid((8, 8), 2), grid((8, 8), 1)) == 1
    assert finer(grid((8, 8), 1), grid((8, 8), 2)) == 0
    assert finer(grid((8, 8)), grid((8, 8))) == 0
    assert finer(grid((8, 8), 0.1), grid((3, 8, 8), 5)) == 1


def test_coarse_pixels_on_a_fine_grid_lie_where_their_centres_are() -> None:
    coarse = Grid.from_parts((8, 10), scale=[4, 4], translate=[1.5, 1.5])
    fine = grid((32, 40))
    result = resample(ramp((8, 10)), coarse, fine)
    y, x = np.indices((32, 40))
    expected = 3 * (y - 1.5) / 4 + 5 * (x - 1.5) / 4
    inner = (slice(2, -2), slice(2, -2))
    assert_allclose(result[inner], expected[inner], atol=1e-4)
    # The outer half of the outermost pixels is still theirs.
    assert np.isfinite(result).all()


def test_beyond_the_image_there_is_nothing() -> None:
    moving = grid((8, 8), 1, 4)
    result = resample(np.ones((8, 8), np.uint8), moving, grid((16, 16)))
    assert result.dtype == np.float32
    inside = np.zeros((16, 16), bool)
    inside[4:12, 4:12] = True
    assert_array_equal(np.isfinite(result), inside)


@pytest.mark.parametrize("holes", [False, True])
def test_cubic_splines_keep_more_than_lines(holes: bool) -> None:
    def waves(where: Grid) -> np.ndarray:
        points = np.indices(where.shape) * where.pixel_size[0] + where.matrix[0, 2]
        return np.sin(points[0] * 0.9) * np.cos(points[1] * 0.8)

    fine, coarse = grid((60, 60)), Grid.from_parts((36, 36), scale=[1.7] * 2, translate=[0.35] * 2)
    data = waves(coarse)
    if holes:
        data[:6] = np.nan
    linear, cubic = (resample(data, coarse, fine, order=order) for order in (1, 3))
    assert_array_equal(np.isnan(linear), np.isnan(cubic))
    inner = (slice(18, 54), slice(6, 54))
    errors = [np.abs(r - waves(fine))[inner].mean() for r in (linear, cubic)]
    assert errors[1] < errors[0] / 3


def test_whole_pixel_shifts_are_exact() -> None:
    rng = np.random.default_rng(0)
    data = rng.random((20, 24)).astype(np.float32)
    result = resample(data, grid((20, 24), 1, 3), grid((20, 24)))
    assert_allclose(result[3:, 3:], data[:-3, :-3], atol=1e-6)


def test_rotation_agrees_with_the_formula() -> None:
    moving = Grid.from_parts((41, 41), rotate=rotation(30), translate=[5, -7])
    reference = grid((41, 41))
    result = resample(ramp((41, 41)), moving, reference)
    y, x = np.indices((41, 41))
    back = np.linalg.inv(rotation(30)) @ np.stack((y.ravel() - 5, x.ravel() + 7))
    expected = (3 * back[0] + 5 * back[1]).reshape(41, 41)
    valid = ((back > 0) & (back < 40)).all(axis=0).reshape(41, 41)
    assert valid.sum() > 400
    assert_allclose(result[valid], expected[valid], atol=1e-3)


def test_fine_texture_is_smoothed_before_it_is_thinned_out() -> None:
    checks = (np.indices((64, 64)).sum(axis=0) % 2).astype(np.float32)
    reference = Grid.from_parts((16, 16), scale=[4, 4], translate=[1.5, 1.5])
    result = resample(checks, grid((64, 64)), reference)
    assert_allclose(result, 0.5, atol=0.02)


def test_missing_pixels_do_not_spread() -> None:
    data = np.full((16, 16), 7, np.float32)
    data[4:8, 4:8] = np.nan
    coarse = Grid.from_parts((16, 16), scale=[2, 2], translate=[0.5, 0.5])
    result = resample(data, coarse, grid((32, 32)))
    missing = np.isnan(result)
    assert missing[9:15, 9:15].all()
    assert missing.sum() == 64
    assert_allclose(result[~missing], 7)


def test_stacks_go_plane_by_plane_and_colours_channel_by_channel() -> None:
    rng = np.random.default_rng(0)
    data = rng.random((3, 8, 8, 3)).astype(np.float32)
    scale = [1, 2, 2]
    moving = Grid.from_parts((3, 8, 8), scale=scale, translate=[0, 0.5, 0.5])
    result = resample(data, moving, grid((3, 16, 16)), coloured=True)
    assert result.shape == (3, 16, 16, 3)
    for z in range(3):
        for c in range(3):
            single = resample(
                data[z, ..., c],
                Grid.from_parts((8, 8), scale=[2, 2], translate=[0.5, 0.5]),
                grid((16, 16)),
            )
            assert_allclose(result[z, ..., c], single)


def test_steps_along_z_are_interpolated() -> None:
    data = np.broadcast_to(np.arange(4, dtype=np.float32)[:, None, None], (4, 8, 8))
    moving = Grid.from_parts((4, 8, 8), scale=[2, 1, 1])
    result = resample(data, moving, grid((7, 8, 8)))
    assert_allclose(result[:, 0, 0], np.arange(7) / 2)


def test_a_plane_lies_on_every_plane_of_a_stack() -> None:
    result = resample(np.ones((8, 8)), grid((8, 8), 2, 0.5), grid((5, 16, 16)))
    assert result.shape == (16, 16)
    with pytest.raises(InvalidInputError, match="as reference"):
        resample(np.ones((5, 16, 16)), grid((5, 16, 16)), grid((8, 8)))


def test_images_apart_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="do not overlap"):
        resample(np.ones((8, 8)), grid((8, 8), 1, 100), grid((8, 8)))


def test_a_caller_can_stop() -> None:
    def tick() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        resample(np.ones((8, 8)), grid((8, 8), 2), grid((16, 16)), tick=tick)


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("uint8", "float32"), ("int16", "float32"), ("int32", "float64"), ("float64", "float64")],
)
def test_working_types(dtype: str, expected: str) -> None:
    result = resample(np.ones((8, 8), dtype), grid((8, 8), 2), grid((16, 16)))
    assert result.dtype == expected
