"""Kinds of files that people report trouble with, made here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from gifnet.errors import GifnetWarning, ReadError
from gifnet.io import read_image, read_images, write_image
from gifnet.io.pairs import natural_order

GREY = ((np.arange(96) * 7 + np.arange(64)[:, None] * 3) % 251).astype(np.uint8)
RGB = np.stack((GREY, GREY[::-1], 255 - GREY), axis=-1)


def test_zero_may_be_white(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", 255 - GREY, photometric="miniswhite")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").data, GREY)


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    black = 255 - RGB.max(axis=-1)
    white = np.maximum(255 - black.astype(float), 1)[..., None]
    inks = np.rint(255 * (1 - RGB / white)).astype(np.uint8)
    tifffile.imwrite(
        tmp_path / "a.tif", np.concatenate((inks, black[..., None]), -1), photometric="separated"
    )
    image = read_image(tmp_path / "a.tif")
    assert image.axes == "YXS"
    assert np.abs(image.data.astype(int) - RGB).mean() < 3


def test_colour_spaces_that_are_not_read_are_named(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", RGB, photometric="cielab")
    with pytest.raises(ReadError, match="CIELAB"):
        read_images(tmp_path / "a.tif")


def test_orientation_of_tiff_is_applied(tmp_path: Path) -> None:
    tags = [(274, "H", 1, 6, True)]
    tifffile.imwrite(tmp_path / "a.tif", GREY, extratags=tags, metadata=None)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").data, np.rot90(GREY, -1))


def test_transparent_grey_is_missing(tmp_path: Path) -> None:
    alpha = np.full(GREY.shape, 255, np.uint8)
    alpha[:, :10] = 0
    tifffile.imwrite(
        tmp_path / "a.tif", np.stack((GREY, alpha), -1), photometric="minisblack",
        planarconfig="contig", extrasamples=["unassalpha"], metadata=None,
    )  # fmt: skip
    image = read_image(tmp_path / "a.tif")
    assert image.axes == "YX"
    np.testing.assert_array_equal(np.ma.getmaskarray(image.data), alpha == 0)


def test_malformed_ome_xml_gives_pixels(tmp_path: Path) -> None:
    text = '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><a b="&"></OME>'
    tifffile.imwrite(tmp_path / "a.ome.tif", GREY, description=text, metadata=None)
    with pytest.warns(GifnetWarning, match="malformed"):
        np.testing.assert_array_equal(read_image(tmp_path / "a.ome.tif").data, GREY)


def test_thumbnails_are_skipped_and_series_are_chosen(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        writer.write(RGB[::4, ::4], photometric="rgb", subfiletype=1, metadata=None)
        writer.write(RGB, photometric="rgb", metadata=None)
    np.testing.assert_array_equal(read_image(path).data, RGB)
    assert read_image(f"{path}::0").data.shape == (16, 24, 3)
    np.testing.assert_array_equal(read_image(f"{path}::1").data, RGB)
    with pytest.raises(ReadError, match="no series 2"):
        read_image(f"{path}::2")


def test_print_resolution_is_no_pixel_size(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", GREY, resolution=(118.11, 118.11), resolutionunit="CENTIMETER",
        metadata=None,
    )  # fmt: skip
    assert read_image(tmp_path / "a.tif").units == ("pixel", "pixel")


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nii", "a.nrrd", "a.mha"])
def test_volumes_keep_pixels_and_place(tmp_path: Path, name: str) -> None:
    sitk = pytest.importorskip("SimpleITK")
    data = np.arange(4 * 6 * 8, dtype=np.int16).reshape(4, 6, 8)
    write_image(
        tmp_path / name, data, axes="ZYX", scale=(3, 2, 1), units=("mm",) * 3, translate=(5, 6, 7)
    )
    found = sitk.ReadImage(str(tmp_path / name))
    assert found.GetSpacing() == (1, 2, 3)
    assert found.GetOrigin() == (7, 6, 5)
    image = read_image(tmp_path / name)
    np.testing.assert_array_equal(image.data, data)
    assert (image.scale, image.units, image.translate) == ((3, 2, 1), ("mm",) * 3, (5, 6, 7))


def test_a_link_stays_and_its_target_is_written(tmp_path: Path) -> None:
    write_image(tmp_path / "target.tif", GREY, axes="YX")
    (tmp_path / "link.tif").symlink_to(tmp_path / "target.tif")
    write_image(tmp_path / "link.tif", 255 - GREY, axes="YX")
    assert (tmp_path / "link.tif").is_symlink()
    np.testing.assert_array_equal(read_image(tmp_path / "target.tif").data, 255 - GREY)


def test_numbers_in_names_count_by_value() -> None:
    names = [Path(f"z{number}.tif") for number in (1, 10, 2)]
    assert natural_order(names) == [names[0], names[2], names[1]]
