"""The reader: TIFF files and folders with a pair."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from gifnet.errors import ReadError
from gifnet.io import find_pair, write_image
from napari_gifnet import fuse_layers
from napari_gifnet.io.reader import get_reader
from napari_gifnet.layers.sampling import sample_plane
from napari_gifnet.layers.snapshot import snapshot


def write(path: Path, value: int = 0, shape: tuple[int, ...] = (8, 10)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, np.full(shape, value, np.uint8), axes="YX")
    return path


@pytest.mark.parametrize("name", ["a.png", "a.zarr", "a.npy", "a.txt"])
def test_what_is_not_its_business_is_declined(tmp_path: Path, name: str) -> None:
    assert get_reader(str(tmp_path / name)) is None


def test_folders_without_images_and_lists_are_declined(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("words")
    assert get_reader(str(tmp_path)) is None
    store = tmp_path / "image.zarr"
    write(store / "0" / "a.tif")
    assert get_reader(str(store)) is None
    files = [str(write(tmp_path / name)) for name in ("a.tif", "b.tif")]
    assert get_reader(files) is None


def test_tiff_opens_with_its_place(viewer: Any, tmp_path: Path) -> None:
    path = tmp_path / "cells.tif"
    data = np.random.default_rng(0).integers(0, 4000, (3, 24, 32), dtype=np.uint16)
    write_image(path, data, axes="ZYX", scale=(2, 0.5, 0.25), units=("um",) * 3)
    (layer,) = viewer.open(path, plugin="napari-gifnet")
    assert layer.name == "cells"
    assert not layer.rgb
    np.testing.assert_array_equal(layer.data, data)
    assert layer.scale == pytest.approx((2, 0.5, 0.25))
    assert [str(unit) for unit in layer.units] == ["micrometer"] * 3
    assert layer.axis_labels == ("z", "y", "x")


@pytest.mark.parametrize("large", [False, True])
def test_nodata_pixels_are_missing(
    viewer: Any,
    tmp_path: Path,
    random_weights: Path,
    large: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = np.random.default_rng(0).integers(100, 4000, (2, 24, 32)).astype(np.int16)
    data[:, :5] = -9999
    path = tmp_path / "scene.tif"
    tag = (42113, "s", 0, "-9999", True)
    tifffile.imwrite(
        path, data, photometric="minisblack", metadata={"axes": "CYX"}, extratags=[tag]
    )
    if large:
        monkeypatch.setattr("gifnet.io.tiff.MEMORY_MAP_BYTES", 0)
    layers = viewer.open(path, plugin="napari-gifnet")
    assert len(layers) == 2
    shown = snapshot(layers[0])
    sampled = sample_plane(shown, shown.grid, shown.grid)
    np.testing.assert_array_equal(np.isnan(sampled), data[0] == -9999)
    fused = fuse_layers(*layers, weights=random_weights, device="cpu")[0]
    assert (fused.data[:5] == 0).all()
    assert fused.data[5:].min() >= 100


def test_channels_become_layers(viewer: Any, tmp_path: Path) -> None:
    path = tmp_path / "cells.ome.tif"
    tifffile.imwrite(
        path,
        np.zeros((2, 5, 24, 32), np.uint16),
        photometric="minisblack",
        metadata={
            "axes": "CZYX",
            "Channel": {"Name": ["DAPI", "GFP"]},
            "PhysicalSizeX": 0.25,
            "PhysicalSizeY": 0.5,
            "PhysicalSizeZ": 2.0,
        },
    )
    layers = viewer.open(path, plugin="napari-gifnet")
    assert [layer.name for layer in layers] == ["cells DAPI", "cells GFP"]
    for layer in layers:
        assert layer.data.shape == (5, 24, 32)
        assert tuple(layer.scale) == (2.0, 0.5, 0.25)
        assert layer.axis_labels == ("z", "y", "x")


def test_colour_is_explicit(viewer: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    write_image(path, np.zeros((8, 10, 3), np.uint8), axes="YXS")
    (layer,) = viewer.open(path, plugin="napari-gifnet")
    assert layer.rgb


def test_provenance_comes_back(viewer: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    write_image(path, np.zeros((8, 10)), axes="YX", description={"model": "gifnet"})
    (layer,) = viewer.open(path, plugin="napari-gifnet")
    assert layer.metadata["napari_gifnet"] == {"model": "gifnet"}


def test_folder_with_a_pair_opens_as_two_layers(viewer: Any, tmp_path: Path) -> None:
    write(tmp_path / "scene_VIS.png", 7)
    write(tmp_path / "scene_IR.tif", 9)
    layers = viewer.open(tmp_path, plugin="napari-gifnet")
    assert [layer.name for layer in layers] == ["scene_IR", "scene_VIS"]
    assert [layer.data[0, 0] for layer in layers] == [9, 7]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a.png", "b.png"], ["a.png", "b.png"]),
        (["mri.png", "pet.png"], ["pet.png", "mri.png"]),
        (["T1_01.tif", "SPECT_01.tif"], ["SPECT_01.tif", "T1_01.tif"]),
        (["far focus.jpg", "near focus.jpg"], ["near focus.jpg", "far focus.jpg"]),
        (["under.png", "over.png", "result.png"], ["over.png", "under.png"]),
        (["pan/x.tif", "ms/x.tif"], ["ms/x.tif", "pan/x.tif"]),
        (["Visible/1.png", "Infrared/1.png"], ["Infrared/1.png", "Visible/1.png"]),
        (["one/1.png", "two/1.png"], ["one/1.png", "two/1.png"]),
        (["nir.png", "rgb.png"], ["nir.png", "rgb.png"]),
    ],
)
def test_pairs_are_made_out(tmp_path: Path, names: list[str], expected: list[str]) -> None:
    for name in names:
        write(tmp_path / name)
    found = [str(path.relative_to(tmp_path)) for path in find_pair(tmp_path)]
    assert found == expected


def test_folders_of_sub_folders_without_a_pair_are_left_to_others(tmp_path: Path) -> None:
    for name in ("ir/1.png", "ir/2.png", "vis/1.png", "vis/2.png"):
        write(tmp_path / name)
    assert get_reader(str(tmp_path)) is None


def test_damaged_file_is_one_clear_error(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif")
    path.write_bytes(path.read_bytes()[:100])
    reader = get_reader(str(path))
    assert reader is not None
    with pytest.raises(ReadError, match=r"a\.tif"):
        reader(str(path))


def test_bands_of_a_geotiff_keep_their_names(viewer: Any, tmp_path: Path) -> None:
    from gifnet.io import Georeference, write_geotiff

    items = "".join(
        f'<Item name="DESCRIPTION" sample="{index}" role="description">{name}</Item>'
        for index, name in enumerate(("blue", "green", "red", "nir"))
    )
    tags = {42112: f"<GDALMetadata>{items}</GDALMetadata>"}
    bands = np.zeros((4, 8, 9), np.uint16)
    write_geotiff(tmp_path / "ms.tif", bands, Georeference(np.diag([-2.0, 2.0, 1.0]), tags))
    viewer.open(tmp_path / "ms.tif", plugin="napari-gifnet")
    assert [layer.name for layer in viewer.layers] == ["ms blue", "ms green", "ms red", "ms nir"]
