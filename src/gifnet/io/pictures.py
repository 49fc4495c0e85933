"""Reading and writing of PNG, JPEG and BMP through Pillow."""

from __future__ import annotations

import json
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

Array = npt.NDArray[np.generic]

_JPEG_QUALITY = 95


def read_picture(path: Path) -> list[Image]:
    """Return the one image of a picture."""
    data, record = _read(path)
    return [Image(data, "YXS" if data.ndim == 3 else "YX", name=path.stem, record=record)]


def _read(path: Path) -> tuple[Array, Any]:
    """Return the pixels of a picture, (H, W) or (H, W, C), and its record, None without one."""
    with path.open("rb") as file:
        header = file.read(26)
        file.seek(0)
        with PIL.Image.open(file) as opened:
            record = _json(opened.info.get("gifnet"))
            # Pillow would silently reduce 16-bit colour to 8 bits.
            if header.startswith(b"\x89PNG") and header[24:25] == b"\x10" and header[25:] != b"\0":
                return _deep_png(path), record
            return np.asarray(_still(PIL.ImageOps.exif_transpose(opened))), record


def write_jpeg(path: Path, image: Image) -> None:
    """Write an image as JPEG."""
    _write(path, image, format="JPEG", quality=_JPEG_QUALITY, subsampling=0)


def write_png(path: Path, image: Image) -> None:
    """Write an image as PNG, with its record."""
    info = PngInfo()
    if image.record is not None:
        info.add_itxt("gifnet", json.dumps(image.record))
    _write(path, image, format="PNG", pnginfo=info)


def _write(path: Path, image: Image, **options: Any) -> None:
    data = np.asarray(image.data)
    picture = PIL.Image.fromarray(np.ascontiguousarray(data, data.dtype.newbyteorder("=")))
    write_atomically(path, lambda temporary: picture.save(temporary, **options), hint=TIFF_HINT)


def _deep_png(path: Path) -> Array:
    """Return the pixels of a PNG with 16 bits and several samples per pixel."""
    data: Array = imagecodecs.png_decode(path.read_bytes())
    return data[..., 0] if data.shape[-1] == 2 else data  # grey with alpha


def _still(picture: Any) -> Any:
    """Return a Pillow image in one of the modes for grey, RGB and RGBA."""
    if picture.mode in ("L", "RGB", "RGBA", "I;16", "I;16B", "F"):
        return picture
    if picture.mode == "I":  # 16-bit grey in older releases of Pillow
        return np.asarray(picture).astype(np.uint16)
    if picture.mode in ("1", "LA"):
        return picture.convert("L")
    transparent = picture.mode in ("PA", "RGBa") or "transparency" in picture.info
    return picture.convert("RGBA" if transparent else "RGB")


def _json(text: object) -> Any:
    try:
        return json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None
