"""What the table of formats promises, for every format that is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageCms
import pytest

from gifnet.io import FORMATS, Format, Georeference, Image, read_image, write_image
from gifnet.io.formats import KEPT
from gifnet.io.pixels.exif import Photo
from tests.helpers.placed_files import write_ground
from tools.formats import PAGE, page_with_table

WRITTEN = [form for form in FORMATS if form.writer]
GREY = np.random.default_rng(0).integers(0, 200, (40, 50)).astype(np.uint8)
TURN = np.array([[0.8, -0.6], [0.6, 0.8]])


def test_the_page_has_the_table_of_the_code() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == page_with_table(page), "run: python -m tools.formats"


def written(form: Format, folder: Path, image: Image) -> Image:
    form.require_package("The test", pytest.skip.Exception)  # type: ignore[arg-type]
    path = folder / f"image{form.written[0]}"
    write_image(path, image)
    return read_image(path)


def georeference(folder: Path) -> Georeference:
    place = read_image(write_ground(folder / "ground.tif", GREY, 10)).georeference
    assert place is not None
    return place


def photo() -> Photo:
    exif = PIL.Image.Exif()
    exif[271] = "Camera"
    exif.get_ifd(0x8769).update({0x9003: "2026:01:02 03:04:05"})
    profile = PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("sRGB")).tobytes()
    return Photo(profile, exif.tobytes())


def has_exif(found: Image) -> bool:
    exif = PIL.Image.Exif()
    exif.load(found.photo.exif)
    return exif.get_ifd(0x8769).get(0x9003) == "2026:01:02 03:04:05"


def kept(name: str, form: Format, folder: Path) -> bool:
    """Return whether a file of the format gives back what it was given."""
    placed: Any = {"scale": (2, 3), "units": ("mm", "mm"), "translate": (5, 6)}
    if name == "reference system":
        found = written(form, folder, Image(GREY, "YX", georeference=georeference(folder)))
        return found.georeference is not None and found.georeference.system_name == "EPSG:32633"
    if name == "direction":
        found = written(form, folder, Image(GREY, "YX", **placed, direction=TURN))
        return found.direction is not None and np.allclose(found.direction, TURN)
    if name == "record":
        return written(form, folder, Image(GREY, "YX", record={"a": 1})).record == {"a": 1}
    found = written(form, folder, Image(np.stack([GREY] * 3, -1), "YXS", photo=photo()))
    return found.photo.profile == photo().profile if name == "profile" else has_exif(found)


@pytest.mark.parametrize("form", WRITTEN, ids=lambda form: form.name)
@pytest.mark.parametrize("name", KEPT)
def test_files_keep_what_the_table_says(name: str, form: Format, tmp_path: Path) -> None:
    assert kept(name, form, tmp_path) == (name in form.keeps)


@pytest.mark.parametrize("form", WRITTEN, ids=lambda form: form.name)
def test_files_keep_the_place_and_nodata_if_the_table_says_so(form: Format, tmp_path: Path) -> None:
    image = Image(GREY, "YX", (2, 3), ("mm", "mm"), (5, 6), nodata=7)
    found = written(form, tmp_path, image)
    is_same = (found.scale, found.units, found.translate) == ((2, 3), ("mm", "mm"), (5, 6))
    assert is_same == form.place
    assert (found.nodata == 7) == form.nodata
