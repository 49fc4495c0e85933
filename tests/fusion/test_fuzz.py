"""`fuse` against arrays and options of every kind: a result, or one clear error."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gifnet import Fuser, fuse
from gifnet.errors import GifnetError, InvalidInputError
from gifnet.options import FuseOptions

_MANY = settings(
    max_examples=50,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
DTYPES = [
    "bool", "uint8", "int8", "uint16", ">u2", "int16", "uint32", "int64", "uint64", "float16",
    "float32", ">f4", "float64", ">f8", "longdouble", "complex64", "S3", "U2", "O", "M8[s]",
    "m8[s]", [("r", "u1"), ("g", "u1")],
]  # fmt: skip
FILLS = ["noise", "zero", "ones", "lowest", "highest", "tiny", "nan", "inf", "some nan", "mixed"]
SIDES = st.sampled_from([0, 1, 2, 3, 4, 5, 8])


def filled(shape: tuple[int, ...], dtype: Any, fill: str) -> Any:
    """Return an array of a type, as wild as the type allows."""
    kind = np.dtype(dtype)
    if kind.kind not in "biufc":
        return np.zeros(shape, kind)
    noise = np.random.default_rng(0).uniform(0, 100, shape)
    if fill == "noise":
        return noise.astype(kind)
    if kind.kind in "biu":
        lowest, highest = (0, 1) if kind.kind == "b" else (np.iinfo(kind).min, np.iinfo(kind).max)
        constant = {"ones": 1, "lowest": lowest, "highest": highest}.get(fill, 0)
        array = np.full(shape, constant, kind)
        if fill == "mixed" and array.size:
            array.flat[::2] = highest
        return array
    limits = np.finfo(kind)
    constants = {"ones": 1, "lowest": limits.min, "highest": limits.max, "tiny": limits.tiny,
                 "nan": np.nan, "inf": np.inf}  # fmt: skip
    array = np.full(shape, constants.get(fill, 0), kind)
    if fill in ("some nan", "mixed") and array.size:
        array = noise.astype(kind)
        array.flat[::3] = np.nan
        if fill == "mixed":
            array.flat[1::3] = limits.max
            array.flat[2::3] = limits.min
    return array


@st.composite
def arrays(draw: Any) -> Any:
    shape = tuple(draw(st.lists(SIDES, min_size=0, max_size=4)))
    array = filled(shape, draw(st.sampled_from(DTYPES)), draw(st.sampled_from(FILLS)))
    for change in draw(st.lists(st.sampled_from(["T", "flip", "step", "spread", "mask", "list"]))):
        if change == "T":
            array = array.T
        elif change == "flip" and array.ndim:
            array = array[::-1]
        elif change == "step" and array.ndim > 1:
            array = array[..., ::2]
        elif change == "spread" and array.ndim:
            array = np.broadcast_to(array, (2, *array.shape))
        elif change == "mask":
            array = np.ma.masked_array(array, np.zeros(array.shape, bool))
        elif change == "list":
            return array.tolist()
    return array


NUMBERS = st.one_of(
    st.integers(-300, 300), st.floats(), st.none(), st.text(max_size=3), st.binary(max_size=3),
    st.sampled_from([10**400, ["gifnet"], (1, 2), {"a": 1}]),
    st.sampled_from([np.array([0, 1]), np.array(0.5), np.float32(0.1), np.int8(64)]),
)  # fmt: skip
RANGES = st.one_of(
    st.sampled_from(["auto", "dtype", "all"]), st.lists(NUMBERS, max_size=3), NUMBERS,
    st.tuples(NUMBERS, NUMBERS), st.tuples(st.tuples(NUMBERS, NUMBERS), st.just("auto")),
)  # fmt: skip
OPTIONS = {
    "value_range": RANGES,
    "channel_axis": st.one_of(st.sampled_from(["auto", None, 0, -1]), NUMBERS),
    "chroma": st.one_of(st.sampled_from(["auto", "first", "second", "blend", "none"]), NUMBERS),
    "overshoot": st.one_of(st.sampled_from(["auto", None, 0, 0.1]), NUMBERS),
    "tile": st.one_of(st.sampled_from(["auto", 0, 64]), NUMBERS),
    "memory": st.one_of(st.sampled_from(["auto", 0, 1]), NUMBERS),
    "task": st.one_of(st.sampled_from([None, "ivif"]), NUMBERS),
    "statistics": st.one_of(st.sampled_from(["exact", "sampled"]), NUMBERS),
    "precision": st.one_of(st.sampled_from(["auto", "float32"]), NUMBERS),
    "model": st.one_of(st.sampled_from(["gifnet", "best"]), NUMBERS),
    "weights": NUMBERS,
}


def fuse_or_refuse(*images: Any, **options: Any) -> Any:
    """Return a result, or None where a GifnetError says something."""
    try:
        return fuse(*images, **options)
    except GifnetError as error:
        refusal = str(error)
    assert refusal.strip()
    return None


@_MANY
@given(first=arrays(), second=arrays())
def test_odd_arrays(seen: Any, first: Any, second: Any) -> None:
    fuse_or_refuse(first, second)


@_MANY
@given(first=arrays(), axis=st.sampled_from(["auto", None, -1, 0]))
def test_odd_arrays_that_fit_together(seen: Any, first: Any, axis: Any) -> None:
    fused = fuse_or_refuse(first, first, channel_axis=axis)
    if fused is not None:
        given_type = np.asarray(first).dtype.newbyteorder("=")
        assert fused.dtype == given_type or isinstance(first, list)
        assert fused.size == np.size(first)
        if fused.dtype.kind == "f":
            known = np.isfinite(np.ma.getdata(fused))
            assert known.any()


@_MANY
@given(options=st.fixed_dictionaries({}, optional=OPTIONS))
def test_odd_options(seen: Any, options: dict[str, Any]) -> None:
    image = np.random.default_rng(0).integers(0, 255, (12, 10, 3), dtype=np.uint8)
    fuse_or_refuse(image, image[::-1], **options)


@_MANY
@given(values=st.dictionaries(st.sampled_from(sorted(OPTIONS)), NUMBERS))
def test_odd_records(values: dict[str, Any]) -> None:
    with contextlib.suppress(GifnetError):
        Fuser(FuseOptions.from_dict(values))


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("overshoot", 10**400, "overshoot is 1000"),
        ("weights", b"a.safetensors", "weights is b'a.safetensors'; give a file's path as text"),
        ("weights", "", "weights is ''; give a file's path"),
        ("weights", "a\0b", "give a file's path"),
        ("model", ["gifnet"], r"model is \['gifnet'\]"),
        ("task", np.array(["ivif", "nir"]), "task is array"),
        ("tile", np.array([1, 2]), r"tile is array\(\[1, 2\]\)"),
        ("channel_axis", np.array([1, 2]), "channel_axis is array"),
        ("colour", "blue", r"Unknown options \['colour'\]"),
    ],
)
def test_unfit_options_are_named(option: str, value: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        Fuser(**{option: value})


@pytest.mark.parametrize("value", [(0, 10**400), ((0, (1, 2)), 1), np.zeros((3, 2))])
def test_unfit_value_ranges_are_refused(seen: Any, value: Any) -> None:
    image = np.arange(80.0).reshape(8, 10)
    with pytest.raises(InvalidInputError, match="value_range is"):
        fuse(image, image[::-1], value_range=value)


@pytest.mark.parametrize("value", [np.array([0, 9]), [0, 9], (np.int16(0), np.float32(9))])
def test_value_ranges_of_every_kind_are_the_same(seen: Any, value: Any) -> None:
    options = FuseOptions(value_range=value)
    assert options == FuseOptions(value_range=(0, 9))
    assert hash(options) == hash(FuseOptions(value_range=(0, 9)))
    assert options.to_dict()["value_range"] == (0, 9)
    both = FuseOptions(value_range=np.array([value, value]))
    assert both.value_range == ((0, 9), (0, 9))
    fuse_or_refuse(np.eye(8), np.eye(8), value_range=value)
    assert Fuser(options).enhance(np.eye(8)).shape == (8, 8)
