"""Value ranges there and back, for every type."""

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gifnet.ct_windows import CT_WINDOWS, CTWindow
from gifnet.errors import GifnetWarning, InvalidInputError
from gifnet.imaging.ranges import (
    denormalise,
    dtype_range,
    finite_range,
    normalise,
    resolve_noting_extremes,
    resolve_range,
    shared_range,
    split_range_spec,
    to_type,
)

INTEGERS = [np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32]


def test_auto_is_the_type_for_uint8_and_the_data_otherwise():
    assert resolve_range(np.array([[3, 9]], np.uint8), "auto") == (0, 255)
    assert resolve_range(np.array([[True]]), "auto") == (0, 1)
    assert resolve_range(np.array([[3, 900]], np.uint16), "auto") == (3, 900)
    assert resolve_range(np.array([[np.nan, -2, np.inf, 5]]), "auto") == (-2, 5)


def test_dtype_range():
    assert dtype_range(np.int16) == (-32768, 32767)
    assert dtype_range(np.float64) == (0, 1)


def test_masked_values_do_not_count():
    data = np.ma.MaskedArray([[1.0, 2.0, 1e9]], [[False, False, True]])
    assert finite_range(data) == (1, 2)


def test_dask_range_is_that_of_the_whole_array():
    da = pytest.importorskip("dask.array")
    data = np.random.default_rng(0).normal(size=(4, 8, 8))
    data[0, 0, 0] = np.nan
    assert finite_range(da.from_array(data, chunks=(1, 4, 4))) == (
        np.nanmin(data),
        np.nanmax(data),
    )


def test_masked_values_of_dask_do_not_count():
    da = pytest.importorskip("dask.array")
    data = np.full((4, 6), -9999, np.int16)
    lazy = da.ma.masked_equal(da.from_array(data, chunks=(2, 3)), -9999)
    with pytest.raises(InvalidInputError, match="no finite value"):
        finite_range(lazy)
    data[3, 4:] = 2, 7
    lazy = da.ma.masked_equal(da.from_array(data, chunks=(2, 3)), -9999)
    assert finite_range(lazy) == (2, 7)


@pytest.mark.parametrize("spec", ["range", (1, 1), (2, 1), (0, np.nan), (0, np.inf), 3, None])
def test_bad_ranges_are_refused(spec):
    with pytest.raises(InvalidInputError, match="value_range"):
        resolve_range(np.zeros((2, 2)), spec)


def test_no_finite_value():
    with pytest.raises(InvalidInputError, match="no finite value"):
        resolve_range(np.full((2, 2), np.nan), "auto")


def test_split_range_spec():
    assert split_range_spec("auto") == ("auto", "auto")
    assert split_range_spec((0, 5)) == ((0, 5), (0, 5))
    assert split_range_spec(("auto", (0, 5))) == ("auto", (0, 5))
    assert split_range_spec(((1, 2), (0, 5))) == ((1, 2), (0, 5))
    with pytest.raises(InvalidInputError, match="value_range"):
        split_range_spec((1, 2, 3))


