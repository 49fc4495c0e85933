"""Files in, one file out: what is read and written by parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from gifnet import fuse
from gifnet.cli import main
from gifnet.errors import InvalidInputError, WriteError
from gifnet.io import read_image, tiff
from gifnet.workflows import scratch as scratch_module
from gifnet.workflows.scratch import Scratch

OPTIONS = {"device": "cpu", "precision": "float32"}


@pytest.fixture
def planes() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    shape = (72, 90)
    return (rng.random(shape) * 4000).astype(np.uint16), (rng.random(shape) * 255).astype(np.uint16)


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take images of a few kilobytes for large ones."""
    monkeypatch.setattr(tiff, "MEMORY_MAP_BYTES", 1000)
    monkeypatch.setattr(tiff, "DECODE_TO_DISK_BYTES", 1000)
    monkeypatch.setattr(tiff, "_IMAGEJ_COPY_BYTES", 1000)
    monkeypatch.setattr(scratch_module, "SCRATCH_BYTES", 1000)


def call(*arguments: object) -> None:
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    assert not stop.value.code


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_large_tiff_to_tiff(planes, tmp_path, random_weights, compression) -> None:
    paths = [tmp_path / name for name in ("first.tif", "second.tif")]
    for path, plane in zip(paths, planes, strict=True):
        tifffile.imwrite(path, plane, bigtiff=True, compression=compression, tile=(32, 32))
        assert hasattr(read_image(path).data, "dask")  # tiles are decoded when they are read
    out, mask = tmp_path / "fused.tif", tmp_path / "mask.tif"
    settings = ("--weights", random_weights, "--device", "cpu", "--precision", "float32")
    call("fuse", *paths, "-o", out, "--mask", mask, "--tile", "32", "--memory", "1MB", *settings)
    expected, share = fuse(*planes, **OPTIONS, weights=random_weights, tile=32, return_mask=True)
    np.testing.assert_array_equal(read_image(out).data, expected)
    np.testing.assert_array_equal(read_image(mask).data, share)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert "fused.tif" in names
    assert not [name for name in names if name.startswith(".")]


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("colour", [False, True])
def test_zarr_to_zarr(planes, tmp_path, random_weights, colour) -> None:
    pytest.importorskip("zarr")
    from gifnet.io import write_ngff

    first = np.stack([planes[0] >> shift for shift in (0, 1, 2)], -1) if colour else planes[0]
    paths = [tmp_path / name for name in ("first.ome.zarr", "second.zarr")]
    place = {"scale": (0.5, 0.25), "units": ("um", "um"), "translate": (3.0, 4.0)}
    write_ngff(paths[0], first, axes="YXS" if colour else "YX", **place)
    write_ngff(paths[1], planes[1], axes="YX")
    out = tmp_path / "fused.zarr"
    settings = ("--weights", random_weights, "--device", "cpu", "--precision", "float32")
    call("fuse", *paths, "-o", out, "--tile", "32", *settings)
    axis = -1 if colour else None
    expected = fuse(first, planes[1], **OPTIONS, weights=random_weights, tile=32, channel_axis=axis)
    found = read_image(out)
    np.testing.assert_array_equal(np.asarray(found.data), expected)
    assert (found.scale, found.units, found.translate) == tuple(place.values())
    assert found.metadata["gifnet"]["sources"] == ["first", "second"]


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize(
    ("dtype", "value"), [("float32", -9999), ("int16", -9999), ("uint16", 0), ("uint16", 65535)]
)
def test_nodata_comes_back(
    planes, tmp_path, random_weights, monkeypatch, request, dtype, value, big
) -> None:
    if big:
        request.getfixturevalue("large")
    first, second = (plane.astype(dtype) for plane in planes)
    for plane in (first, second):
        np.copyto(plane, 5, where=plane == value)
        plane[10:20, 30:50] = value
    first[40:50] = value
    paths = [tmp_path / name for name in ("first.tif", "second.tif")]
    tag = (42113, "s", 0, str(value), True)
    for path, plane in zip(paths, (first, second), strict=True):
        tifffile.imwrite(path, plane, extratags=[tag])
    out, mask = tmp_path / "fused.tif", tmp_path / "mask.tif"
    settings = ("--weights", random_weights, "--device", "cpu", "--precision", "float32")
    call("fuse", *paths, "-o", out, "--mask", mask, "--tile", "32", "--memory", "1MB", *settings)
    holes = (first == value) & (second == value)
    pixels = tifffile.imread(out)
    np.testing.assert_array_equal(pixels == value, holes)
    with tifffile.TiffFile(out) as tif:
        assert tif.pages.first.tags[42113].value == str(value)
    with tifffile.TiffFile(mask) as tif:
        assert 42113 not in tif.pages.first.tags
    blank = [
        np.where(plane == value, np.nan, plane).astype(np.float32)
        if dtype == "float32"
        else np.ma.masked_equal(plane, value)
        for plane in (first, second)
    ]
    expected = fuse(*blank, **OPTIONS, weights=random_weights, tile=32)
    difference = pixels.astype(float) - np.ma.getdata(expected)
    assert np.abs(difference[~holes]).max() <= (0 if dtype == "float32" else 1)


def test_results_without_holes_have_no_nodata(planes, tmp_path, random_weights) -> None:
    paths = [tmp_path / name for name in ("first.tif", "second.tif")]
    for path, plane in zip(paths, planes, strict=True):
        tifffile.imwrite(path, plane + np.uint16(1), extratags=[(42113, "s", 0, "0", True)])
    out = tmp_path / "fused.tif"
    call("fuse", *paths, "-o", out, "--weights", random_weights, "--device", "cpu")
    with tifffile.TiffFile(out) as tif:
        assert 42113 not in tif.pages.first.tags


def test_scratch_is_in_memory_or_leaves_nothing(tmp_path, monkeypatch) -> None:
    with Scratch(tmp_path / "result.tif") as scratch:
        assert not isinstance(scratch.array((4, 5), np.uint8), np.memmap)
        monkeypatch.setattr(scratch_module, "SCRATCH_BYTES", 10)
        array = scratch.array((4, 5), np.uint8)
        assert isinstance(array, np.memmap)
        array[:] = 7
        assert array.sum() == 140
        assert not list(tmp_path.iterdir())
    with (
        Scratch(tmp_path / "missing" / "result.tif") as scratch,
        pytest.raises(WriteError, match=r"No space left .*missing"),
    ):
        scratch.array((4, 5), np.uint8)


def test_one_image_per_file(tmp_path: Path) -> None:
    path = tmp_path / "two.tif"
    with tifffile.TiffWriter(path) as writer:
        writer.write(np.zeros((8, 8), np.uint8))
        writer.write(np.zeros((9, 8), np.uint8))
    with pytest.raises(InvalidInputError, match=r"contains 2 images .*\(9, 8\)"):
        read_image(path)
