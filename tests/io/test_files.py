"""Image files in and out."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.testing import assert_array_equal

from gifnet.errors import ReadError, WriteError
from gifnet.io import read_images, tiff, write_image

RECORD = {"model": "gifnet", "options": {"task": None, "tile": 0}, "unit": "µm"}


def pixels(shape: tuple[int, ...], dtype: str = "uint16") -> np.ndarray:
    return (np.random.default_rng(0).random(shape) * 250).astype(dtype)


@pytest.mark.parametrize(
    ("name", "axes", "shape", "dtype", "scale", "units"),
    [
        ("imagej.tif", "ZYX", (5, 24, 32), "uint16", (2.0, 0.5, 0.25), ("um",) * 3),
        ("imagej-time.tif", "TYX", (4, 24, 32), "float32", (10.0, 0.5, 0.5), ("s", "um", "um")),
        ("imagej-rgb.tif", "YXS", (24, 32, 3), "uint8", (0.5, 0.25), ("um", "um")),
        ("stack-rgba.tiff", "ZYXS", (3, 24, 32, 4), "uint16", (3.0, 0.5, 0.25), ("mm",) * 3),
        ("double.tif", "YX", (24, 32), "float64", (0.5, 0.25), ("m", "m")),
        ("half.tif", "YX", (24, 32), "float16", (1.0, 1.0), ("pixel", "pixel")),
        ("mask.tif", "YX", (24, 32), "bool", (1.0, 1.0), ("pixel", "pixel")),
        ("long.tif", "YX", (24, 32), "int64", (7.0, 7.0), ("nm", "nm")),
        ("mixed.tif", "ZYX", (2, 24, 32), "uint8", (1.0, 2.0, 2.0), ("mm", "um", "um")),
        ("a.ome.tif", "CZYX", (2, 5, 24, 32), "uint16", (1.0, 3.0, 0.5, 0.25),
         ("pixel", "um", "um", "um")),
        ("b.ome.tiff", "TYXS", (2, 24, 32, 3), "uint8", (10.0, 0.5, 0.25), ("s", "um", "um")),
        ("c.ome.tif", "YX", (24, 32), "float32", (3.0, 3.0), ("pixel", "pixel")),
    ],
)  # fmt: skip
def test_tiff_keeps_pixels_sizes_and_record(
    tmp_path: Path,
    name: str,
    axes: str,
    shape: tuple[int, ...],
    dtype: str,
    scale: tuple[float, ...],
    units: tuple[str, ...],
) -> None:
    data = pixels(shape, dtype)
    write_image(tmp_path / name, data, axes=axes, scale=scale, units=units, description=RECORD)
    (image,) = read_images(tmp_path / name)
    assert_array_equal(image.data, data)
    assert image.data.dtype == data.dtype
    assert image.axes == axes
    assert image.scale == pytest.approx(scale, rel=1e-6)
    assert image.units == units
    assert image.metadata["gifnet"] == RECORD
    assert image.name == name.split(".")[0]
    assert image.channel_axis == (axes.index("S") if "S" in axes else None)
    assert [file.name for file in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("name", "axes", "shape", "dtype"),
    [
        ("a.png", "YX", (24, 32), "uint8"),
        ("b.png", "YX", (24, 32), "uint16"),
        ("c.png", "YXS", (24, 32, 4), "uint8"),
        ("d.PNG", "YXS", (24, 32, 3), "uint8"),
    ],
)
def test_png_is_lossless(
    tmp_path: Path, name: str, axes: str, shape: tuple[int, ...], dtype: str
) -> None:
    data = pixels(shape, dtype)
    write_image(tmp_path / name, data, axes=axes, description=RECORD)
    (image,) = read_images(tmp_path / name)
    assert_array_equal(image.data, data)
    assert image.axes == axes
    assert image.metadata["gifnet"] == RECORD


def with_nodata(path: Path, data: np.ndarray, text: str, **options: Any) -> Path:
    tifffile.imwrite(path, data, extratags=[(42113, "s", 0, text, True)], **options)
    return path


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize(
    ("dtype", "text"),
    [
        ("float32", "-9999"),
        ("float32", "-3.40282346638529e+38"),
        ("float64", "-1.7976931348623157e+308"),
        ("int16", "-9999"),
        ("int16", "-9999.0"),
        ("uint16", "0 "),
        ("uint64", "18446744073709551615"),
    ],
)
def test_nodata_pixels_are_missing(
    tmp_path: Path, dtype: str, text: str, large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = pixels((20, 24), dtype) + np.array(1, dtype)
    holes = np.zeros(data.shape, bool)
    holes[:5, 3:9] = True
    kind = float if data.dtype.kind == "f" else int
    value = kind(float(text)) if dtype != "uint64" else int(text)
    data[holes] = value
    if large:
        monkeypatch.setattr(tiff, "MEMORY_MAP_BYTES", 0)
    (image,) = read_images(with_nodata(tmp_path / "a.tif", data, text))
    assert hasattr(image.data, "dask") == large
    found = image.data.compute() if large else image.data
    assert found.dtype == data.dtype
    assert image.nodata == data[0, 3]
    missing = np.isnan(found) if data.dtype.kind == "f" else np.ma.getmaskarray(found)
    assert_array_equal(missing, holes)
    assert_array_equal(np.asarray(found)[~holes], data[~holes])


@pytest.mark.parametrize(
    ("dtype", "text"), [("uint16", "-9999"), ("int16", "nan"), ("uint8", "1.5"), ("uint8", "none")]
)
def test_nodata_that_the_type_has_not_stands_for_nothing(
    tmp_path: Path, dtype: str, text: str
) -> None:
    data = pixels((20, 24), dtype)
    (image,) = read_images(with_nodata(tmp_path / "a.tif", data, text))
    assert type(image.data) is np.ndarray
    assert image.nodata is None
    assert_array_equal(image.data, data)


def test_a_colour_is_missing_if_all_its_samples_are(tmp_path: Path) -> None:
    data = pixels((20, 24, 4), "uint8") + np.uint8(1)
    data[2, :, 0] = 0
    data[3, :, :3] = 0
    path = with_nodata(
        tmp_path / "a.tif", data, "0", photometric="rgb", extrasamples=["unassalpha"]
    )
    (image,) = read_images(path)
    missing = np.ma.getmaskarray(image.data)
    assert missing[3].all()
    assert missing.sum() == missing[3].size


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif"])
@pytest.mark.parametrize("dtype", ["int16", "float64"])
def test_nodata_is_written(tmp_path: Path, name: str, dtype: str) -> None:
    data = pixels((20, 24), dtype)
    data[4] = -9999
    write_image(tmp_path / name, data, axes="YX", nodata=-9999, description=RECORD)
    (image,) = read_images(tmp_path / name)
    assert image.nodata == -9999
    assert image.metadata["gifnet"] == RECORD
    missing = np.ma.getmaskarray(np.ma.masked_invalid(image.data))
    assert missing[4].all()
    assert missing.sum() == 24


def test_jpeg_is_near(tmp_path: Path) -> None:
    data = np.full((24, 32, 3), 100, np.uint8)
    write_image(tmp_path / "a.jpg", data, axes="YXS")
    (image,) = read_images(tmp_path / "a.jpg")
    assert np.abs(image.data.astype(int) - 100).max() <= 2


def test_ome_channels_units_and_several_images(tmp_path: Path) -> None:
    path = tmp_path / "two.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as writer:
        for name, size in (("left", 0.5), ("right", 2.0)):
            writer.write(
                pixels((2, 24, 32)),
                photometric="minisblack",
                metadata={
                    "axes": "CYX",
                    "Name": name,
                    "Channel": {"Name": ["DAPI", "GFP"]},
                    "PhysicalSizeX": size,
                    "PhysicalSizeXUnit": "nm",
                    "PhysicalSizeY": size,
                },
            )
    left, right = read_images(path)
    assert (left.name, right.name) == ("two [left]", "two [right]")
    assert left.channel_names == ("DAPI", "GFP")
    assert left.scale == (1.0, 0.5, 0.5)
    assert right.units == ("pixel", "um", "nm")
    assert right.scale[-1] == 2.0


def test_plain_pages_and_resolution(tmp_path: Path) -> None:
    path = tmp_path / "pages.tif"
    tifffile.imwrite(
        path, pixels((3, 24, 32)), photometric="minisblack", metadata=None,
        resolution=(20_000, 10_000), resolutionunit="CENTIMETER",
    )  # fmt: skip
    (image,) = read_images(path)
    assert image.data.shape == (3, 24, 32)
    assert image.scale == pytest.approx((1.0, 1.0, 0.5))
    assert image.units == ("pixel", "um", "um")
    tifffile.imwrite(path, pixels((24, 32)), resolution=(300, 300), resolutionunit="INCH")
    assert read_images(path)[0].units == ("pixel", "pixel")  # print resolution says nothing


def test_geotiff_is_placed_by_its_tags(tmp_path: Path) -> None:
    path = tmp_path / "ms.tif"
    keys = (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3076, 0, 1, 9001)
    tifffile.imwrite(
        path, pixels((4, 24, 32)), photometric="minisblack", planarconfig="separate",
        metadata=None,
        extratags=[
            (33550, "d", 3, (2.0, 2.0, 0.0), True),
            (33922, "d", 6, (0.0, 0.0, 0.0, 500.0, 900.0, 0.0), True),
            (34735, "H", len(keys), keys, True),
        ],
    )  # fmt: skip
    (image,) = read_images(path)
    assert image.axes == "CYX"
    assert image.units == ("pixel", "m", "m")
    assert image.scale == (1.0, 2.0, 2.0)
    # The tie point is a corner, the position that of a pixel's centre; rows run south.
    assert image.translate == (0.0, -900.0 + 1.0, 500.0 + 1.0)


def test_samples_are_colour_only_if_the_file_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    four = pixels((24, 32, 4))
    tifffile.imwrite(path, four, photometric="minisblack", planarconfig="contig", metadata=None)
    (image,) = read_images(path)
    assert image.axes == "CYX"
    assert_array_equal(image.data, np.moveaxis(four, -1, 0))
    planar = pixels((3, 24, 32), "uint8")
    tifffile.imwrite(path, planar, photometric="rgb", planarconfig="separate", metadata=None)
    (image,) = read_images(path)
    assert image.axes == "YXS"
    assert_array_equal(image.data, np.moveaxis(planar, 0, -1))


def test_palettes_become_colour(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    index = pixels((24, 32), "uint8")
    colours = np.random.default_rng(1).integers(0, 2**16, (3, 256), dtype=np.uint16)
    tifffile.imwrite(path, index, photometric="palette", colormap=colours, metadata=None)
    (image,) = read_images(path)
    assert_array_equal(image.data, np.moveaxis(colours[:, index] >> 8, 0, -1))


def test_large_files_are_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiff, "MEMORY_MAP_BYTES", 100)
    data = pixels((3, 24, 32))
    write_image(tmp_path / "a.tif", data, axes="ZYX")
    (image,) = read_images(tmp_path / "a.tif")
    assert isinstance(image.data, np.memmap)
    assert not image.data.flags.writeable
    assert_array_equal(image.data, data)
    tifffile.imwrite(tmp_path / "b.tif", data, compression="zlib", photometric="minisblack")
    assert not isinstance(read_images(tmp_path / "b.tif")[0].data, np.memmap)


def test_every_cut_of_a_tiff_is_one_read_error(tmp_path: Path) -> None:
    whole = tmp_path / "whole.tif"
    tifffile.imwrite(
        whole, pixels((4, 24, 32)), photometric="minisblack", metadata=None, contiguous=False
    )
    content = whole.read_bytes()
    for length in range(0, len(content) - 1, 97):
        (tmp_path / "cut.tif").write_bytes(content[:length])
        with pytest.raises(ReadError, match=r"cut\.tif"):
            read_images(tmp_path / "cut.tif")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.tif", b""),
        ("text.tif", b"This is no image, whatever its name says."),
        ("header.tif", b"II*\0\x08\0\0\0"),
        ("empty.png", b""),
        ("text.png", b"This is no image."),
        ("header.png", b"\x89PNG\r\n\x1a\n"),
        ("text.jpg", b"This is no image."),
        ("notes.txt", b"words"),
    ],
)
def test_unreadable_files_are_read_errors(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ReadError, match=name):
        read_images(tmp_path / name)


def test_missing_files_and_folders_are_read_errors(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="no file"):
        read_images(tmp_path / "none.tif")
    with pytest.raises(ReadError, match="folder"):
        read_images(tmp_path)


def test_truncated_pictures_are_read_errors(tmp_path: Path) -> None:
    for name in ("a.png", "a.jpg"):
        write_image(tmp_path / name, pixels((64, 64), "uint8"), axes="YX")
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content[: len(content) // 2])
        with pytest.raises(ReadError, match="cut short"):
            read_images(tmp_path / name)


@pytest.mark.parametrize("channels", [3, 4])
def test_colour_png_of_16_bits_keeps_them(tmp_path: Path, channels: int) -> None:
    import imagecodecs

    data = pixels((9, 12, channels))
    (tmp_path / "deep.png").write_bytes(imagecodecs.png_encode(data))
    [image] = read_images(tmp_path / "deep.png")
    assert image.axes == "YXS"
    np.testing.assert_array_equal(image.data, data)


@pytest.mark.parametrize("compression", ["lzw", "deflate", "zstd", "jpeg2000", "packbits"])
def test_compressed_tiff(tmp_path: Path, compression: str) -> None:
    data = pixels((40, 50))
    tifffile.imwrite(tmp_path / "a.tif", data, compression=compression)
    [image] = read_images(tmp_path / "a.tif")
    np.testing.assert_array_equal(image.data, data)


@pytest.mark.parametrize(
    ("name", "data", "axes"),
    [
        ("a.gif", np.zeros((8, 8), np.uint8), "YX"),
        ("a.png", np.zeros((8, 8), np.float32), "YX"),
        ("a.png", np.zeros((8, 8, 3), np.uint16), "YXS"),
        ("a.jpg", np.zeros((8, 8), np.uint16), "YX"),
        ("a.jpg", np.zeros((2, 8, 8), np.uint8), "ZYX"),
        ("a.ome.tif", np.zeros((8, 8), np.float16), "YX"),
        ("a.tif", np.zeros((8, 8), np.uint8), "ZYX"),
        ("none/a.tif", np.zeros((8, 8), np.uint8), "YX"),
    ],
)
def test_what_cannot_be_written_is_said_and_leaves_nothing(
    tmp_path: Path, name: str, data: np.ndarray, axes: str
) -> None:
    with pytest.raises(WriteError):
        write_image(tmp_path / name, data, axes=axes)
    assert not list(tmp_path.iterdir())


def test_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.tif"
    write_image(path, np.ones((8, 8), np.uint8), axes="YX")
    before = path.read_bytes()

    def full(file: Any, *args: Any, **kwargs: Any) -> None:
        Path(file).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tifffile, "imwrite", full)
    with pytest.raises(WriteError, match="No space left"):
        write_image(path, np.zeros((8, 8), np.uint8), axes="YX")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_files_appear_only_when_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.tif"
    started, go_on = threading.Event(), threading.Event()
    save = tifffile.imwrite

    def slow(*args: Any, **kwargs: Any) -> None:
        started.set()
        go_on.wait(10)
        save(*args, **kwargs)

    monkeypatch.setattr(tifffile, "imwrite", slow)
    data = np.zeros((8, 8), np.uint8)
    thread = threading.Thread(target=write_image, args=(path, data), kwargs={"axes": "YX"})
    thread.start()
    started.wait(10)
    assert not path.exists()
    go_on.set()
    thread.join()
    assert path.exists()