@pytest.mark.parametrize("dtype", INTEGERS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_integers_survive_the_round_trip(dtype, data):
    values = data.draw(arrays(dtype, (3, 5)))
    limits = resolve_range(values, "auto")
    back = denormalise(normalise(values, limits), limits, dtype)
    assert back.dtype == dtype
    # float32 has 24 bits; anything wider is rounded to that.
    tolerance = (limits[1] - limits[0]) * 2**-23 if np.dtype(dtype).itemsize > 2 else 0
    difference = np.abs(back.astype(np.float64) - values.astype(np.float64))
    assert difference.max() <= max(tolerance, 0)


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_widest_integers_do_not_wrap(dtype):
    info = np.iinfo(dtype)
    values = np.array([[info.min, info.max]], dtype)
    back = denormalise(normalise(values, dtype_range(dtype)), dtype_range(dtype), dtype)
    assert back[0, 0] == info.min
    assert back[0, 1] > info.max // 2


@pytest.mark.parametrize("dtype", [*INTEGERS, np.int64, np.uint64])
@pytest.mark.parametrize("given", [np.float32, np.float64])
def test_to_type_rounds_and_clips(dtype, given):
    limits = np.iinfo(dtype)
    found = to_type(np.array([-1e30, 1.6, 1e30, limits.max], given), dtype)
    assert found.dtype == dtype
    assert found[:2].tolist() == [limits.min, 2]
    assert (found[2:] >= limits.max * 0.999).all()
    assert to_type(np.array([-2, 0.4, 0.6, 7]), bool).tolist() == [False, False, True, True]
    assert to_type(np.array([0.25, np.nan]), np.float32).dtype == np.float32


def test_huge_floats_do_not_overflow():
    values = np.array([[-1.7e308, 0, 1.7e308]])
    limits = resolve_range(values, "auto")
    unit = normalise(values, limits)
    np.testing.assert_allclose(unit, [[0, 0.5, 1]])
    np.testing.assert_allclose(denormalise(unit, limits, np.float64), values)


def test_unit_floats_are_untouched():
    values = np.random.default_rng(0).random((4, 4), np.float32)
    assert np.array_equal(normalise(values, (0, 1)), values)
    assert np.array_equal(denormalise(values, (0, 1), np.float32), values)


def test_values_outside_are_clipped_and_nan_stays():
    unit = normalise(np.array([[-1.0, 0.5, 9.0, np.nan]]), (0, 2))
    np.testing.assert_array_equal(unit, np.array([[0, 0.25, 1, np.nan]], np.float32))
    assert denormalise(np.array([[-0.1, 1.2]]), (0, 255), np.uint8).tolist() == [[0, 255]]


def test_bool_goes_back_by_rounding():
    assert denormalise(np.array([[0.2, 0.5, 0.9]]), (0, 1), bool).tolist() == [[False, True, True]]


def test_a_range_that_several_arrays_share():
    one, two = np.array([[3, 9]], np.uint16), np.array([[1, 7]], np.uint16)
    assert shared_range([one, two], "auto") == (1, 9)
    assert shared_range([one, two], "dtype") == (0, 65535)
    assert shared_range([one, two], (0, 4)) == (0, 4)
    assert shared_range([one.astype(np.uint8)] * 2, "auto") == (0, 255)


def normal(shape: tuple[int, ...] = (200, 200)) -> np.ndarray:
    return np.random.default_rng(0).normal(1000, 100, shape).astype(np.float32)


@pytest.mark.parametrize("lazy", [False, True])
def test_percentiles_are_limits(lazy: bool) -> None:
    da = pytest.importorskip("dask.array")
    values = normal()
    values[0, :10] = np.nan
    array = da.from_array(values, chunks=64) if lazy else values
    expected = np.nanpercentile(values, (1, 99.9))
    np.testing.assert_allclose(resolve_range(array, ("1%", "99.9%")), expected, rtol=1e-6)
    assert resolve_range(array, ("1%", 5000))[1] == 5000


def test_percentiles_of_several_arrays_are_those_of_all() -> None:
    parts = normal((2, 100, 100)) * np.array([1, 3], np.float32)[:, None, None]
    found = shared_range(list(parts), ("1%", "99%"))
    np.testing.assert_allclose(found, np.percentile(parts, (1, 99)), rtol=1e-6)


def test_percentiles_are_one_range_for_all_sources() -> None:
    assert split_range_spec(("1%", "99%")) == (("1%", "99%"),) * 2
    assert split_range_spec((("1%", "99%"), "auto")) == (("1%", "99%"), "auto")
    assert split_range_spec(("auto", "dtype")) == ("auto", "dtype")
    assert split_range_spec((0, 1), 3) == ((0, 1),) * 3


def test_windows_have_names() -> None:
    assert get_args(CTWindow) == tuple(CT_WINDOWS)
    assert resolve_range(normal(), "ct-brain") == (0, 80)
    with pytest.raises(InvalidInputError, match=r"'ct-head'.*ct-lung \(-1350 to 150 HU\)"):
        resolve_range(normal(), "ct-head")  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match=r"'101%'.*'0%' to '100%'"):
        resolve_range(normal(), ("101%", 5))


def test_a_range_that_a_few_pixels_take_causes_a_warning() -> None:
    hot, padded = normal(), normal()
    hot[::50, ::50] = 60000
    padded[:60] = -32768
    for values, match in ((hot, r"99\.8% .*60000"), (padded, r"30% of the pixels are -32768")):
        with pytest.warns(GifnetWarning, match=f"In 'scan', .*{match}.*--value-range="):
            resolve_noting_extremes(values, "auto", "'scan'")
    for calm in (normal(), (normal() > 1000).astype(np.float32), np.zeros((50, 50))):
        resolve_noting_extremes(calm, "auto", "'scan'")
    resolve_noting_extremes(hot, ("1%", "99%"), "'scan'")
    resolve_noting_extremes(np.array([[-1e308, 1e308]] * 600), "auto", "'scan'")
