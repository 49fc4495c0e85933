"""The table of formats."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gifnet.io import FORMATS, Format, find_format, read_images, write_image

NAMES = ("a.tif", "a.OME.TIF", "a.btf", "a.jpeg", "a.zarr", "a.gif", "tif", "a")


def test_formats_are_told_by_the_longest_suffix() -> None:
    names = {name: form.name for name in NAMES if (form := find_format(f"scans/{name}"))}
    assert names == {
        "a.tif": "TIFF",
        "a.OME.TIF": "OME-TIFF",
        "a.btf": "TIFF",
        "a.jpeg": "JPEG",
        "a.zarr": "OME-Zarr",
    }


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_every_format_writes_what_it_holds_and_reads_it(tmp_path: Path, form: Format) -> None:
    for suffix in form.written:
        held = form.pixels or {1: ("uint16",), 3: ("uint8",)}
        for samples, types in held.items():
            shape = (40, 50) if samples == 1 else (40, 50, samples)
            for dtype in types:
                path = tmp_path / f"{samples}{dtype}{suffix}"
                write_image(path, np.ones(shape, dtype), axes="YXS"[: len(shape)], scale=(2, 3))
                (image,) = read_images(path)
                assert (image.data.shape, image.data.dtype) == (shape, dtype)
                assert image.scale == ((2, 3) if form.place else (1, 1))
