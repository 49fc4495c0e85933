"""The reader against truncated, damaged and lying files: layers, or one clear error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from napari.layers import Layer

from gifnet.errors import GifnetError
from gifnet.io import write_image
from napari_gifnet.io.reader import get_reader

pytest.importorskip("zarr")

_MANY = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def read_or_refuse(path: Path) -> list[Any]:
    """Open a file as napari does; anything but layers or a GifnetError fails."""
    reader = get_reader(str(path))
    if reader is None:
        return []
    try:
        found = reader(str(path))
    except GifnetError as error:
        refusal = str(error)
    else:
        refusal = ""
    if refusal:
        assert path.name in refusal
        return []
    layers = []
    for data, arguments, kind in found:
        if "channel_axis" in arguments:
            continue  # napari splits these itself
        layers.append(Layer.create(data, arguments, kind))
    return layers


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole")
    data = np.random.default_rng(0).integers(0, 4000, (2, 12, 10), dtype=np.uint16)
    for name in ("a.ome.tif", "a.tif"):
        write_image(
            folder / name, data, axes="ZYX", scale=(2, 0.5, 0.5), units=("um",) * 3,
            translate=(1, 2, 3), description={"layer": {"scale": [1, 2, 3]}, "x": 1},
        )  # fmt: skip
    tifffile.imwrite(folder / "b.tif", data[0], compression="zlib", tile=(16, 16))
    return {path.name: path.read_bytes() for path in folder.iterdir()}


NAMES = st.sampled_from(["a.ome.tif", "a.tif", "b.tif"])


@_MANY
@given(name=NAMES, part=st.floats(0, 1))
def test_files_cut_short(tmp_path: Path, whole: dict[str, bytes], name: str, part: float) -> None:
    path = tmp_path / name
    path.write_bytes(whole[name][: int(part * len(whole[name]))])
    read_or_refuse(path)


@_MANY
@given(name=NAMES, data=st.data())
def test_damaged_bytes(tmp_path: Path, whole: dict[str, bytes], name: str, data: Any) -> None:
    content = bytearray(whole[name])
    # Headers and tags lie at either end.
    spots = st.one_of(st.integers(0, 400), st.integers(len(content) - 400, len(content) - 1))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(spots) % len(content)] = data.draw(st.integers(0, 255))
    path = tmp_path / name
    path.write_bytes(bytes(content))
    read_or_refuse(path)


@_MANY
@given(
    tag=st.sampled_from([256, 257, 258, 259, 262, 273, 277, 278, 279, 339]),
    value=st.sampled_from([0, 1, 2, 3, 7, 65535, 2**31 - 1, 2**32 - 1]),
)
def test_lying_tags(tmp_path: Path, whole: dict[str, bytes], tag: int, value: int) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(whole["a.tif"])
    with tifffile.TiffFile(path) as tif:
        found = tif.pages[0].tags.get(tag)
        offset, order = (None, "<") if found is None else (found.offset, tif.byteorder)
    if offset is None:
        return
    content = bytearray(whole["a.tif"])
    content[offset + 8 : offset + 12] = np.array(value, f"{order}u4").tobytes()
    path.write_bytes(bytes(content))
    read_or_refuse(path)


@_MANY
@given(
    dtype=st.sampled_from(["bool", "int8", "uint32", "int64", "float16", "float64", ">u2", ">f4"]),
    shape=st.sampled_from([(1, 1), (1, 7), (9, 1), (3, 4), (5, 6, 3), (2, 1, 5, 6)]),
)
def test_odd_types_and_shapes(tmp_path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    path = tmp_path / "a.tif"
    data = np.ones(shape, dtype)
    tifffile.imwrite(path, data, photometric="minisblack")
    (layer,) = read_or_refuse(path)
    assert layer.data.size == data.size


def test_complex_numbers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.ones((4, 5), np.complex64))
    assert not read_or_refuse(path)


JUNK = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.floats(), st.text(max_size=4)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
PLACE_KEYS = (
    "scale", "translate", "rotate", "shear", "affine", "units", "axis_labels",
    "contrast_limits", "gamma", "opacity", "blending", "colormap",
)  # fmt: skip


@_MANY
@given(place=st.dictionaries(st.sampled_from(PLACE_KEYS), JUNK))
def test_lying_records(tmp_path: Path, place: dict[str, Any]) -> None:
    path = tmp_path / "a.tif"
    write_image(path, np.ones((4, 5), np.float64), axes="YX", description={"layer": place})
    (layer,) = read_or_refuse(path)
    assert layer.data.shape == (4, 5)


@_MANY
@given(attributes=st.dictionaries(st.sampled_from(["axes", "datasets", "name"]), JUNK))
def test_lying_stores(tmp_path: Path, attributes: dict[str, Any]) -> None:
    path = tmp_path / "a.zarr"
    path.mkdir(exist_ok=True)
    (path / ".zgroup").write_text('{"zarr_format": 2}')
    (path / ".zattrs").write_text(json.dumps({"multiscales": [attributes]}))
    assert not read_or_refuse(path)


@pytest.mark.parametrize(
    "place",
    [{"scale": [0, 1]}, {"scale": [-1, 1]}, {"rotate": [[2, 0], [0, 1]]}, {"gamma": -1},
     {"affine": [[0, 0, 0], [0, 0, 0], [0, 0, 1]]}, {"contrast_limits": [5, 1]},
     {"units": ["um", "furlongs per fortnight!"]}, {"colormap": "none of these"},
     {"opacity": 7}, {"blending": "stirring"}, {"axis_labels": ["y", "y"]}],
)  # fmt: skip
def test_places_that_no_layer_can_have(tmp_path: Path, place: dict[str, Any]) -> None:
    path = tmp_path / "a.tif"
    write_image(path, np.ones((4, 5), np.float64), axes="YX", description={"layer": place})
    (layer,) = read_or_refuse(path)
    layer.data_to_world((1, 1))
    layer.world_to_data((1, 1))
