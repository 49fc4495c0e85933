"""Damaged headers of files: only `GifnetError`s, whatever bytes a file has."""

from __future__ import annotations

import contextlib
import io
import logging
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import tifffile
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gifnet.errors import GifnetError
from gifnet.io import Image, read_images, write_image
from gifnet.io.geo.systems import system_of
from tests.helpers.placed_files import scene, write_ground

PLANE = scene(24).astype(np.uint8)
FEW = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Silence the libraries, which report what is damaged in their own ways."""
    logging.disable(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    logging.disable(logging.NOTSET)


def read_or_refuse(path: Path) -> None:
    """Read all pixels of a file, or fail with an error of ours."""
    with contextlib.suppress(GifnetError):
        for image in read_images(path):
            assert image.world.shape
            if image.data.size < 10**6:
                np.asarray(image.data)


def samples(folder: Path) -> dict[str, bytes]:
    """Return small valid files of many dialects."""
    colour = np.stack([PLANE] * 3, -1)
    exif = PIL.Image.Exif()
    exif[271] = "Camera"
    exif.get_ifd(0x8825).update({1: "N", 2: (47.0, 30.0, 0.0)})
    made: dict[str, Any] = {
        "plain.tif": lambda path: tifffile.imwrite(path, PLANE),
        "tiled.tif": lambda path: tifffile.imwrite(path, PLANE, tile=(16, 16), compression="zlib"),
        "colour.tif": lambda path: tifffile.imwrite(path, colour, photometric="rgb"),
        "imagej.tif": lambda path: tifffile.imwrite(
            path, np.stack([PLANE] * 2), imagej=True, metadata={"axes": "ZYX", "unit": "um"}
        ),
        "image.ome.tif": lambda path: write_image(
            path, Image(np.stack([PLANE] * 2), "ZYX", (1, 2, 2), ("um",) * 3, record={"a": 1})
        ),
        "ground.tif": lambda path: write_ground(path, PLANE, 10),
        "photo.tif": lambda path: PIL.Image.fromarray(colour).save(path, exif=exif),
        "photo.jpg": lambda path: PIL.Image.fromarray(colour).save(path, exif=exif),
        "photo.png": lambda path: PIL.Image.fromarray(colour).save(path, exif=exif),
    }
    found = {}
    for name, make in made.items():
        make(folder / name)
        found[name] = (folder / name).read_bytes()
    return found


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return samples(tmp_path_factory.mktemp("samples"))


def changed(content: bytes, changes: list[tuple[int, bytes]]) -> bytes:
    """Return bytes with some replaced. Places are spread over the file, most in its headers."""
    found = bytearray(content)
    for place, new in changes:
        at = place % len(found)
        found[at : at + len(new)] = new
    return bytes(found)


WORDS = st.one_of(
    st.binary(min_size=1, max_size=4),
    st.sampled_from([struct.pack("<I", n) for n in (0, 1, 2**31 - 1, 2**32 - 1, 65535)]),
)
CHANGES = st.lists(
    st.tuples(st.one_of(st.integers(0, 400), st.integers(0, 10**6)), WORDS), min_size=1, max_size=6
)


@pytest.mark.parametrize(
    "name", ["plain.tif", "tiled.tif", "colour.tif", "imagej.tif", "image.ome.tif", "ground.tif",
             "photo.tif", "photo.jpg", "photo.png"]
)  # fmt: skip
@given(changes=CHANGES, cut=st.one_of(st.none(), st.integers(1, 10**6)))
@FEW
def test_changed_bytes(
    name: str, files: dict[str, bytes], tmp_path: Path, changes: Any, cut: int | None
) -> None:
    content = changed(files[name], changes)
    path = tmp_path / name
    path.write_bytes(content[: cut % len(content)] if cut else content)
    read_or_refuse(path)


NUMBERS = st.one_of(st.integers(-3, 70000).map(str), st.sampled_from(["", "nan", "inf", "1e999"]))
ATTRIBUTES = ("SizeX", "SizeY", "SizeZ", "SizeC", "SizeT", "PhysicalSizeX", "PhysicalSizeXUnit",
              "Type", "DimensionOrder", "IFD", "FirstZ", "PlaneCount", "ID")  # fmt: skip


@given(values=st.dictionaries(st.sampled_from(ATTRIBUTES), st.one_of(NUMBERS, st.text(max_size=5))))
@FEW
def test_attributes_of_ome(tmp_path: Path, values: dict[str, str]) -> None:
    from xml.sax.saxutils import quoteattr

    defaults = {
        "SizeX": "24", "SizeY": "24", "SizeZ": "1", "SizeC": "1", "SizeT": "1", "Type": "uint8",
        "DimensionOrder": "XYZCT", "PhysicalSizeX": "2", "PhysicalSizeXUnit": "µm", "IFD": "0",
        "FirstZ": "0", "PlaneCount": "1", "ID": "Pixels:0",
    }  # fmt: skip
    inner, outer = ("IFD", "FirstZ", "PlaneCount"), []
    tiff = []
    for key, value in {**defaults, **values}.items():
        text = "".join(c for c in value if c.isprintable())
        (tiff if key in inner else outer).append(f"{key}={quoteattr(text)}")
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/'
        f'OME/2016-06"><Image ID="Image:0"><Pixels {" ".join(outer)}><Channel ID="Channel:0:0"/>'
        f"<TiffData {' '.join(tiff)}/></Pixels></Image></OME>"
    )
    path = tmp_path / "image.ome.tif"
    content = xml.encode("utf-8", "replace")
    tifffile.imwrite(path, PLANE, description=content, metadata=None)
    read_or_refuse(path)


SHORTS = st.one_of(st.integers(0, 65535), st.sampled_from([0, 1, 2, 1024, 2048, 3072, 3076, 34737]))


@given(
    keys=st.lists(SHORTS, max_size=24),
    doubles=st.lists(st.floats(), max_size=4),
    text=st.text(max_size=12),
)
@example(keys=[1, 1, 0, 1, 3072, 0, 1], doubles=[], text="")
@FEW
def test_any_keys_of_a_reference_system(keys: list[int], doubles: list[float], text: str) -> None:
    with contextlib.suppress(GifnetError):
        system_of({34735: tuple(keys), 34736: tuple(doubles), 34737: text})


@given(
    keys=st.lists(SHORTS, min_size=4, max_size=16),
    scale=st.lists(st.floats(), min_size=3, max_size=3),
    tie=st.lists(st.floats(), min_size=6, max_size=6),
)
@FEW
def test_any_tags_of_a_geotiff(
    tmp_path: Path, keys: list[int], scale: list[float], tie: list[float]
) -> None:
    path = tmp_path / "ground.tif"
    tags = [
        (33550, "d", 3, tuple(scale), True),
        (33922, "d", 6, tuple(tie), True),
        (34735, "H", len(keys), tuple(keys), True),
    ]
    tifffile.imwrite(path, PLANE, extratags=tags, metadata=None)
    read_or_refuse(path)


@given(content=st.binary(max_size=200), header=st.booleans())
@FEW
def test_any_bytes_of_exif(tmp_path: Path, content: bytes, header: bool) -> None:
    exif = (b"Exif\0\0II*\0\x08\0\0\0" if header else b"") + content
    file = io.BytesIO()
    PIL.Image.fromarray(PLANE).save(file, "jpeg", exif=exif)
    path = tmp_path / "photo.jpg"
    path.write_bytes(file.getvalue())
    read_or_refuse(path)
    write_image(tmp_path / "again.tif", read_images(path)[0])
