"""Reading of HEIC photographs and of raw photographs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .image import Image
from .pixels.exif import Photo, photo_of


def read_heic(path: Path) -> list[Image]:
    """Return the main photograph of a HEIC or AVIF file, turned as it is to be seen."""
    import PIL.Image
    import pillow_heif

    found: Any = pillow_heif.open_heif(path, convert_hdr_to_8bit=False)
    data = np.asarray(found)
    if data.dtype == np.uint16 and 8 < (bits := int(found.info.get("bit_depth", 16))) < 16:
        # The decoder stretches values to 16 bits; the file has fewer.
        data = data >> (16 - bits)
    # libheif turns the pixels, so the orientation of EXIF has been applied.
    exif = b""
    if content := found.info.get("exif"):
        tags = PIL.Image.Exif()
        tags.load(content)
        tags.pop(274, None)
        exif = tags.tobytes()
    photo = Photo(found.info.get("icc_profile") or b"", exif)
    axes = "YXS" if data.ndim == 3 else "YX"
    return [Image(data, axes, name=path.stem, photo=photo)]


def read_raw(path: Path) -> list[Image]:
    """Return a raw photograph as RGB of 16 bits, developed with the camera's white balance.

    The tone curve is linear, and the brightness is not adapted, so a bracket keeps its exposures.
    """
    import rawpy

    with rawpy.imread(str(path)) as raw:
        data = raw.postprocess(
            use_camera_wb=True, no_auto_bright=True, output_bps=16, gamma=(2.222, 4.5)
        )
    return [Image(data, "YXS", name=path.stem, photo=_exif_of(path))]


def _exif_of(path: Path) -> Photo:
    import PIL.Image

    try:
        with PIL.Image.open(path) as opened:
            return Photo(b"", photo_of(opened)[0].exif)
    except Exception:  # most raw files are no pictures for Pillow
        return Photo()
