"""Reading and writing of PNG, JPEG, BMP and WebP through Pillow."""

from __future__ import annotations

import json
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageOps
from PIL.PngImagePlugin import PngInfo

from .atomic import write_atomically
from .formats import TIFF_HINT
from .image import Image
from .pixels.alpha import without_alpha
from .pixels.exif import Photo, photo_of
from .pixels.limits import require_memory
from .pixels.orientation import turned
from .pixels.photometric import from_cmyk

Array = npt.NDArray[np.generic]

_JPEG_QUALITY = 95
_LOCK = threading.Lock()
#: Bytes per pixel while a picture is decoded: Pillow's copy and NumPy's.
_SAMPLE_BYTES = {"L": 2, "LA": 5, "RGB": 7, "RGBA": 8, "CMYK": 8, "P": 5, "I;16": 4, "1": 2}


def read_picture(path: Path) -> list[Image]:
    """Return the one image of a picture, turned as it is to be seen."""
    with path.open("rb") as file, _opened(file) as opened:
        pixels = opened.width * opened.height
        require_memory(path, pixels * _SAMPLE_BYTES.get(opened.mode, 8), f"{pixels / 1e6:.0f} MP")
        record = _json(opened.info.get("gifnet"))
        photo, orientation = photo_of(opened)
        data = _decoded(path, opened)
    if opened.mode == "CMYK":
        photo = Photo(b"", photo.exif)
    if data.ndim == 3 and data.shape[-1] == 2:
        data = without_alpha(data)
    coloured = data.ndim == 3
    data = np.ascontiguousarray(turned(data, orientation, coloured)) if orientation > 1 else data
    return [
        Image(
            data,
            "YXS" if coloured else "YX",
            name=path.stem,
            record=record,
            photo=photo,
            orientation=orientation,
        )
    ]


@contextmanager
def _opened(file: Any) -> Iterator[Any]:
    """Open a picture of any size: a user has named it, and memory is checked before decoding."""
    with _LOCK, warnings.catch_warnings():
        limit, PIL.Image.MAX_IMAGE_PIXELS = PIL.Image.MAX_IMAGE_PIXELS, None
        try:
            picture = PIL.Image.open(file)
        finally:
            PIL.Image.MAX_IMAGE_PIXELS = limit
    with picture:
        yield picture


def _decoded(path: Path, opened: Any) -> Array:
    if opened.format == "PNG":
        with path.open("rb") as file:
            header = file.read(26)
        # Pillow would silently reduce 16-bit colour to 8 bits.
        if header[24:25] == b"\x10" and header[25:] != b"\0":
            deep: Array = imagecodecs.png_decode(path.read_bytes())
            return deep
    if opened.mode == "CMYK":
        # Pillow has undone the inversion of Adobe's files.
        return np.asarray(from_cmyk(np.asarray(opened), opened.info.get("icc_profile") or b""))
    return np.asarray(_still(opened))


def write_jpeg(path: Path, image: Image) -> None:
    """Write an image as JPEG, with its profile and EXIF."""
    _write(path, image, format="JPEG", quality=_JPEG_QUALITY, subsampling=0)


def write_png(path: Path, image: Image) -> None:
    """Write an image as PNG, with its profile, EXIF and record. Missing pixels are transparent."""
    info = PngInfo()
    if image.record is not None:
        info.add_itxt("gifnet", json.dumps(image.record))
    _write(path, image, format="PNG", pnginfo=info)


def _write(path: Path, image: Image, **options: Any) -> None:
    data: Any = image.data
    if np.ma.is_masked(data) and options["format"] == "PNG" and data.dtype == np.uint8:
        data = _with_alpha(data)
    data = np.asarray(data)
    if image.photo.profile:
        options["icc_profile"] = image.photo.profile
    if image.photo.exif:
        options["exif"] = image.photo.exif
    picture = PIL.Image.fromarray(np.ascontiguousarray(data, data.dtype.newbyteorder("=")))
    write_atomically(path, lambda temporary: picture.save(temporary, **options), hint=TIFF_HINT)


def _with_alpha(data: Any) -> Array:
    """Return masked grey or RGB(A) as grey and alpha, or RGBA, transparent where it is masked."""
    missing, plain = np.ma.getmaskarray(data), np.ma.getdata(data)
    if data.ndim == 2:
        return np.stack((plain, np.where(missing, 0, 255).astype(plain.dtype)), axis=-1)
    opaque = plain[..., 3] if plain.shape[-1] == 4 else np.full(plain.shape[:2], 255, plain.dtype)
    alpha = np.where(missing[..., 0], 0, opaque).astype(plain.dtype)
    return np.concatenate((plain[..., :3], alpha[..., None]), axis=-1)


def _still(picture: Any) -> Any:
    """Return a Pillow image in one of the modes for grey, grey with alpha, RGB and RGBA."""
    if picture.mode in ("L", "LA", "RGB", "RGBA", "I;16", "I;16B", "F"):
        return picture
    if picture.mode == "I":  # 16-bit grey in older releases of Pillow
        return np.asarray(picture).astype(np.uint16)
    if picture.mode == "1":
        return picture.convert("L")
    if picture.mode == "La":
        return picture.convert("LA")
    transparent = picture.mode in ("PA", "RGBa") or "transparency" in picture.info
    return picture.convert("RGBA" if transparent else "RGB")


def _json(text: object) -> Any:
    try:
        return json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None
