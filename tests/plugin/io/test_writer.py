"""Layers saved and reopened: the same pixels at the same place with the same record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.layers import Image

from gifnet.errors import ReadError, WriteError
from gifnet.io import read_images, read_ngff, write_image, write_ngff
from napari_gifnet.io.reader import get_reader
from napari_gifnet.io.writer import axis_letters, write_tiff, write_zarr

zarr = pytest.importorskip("zarr")

RECORD = {"operation": "fuse", "options": {"task": None, "value_range": [0.0, 1.5]}, "unit": "µm"}
KINDS = ["a.ome.tif", "a.tif", "a.ome.zarr"]
PLACE: dict[str, Any] = {
    "scale": (1 / 3, 0.25),
    "translate": (-5.1, 1e4 / 7),
    "rotate": 31.7,
    "shear": [0.21],
    "affine": [[1.01, 0.1, 3], [-0.02, 0.99, 4], [0, 0, 1]],
    "units": ("um", "mm"),
    "axis_labels": ("y", "x"),
}


def values(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    return (np.random.default_rng(0).random(shape) * 250).astype(dtype)


def save(layer: Image, path: Path) -> None:
    data, attributes, _ = layer.as_layer_data_tuple()
    write = write_zarr if path.suffix == ".zarr" else write_tiff
    assert write(str(path), data, attributes) == [str(path)]
    assert [found.name for found in path.parent.iterdir()] == [path.name]


def reopen(path: Path) -> Image:
    reader = get_reader(str(path))
    assert reader is not None
    ((data, arguments, _),) = reader(str(path))
    return Image(data, **arguments)


def assert_same_place(one: Image, other: Image) -> None:
    for key in ("scale", "translate", "rotate", "shear"):
        np.testing.assert_array_equal(getattr(one, key), getattr(other, key), err_msg=key)
    np.testing.assert_array_equal(one.affine.affine_matrix, other.affine.affine_matrix)
    assert one.units == other.units
    assert one.axis_labels == other.axis_labels


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64", "int16"])
def test_every_spatial_key_and_type_survives(tmp_path: Path, name: str, dtype: str) -> None:
    layer = Image(
        values((20, 33), dtype),
        rgb=False,
        contrast_limits=(3, 77.5),
        colormap="magma",
        metadata={"napari_gifnet": RECORD},
        **PLACE,
    )
    save(layer, tmp_path / name)
    found = reopen(tmp_path / name)
    np.testing.assert_array_equal(found.data, layer.data)
    assert found.data.dtype == layer.data.dtype
    assert_same_place(found, layer)
    assert found.metadata["napari_gifnet"] == RECORD
    assert tuple(found.contrast_limits) == (3, 77.5)
    assert found.colormap.name == "magma"
    assert not found.rgb


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(
    ("shape", "rgb", "labels"),
    [
        ((34, 40, 3), True, ("y", "x")),
        ((34, 40, 4), True, ("-2", "-1")),
        ((2, 34, 40, 3), True, ("z", "y", "x")),
        ((3, 20, 24), False, ("c", "y", "x")),
        ((2, 3, 20, 24), False, ("time", "depth", "row", "column")),
    ],
)
def test_colours_and_stacks_come_back_as_one_layer(
    tmp_path: Path, name: str, shape: tuple[int, ...], rgb: bool, labels: tuple[str, ...]
) -> None:
    scale = np.linspace(0.3, 2, len(labels))
    layer = Image(
        values(shape, "uint8"), rgb=rgb, axis_labels=labels, scale=scale, translate=scale * 3
    )
    save(layer, tmp_path / name)
    found = reopen(tmp_path / name)
    np.testing.assert_array_equal(found.data, layer.data)
    assert found.rgb == rgb
    assert_same_place(found, layer)
    assert "napari_gifnet" not in found.metadata


@pytest.mark.parametrize("name", KINDS)
def test_other_programs_see_the_place(tmp_path: Path, name: str) -> None:
    layer = Image(
        values((3, 20, 33), "uint16"),
        scale=(2, 0.5, 0.25),
        translate=(7, -3, 11),
        units=("um",) * 3,
        axis_labels=("z", "y", "x"),
    )
    save(layer, tmp_path / name)
    if name.endswith("zarr"):
        image: Any = read_ngff(tmp_path / name)
    else:
        (image,) = read_images(tmp_path / name)
    assert image.axes == "ZYX"
    assert image.scale == (2, 0.5, 0.25)
    assert image.translate == (7, -3, 11)
    assert image.units == ("um",) * 3
    if name == "a.ome.tif":
        with tifffile.TiffFile(tmp_path / name) as tif:
            xml = tif.ome_metadata or ""
        assert xml.count('PositionX="11.0"') == 3
        assert 'PositionZ="9.0"' in xml


def test_positions_in_unknown_units_place_nothing(tmp_path: Path) -> None:
    metadata = {
        "axes": "YX",
        "PhysicalSizeX": 0.5,
        "PhysicalSizeXUnit": "µm",
        "Plane": {"PositionX": [900.0]},
    }
    tifffile.imwrite(tmp_path / "a.ome.tif", np.zeros((8, 8), np.uint8), metadata=metadata)
    (image,) = read_images(tmp_path / "a.ome.tif")
    assert image.translate == (0, 0)


def test_napari_finds_the_writers(viewer: Any, tmp_path: Path) -> None:
    layer = viewer.add_image(values((40, 40), "uint8"), **PLACE)
    for name in ("a.ome.tif", "a.tif", "a.ome.zarr"):
        path = tmp_path / name
        assert layer.save(str(path), plugin="napari-gifnet") == [str(path)]
        (found,) = viewer.open(path, plugin="napari-gifnet")
        assert_same_place(found, layer)


def test_pyramids_lie_where_the_image_lies(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.zarr"
    data = values((1030, 515), "uint16")
    write_ngff(path, data, axes="YX", scale=(0.5, 2), translate=(10, 20), units=("um", "um"))
    image = read_ngff(path)
    assert [level.shape for level in image.levels] == [(1030, 515), (515, 258), (258, 129)]
    np.testing.assert_array_equal(image.levels[0][...], data)
    block = data[2:4, 4:6].astype(float).mean()
    assert image.levels[1][1, 2] == np.rint(block)
    group = zarr.open_group(path, mode="r")
    assert group.metadata.zarr_format == 2
    (described,) = group.attrs["multiscales"]
    assert [axis["unit"] for axis in described["axes"]] == ["micrometer"] * 2
    scale, translation = described["datasets"][1]["coordinateTransformations"]
    assert scale["scale"] == [1.0, 4.0]
    # The middle of fine pixels 0 and 1.
    assert translation["translation"] == [10.25, 21.0]


def test_large_zarr_opens_lazily_with_its_levels(
    viewer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_gifnet.io.reader.MEMORY_MAP_BYTES", 1000)
    path = tmp_path / "a.ome.zarr"
    data = values((600, 700, 3), "uint8")
    write_zarr(str(path), data, Image(data, rgb=True, **PLACE).as_layer_data_tuple()[1])
    (layer,) = viewer.open(path, plugin="napari-gifnet")
    assert layer.multiscale
    assert layer.rgb
    assert layer.data[0].shape == (600, 700, 3)
    assert layer.data[1].shape == (300, 350, 3)
    assert hasattr(layer.data[0], "dask")


def test_ngff_of_others(viewer: Any, tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=3)
    group.create_array("s0", data=values((2, 8, 10), "uint16"))
    axes = [{"name": "c", "type": "channel"}]
    axes += [{"name": a, "type": "space", "unit": "nanometer"} for a in "yx"]
    transform = [{"type": "scale", "scale": [1, 5, 6]}]
    dataset = {"path": "s0", "coordinateTransformations": transform}
    group.attrs["ome"] = {
        "version": "0.5",
        "multiscales": [{"axes": axes, "datasets": [dataset]}],
        "omero": {"channels": [{"label": "DAPI"}, {"label": "GFP"}]},
    }
    layers = viewer.open(tmp_path / "a.zarr", plugin="napari-gifnet")
    assert [layer.name for layer in layers] == ["a DAPI", "a GFP"]
    assert tuple(layers[0].scale) == (5, 6)
    assert [str(unit) for unit in layers[0].units] == ["nanometer"] * 2


def test_damaged_stores_are_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    write_ngff(path, values((8, 8), "uint8"), axes="YX")
    (path / "0" / ".zarray").write_text("{}")
    reader = get_reader(str(path))
    assert reader is not None
    with pytest.raises(ReadError, match=r"a\.zarr"):
        reader(str(path))
    (path / ".zattrs").write_text('{"multiscales": [{"axes": 3}]}')
    with pytest.raises(ReadError, match=r"a\.zarr"):
        reader(str(path))


@pytest.mark.parametrize(
    ("axes", "shape", "match"),
    [("YX", (2, 8, 8), "do not fit"), ("QTCZYX", (1, 1, 1, 1, 8, 8), "more than 5"),
     ("CYXS", (2, 8, 8, 3), "channels and colours"), ("XY", (8, 8), "end in YX")],
)  # fmt: skip
def test_what_ome_zarr_cannot_hold(
    tmp_path: Path, axes: str, shape: tuple[int, ...], match: str
) -> None:
    with pytest.raises(WriteError, match=match):
        write_ngff(tmp_path / "a.zarr", np.zeros(shape), axes=axes)
    assert not list(tmp_path.iterdir())


def test_failed_writes_leave_what_was_there(tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "a.zarr"
    old = values((8, 8), "uint8")
    write_ngff(path, old, axes="YX")

    class Broken(np.ndarray):
        def __getitem__(self, key: Any) -> Any:
            raise OSError(28, "No space left on device")

    with pytest.raises(WriteError, match="No space left"):
        write_ngff(path, old.view(Broken), axes="YX")
    assert [found.name for found in tmp_path.iterdir()] == ["a.zarr"]
    np.testing.assert_array_equal(read_ngff(path).levels[0][...], old)
    write_ngff(path, old + 1, axes="YX")
    np.testing.assert_array_equal(read_ngff(path).levels[0][...], old + 1)
    assert [found.name for found in tmp_path.iterdir()] == ["a.zarr"]


def test_types_that_ome_tiff_lacks_are_said(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="tif can hold any image"):
        write_image(tmp_path / "a.ome.tif", np.zeros((8, 8), np.int64), axes="YX")


def test_axis_letters() -> None:
    assert axis_letters(("y", "x"), 2) == "YX"
    assert axis_letters(("-4", "-3", "-2", "-1"), 4) == "TZYX"
    assert axis_letters(("z", "t", "a", "b"), 4) == "ZTYX"
    assert axis_letters(("p", "z", "y", "x"), 4) == "TZYX"
