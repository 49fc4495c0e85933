"""Layers as arrays on one grid, and results as layers."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from napari.layers import Image, Labels
from numpy.testing import assert_allclose, assert_array_equal

from gifnet.errors import Cancelled, InvalidInputError
from napari_gifnet.layers.snapshot import result_layer, snapshot
from napari_gifnet.layers.sources import Sources, like_sources, prepare_sources
from napari_gifnet.layers.windows import contrast_limits

UM, MM = ("um", "um"), ("mm", "mm")


def image(shape: tuple[int, ...], dtype: str = "uint8", **arguments: Any) -> Any:
    values = np.random.default_rng(0).random(shape) * 200
    return snapshot(Image(values.astype(dtype), rgb=False, **{"name": "grey", **arguments}))


def prepare(first: Any, second: Any, *how: Any, **named: Any) -> Sources:
    return prepare_sources((first, second), *how, **named)


def test_identical_grids_are_not_resampled() -> None:
    first = image((16, 20), scale=(0.5, 0.5), units=MM)
    second = image((16, 20), "uint16", scale=(500, 500), units=UM)
    pair = prepare(first, second)
    assert pair.images[0] is first.data
    assert pair.images[1] is second.data
    assert pair.value_range == ("auto", "auto")
    assert pair.channel_axis is None


def test_moving_image_keeps_its_range_and_gets_nan_outside() -> None:
    first = image((8, 8), "uint16", scale=(2, 2), translate=(0.5, 0.5))
    second = image((32, 32), "float32")
    pair = prepare(first, second)
    assert pair.reference is second
    assert pair.images[0].dtype == np.float32
    assert pair.value_range == ((float(first.data.min()), float(first.data.max())), "auto")
    assert np.isfinite(pair.images[0][:16, :16]).all()
    assert np.isnan(pair.images[0][16:]).all()
    assert pair.dtype == np.uint16


def test_eight_bits_keep_their_whole_range() -> None:
    pair = prepare(image((8, 8)), image((32, 32), scale=(0.25, 0.25)))
    assert pair.value_range[0] == (0.0, 255.0)


def test_constant_images_have_no_range_of_their_own() -> None:
    flat = snapshot(Image(np.full((8, 8), 3, np.uint16), contrast_limits=(0, 9), scale=(2, 2)))
    assert prepare(flat, image((16, 16))).value_range == ("auto", "auto")


def test_a_value_range_for_each_source() -> None:
    coarse, fine = image((8, 8), "uint16", scale=(2, 2)), image((16, 16), "uint16")
    pair = prepare(coarse, fine, value_range=((0, 300), "dtype"))
    assert pair.value_range == ((0, 300), "dtype")
    pair = prepare(fine, coarse, value_range=((0, 300), "dtype"))
    assert pair.value_range == ((0, 300), (0, 65535))


def test_units_that_cannot_be_converted_are_refused() -> None:
    first = image((8, 8), name="camera")
    second = image((8, 8), name="microscope", units=UM)
    with pytest.raises(InvalidInputError, match=r"'microscope'.*micrometer.*'camera'.*pixel"):
        prepare(first, second)


def test_only_images_are_taken() -> None:
    with pytest.raises(InvalidInputError, match="Labels"):
        snapshot(Labels(np.zeros((8, 8), int)))


def test_a_plane_is_laid_on_every_plane_of_a_stack() -> None:
    stack, plane = image((5, 16, 16), scale=(3, 1, 1)), image((8, 8), scale=(2, 2))
    pair = prepare(plane, stack)
    assert pair.reference is stack
    assert pair.images[0].shape == (16, 16)
    with pytest.raises(InvalidInputError, match="cannot be the reference"):
        prepare(plane, stack, "first")


def test_stacks_of_different_depth() -> None:
    deep = image((6, 16, 16))
    flat = image((3, 8, 8), "uint16", scale=(1, 2, 2), translate=(0, 0.5, 0.5))
    pair = prepare(deep, flat, "first")
    low, high = flat.data.min(), flat.data.max()
    assert np.isfinite(pair.images[1]).all()
    # Beyond the flat stack the deep one fills in, in the flat one's range.
    assert_allclose(pair.images[1][4], low + deep.data[4] / 255 * (high - low), rtol=1e-5)


def test_colour_and_alpha() -> None:
    rgba = np.random.default_rng(0).integers(0, 256, (16, 16, 4), dtype=np.uint8)
    first = snapshot(Image(rgba, rgb=True, scale=(2, 2), translate=(0.5, 0.5)))
    pair = prepare(first, image((64, 64)))
    assert pair.images[0].shape == (64, 64, 4)
    assert pair.channel_axis == -1
    assert np.isnan(pair.images[0][40:, :, :3]).all()
    assert (pair.images[0][40:, :, 3] == 1).all()  # floats have alpha in [0, 1]


def test_multiscale_layers_give_their_finest_level() -> None:
    fine = np.zeros((64, 64), np.uint8)
    layer = Image([fine, fine[::2, ::2]], multiscale=True, contrast_limits=(0, 255))
    assert snapshot(layer).data is fine


def test_lazy_data_are_computed() -> None:
    da = pytest.importorskip("dask.array")
    first = snapshot(Image(da.ones((16, 16), dtype="uint16"), contrast_limits=(0, 2)))
    assert isinstance(prepare(first, image((16, 16))).images[0], np.ndarray)


def test_resampling_can_be_stopped() -> None:
    def tick() -> None:
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        prepare(image((8, 8)), image((16, 16), scale=(0.5, 0.5)), tick=tick)


def test_results_go_back_to_the_first_type() -> None:
    pair = prepare(image((8, 8), scale=(2, 2)), image((16, 16)))
    result = like_sources(np.array([[-3.0, 1.6], [300.0, 2.4]], np.float32), pair)
    assert result.dtype == np.uint8
    assert_array_equal(result, [[0, 2], [255, 2]])
    missing = like_sources(np.array([np.nan, 1.0], np.float32), pair)
    assert np.isnan(missing[0])


def test_result_layer_lies_where_the_reference_lies() -> None:
    affine = np.array([[1, 0.2, 3], [0, 1, 4], [0, 0, 1]])
    place = {"scale": (2, 3), "translate": (5, 6), "rotate": 20, "shear": [0.3], "affine": affine}
    layer = Image(np.zeros((8, 8)), units=UM, axis_labels=("y", "x"), **place)
    data, arguments, kind = result_layer(
        np.ones((8, 8), np.float32), "result", snapshot(layer), {"model": "gifnet"}, rgb=False
    )
    result = Image(data, **arguments)
    assert kind == "image"
    for point in ((0, 0), (7, 0), (0, 7)):
        assert_allclose(result.data_to_world(point), layer.data_to_world(point), atol=1e-9)
    assert result.units == layer.units
    assert result.axis_labels == ("y", "x")
    assert result.metadata == {"napari_gifnet": {"model": "gifnet"}}


def test_contrast_limits() -> None:
    assert contrast_limits(np.zeros((4, 4), np.uint8)) == (0, 255)
    assert contrast_limits(np.zeros((4, 4), bool)) == (0, 1)
    assert contrast_limits(np.full((4, 4), 5.0)) == (5, 6)
    assert contrast_limits(np.full((4, 4), np.nan)) == (0, 1)
    ramp = np.arange(10_000, dtype=np.uint16).reshape(100, 100)
    low, high = contrast_limits(ramp)
    assert 0 < low < 20 < 9980 < high < 9999


def test_a_resampled_alpha_stays_opaque() -> None:
    grey = snapshot(Image(np.full((8, 8), 90, np.uint8), scale=(2, 2)))
    colour = np.full((16, 16, 4), 200, np.uint8)
    colour[..., 3] = 128
    pair = prepare(grey, snapshot(Image(colour, rgb=True)))
    fused = np.dstack([np.full((16, 16, 3), 90.0), np.full((16, 16), 128 / 255)])
    assert (like_sources(fused.astype(np.float32), pair)[..., 3] == 128).all()
    coarse = prepare(
        snapshot(Image(np.zeros((16, 16), np.uint8))),
        snapshot(Image(colour[:8, :8], rgb=True, scale=(2, 2))),
    )
    np.testing.assert_allclose(coarse.images[1][:15, :15, 3], 128 / 255, atol=1e-6)


def test_a_hole_over_the_whole_overlap_is_filled() -> None:
    fixed = snapshot(Image(np.random.default_rng(0).random((16, 16))))
    hole = np.ones((8, 8), np.float32)
    hole[:4, :4] = np.nan
    moving = snapshot(Image(hole, scale=(4, 4), translate=(1.5, 1.5)))
    pair = prepare(fixed, moving)
    assert np.isfinite(pair.images[1]).any()


def test_a_time_series_of_stacks_against_a_shorter_stack() -> None:
    rng = np.random.default_rng(0)
    series = snapshot(Image(rng.random((3, 8, 16, 16))))
    stack = snapshot(Image(rng.random((4, 8, 8)), scale=(1, 2, 2)))
    pair = prepare(series, stack)
    assert pair.images[1].shape == (3, 8, 16, 16)


def test_a_complex_layer_is_named() -> None:
    real = snapshot(Image(np.ones((8, 8))))
    odd = snapshot(Image(np.ones((4, 4)), scale=(2, 2), name="spectrum"))
    odd = dataclasses.replace(odd, data=np.ones((4, 4), np.complex64))
    with pytest.raises(InvalidInputError, match=r"'spectrum' image has type complex64"):
        prepare(real, odd)
