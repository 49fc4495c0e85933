"""PNG, JPEG and BMP, in and out through Pillow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_JPEG_QUALITY = 95


def read_picture(path: Path) -> tuple[Array, Any]:
    """Return the pixels of a picture, (H, W) or (H, W, C), and its record, None without one."""
    from PIL import Image, ImageOps

    with path.open("rb") as file:
        header = file.read(26)
        file.seek(0)
        with Image.open(file) as opened:
            record = _json(opened.info.get("gifnet"))
            # Pillow would reduce 16-bit colour to 8 bits without a word.
            if header.startswith(b"\x89PNG") and header[24:25] == b"\x10" and header[25:] != b"\0":
                return _deep_png(path), record
            return np.asarray(_still(ImageOps.exif_transpose(opened))), record


def write_picture(path: Path, data: Array, record: dict[str, Any] | None, jpeg: bool) -> None:
    """Write pixels as JPEG, or with a record as PNG; the type has to suit the format."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    image = Image.fromarray(np.ascontiguousarray(data, data.dtype.newbyteorder("=")))
    if jpeg:
        image.save(path, format="JPEG", quality=_JPEG_QUALITY, subsampling=0)
        return
    info = PngInfo()
    if record is not None:
        info.add_itxt("gifnet", json.dumps(record))
    image.save(path, format="PNG", pnginfo=info)


def _deep_png(path: Path) -> Array:
    """Return the pixels of a PNG with 16 bits and several samples a pixel."""
    import imagecodecs

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
