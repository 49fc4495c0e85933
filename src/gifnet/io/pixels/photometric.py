"""The meaning of stored samples: negatives, YCbCr, CMYK, palettes, and grey or RGB.

The formulas are those of TIFF 6.0: section 21 for YCbCr, section 16 for CMYK.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile

from ...errors import ReadError
from .samples import on_samples, on_values

Array = npt.NDArray[np.generic]

_KINDS = tifffile.PHOTOMETRIC
#: Interpretations whose stored samples cannot be shown as they are.
_REFUSED = ("CIELAB", "ICCLAB", "ITULAB", "CFA", "LINEAR_RAW", "LOGL", "LOGLUV")
#: Compressions whose decoder returns RGB: JPEG and JPEG 2000.
_DECODED_TO_RGB = (6, 7, 33003, 33005, 34712, 34892)


def require_known(path: object, page: Any) -> None:
    """Refuse interpretations that would be read as something else.

    Raises
    ------
    ReadError
        With the name of the interpretation.
    """
    name = getattr(page.photometric, "name", str(page.photometric))
    if name in _REFUSED:
        raise ReadError(
            f"{path} stores its pixels as {name}, which is not read. Convert it to RGB or grey "
            "first."
        )
    raw = page.compression not in _DECODED_TO_RGB
    if page.photometric == _KINDS.YCBCR and raw and tuple(page.subsampling or (1, 1)) != (1, 1):
        raise ReadError(
            f"{path} stores its pixels as YCBCR with reduced chroma of {page.subsampling} and "
            f"compression {page.compression.name}, which is not read. Convert it to RGB first."
        )


def is_negative(page: Any) -> bool:
    """Return whether zero is white."""
    return bool(page.photometric == _KINDS.MINISWHITE)


def positive(data: Any, page: Any) -> Any:
    """Return the values of a page on which zero is white, with zero black."""
    if not is_negative(page):
        return data
    return on_values(data, lambda values: inverted(values, page.bitspersample))


def inverted(values: Any, bits: int) -> Any:
    """Return the negative of values of a number of bits; floats are unchanged."""
    kind = values.dtype.kind
    if kind == "b":
        return ~values
    if kind == "u":
        top = values.dtype.type(2 ** min(bits, 8 * values.dtype.itemsize) - 1)
        return top - values
    return -1 - values if kind == "i" else values


def to_rgb(data: Any, page: Any) -> Any:
    """Return the (..., S) samples of a page as RGB, if they are YCbCr or CMYK."""
    if page.photometric == _KINDS.YCBCR and page.compression not in _DECODED_TO_RGB:
        weights, levels = _ycbcr_tags(page, data.dtype)
        return on_samples(data, lambda values: _from_ycbcr(values, weights, levels), 3, data.dtype)
    if page.photometric == _KINDS.SEPARATED and data.shape[-1] >= 4:
        profile = page.tags.get(34675)
        icc = bytes(profile.value) if profile is not None else b""
        return on_samples(data, lambda values: from_cmyk(values, icc), 3, data.dtype)
    return data


def is_separated(page: Any) -> bool:
    """Return whether the samples are CMYK."""
    tag = page.tags.get(332)  # InkSet: 1 is CMYK
    return page.photometric == _KINDS.SEPARATED and (tag is None or int(tag.value) == 1)


def coloured_by_palette(page: Any, indices: Any) -> Any:
    """Return the (..., 3) 8-bit colours of palette indices."""
    table = (np.asarray(page.colormap) >> 8).astype(np.uint8)
    last = table.shape[1] - 1

    def look_up(values: Array) -> Array:
        found = table[:, np.minimum(values[..., 0], last)]
        return np.moveaxis(found, 0, -1)

    return on_samples(indices[..., None], look_up, 3, np.uint8)


def _ycbcr_tags(page: Any, dtype: Any) -> tuple[tuple[float, ...], tuple[float, ...]]:
    def ratios(code: int, default: tuple[float, ...]) -> tuple[float, ...]:
        tag = page.tags.get(code)
        if tag is None or len(tag.value) != 2 * len(default):
            return default
        pairs = zip(tag.value[::2], tag.value[1::2], strict=True)
        return tuple(top / (bottom or 1) for top, bottom in pairs)

    top = float(np.iinfo(dtype).max) if np.dtype(dtype).kind in "iu" else 1.0
    middle = (top + 1) / 2 if np.dtype(dtype).kind in "iu" else 0.5
    weights = ratios(529, (0.299, 0.587, 0.114))
    return weights, ratios(532, (0, top, middle, top, middle, top))


def _from_ycbcr(values: Any, weights: tuple[float, ...], levels: tuple[float, ...]) -> Any:
    dtype = values.dtype
    top = float(np.iinfo(dtype).max) if dtype.kind in "iu" else 1.0
    y, cb, cr = (values[..., index].astype(np.float32) for index in range(3))
    red, green, blue = weights
    black, white, zero_b, top_b, zero_r, top_r = levels
    y = (y - black) * np.float32(top / ((white - black) or 1))
    half = (top + 1) / 2 - 1 if dtype.kind in "iu" else 0.5
    cb = (cb - zero_b) * np.float32(half / ((top_b - zero_b) or 1))
    cr = (cr - zero_r) * np.float32(half / ((top_r - zero_r) or 1))
    r = cr * np.float32(2 - 2 * red) + y
    b = cb * np.float32(2 - 2 * blue) + y
    g = (y - np.float32(blue) * b - np.float32(red) * r) / np.float32(green or 1)
    rgb = np.clip(np.stack((r, g, b), axis=-1), 0, top)
    return (np.rint(rgb) if dtype.kind in "iu" else rgb).astype(dtype)


def from_cmyk(values: Any, profile: bytes = b"") -> Any:
    """Return (..., 4) CMYK samples as RGB, by their colour profile if they have one."""
    dtype = values.dtype
    if profile and dtype == np.uint8 and values.size:
        try:
            return _by_profile(values[..., :4], profile)
        except Exception:  # a damaged profile: Pillow raises errors of many types
            pass
    top = float(np.iinfo(dtype).max) if dtype.kind in "iu" else 1.0
    ink = values.astype(np.float32) / np.float32(top)
    rgb = (1 - ink[..., :3]) * (1 - ink[..., 3:4]) * np.float32(top)
    return (np.rint(rgb) if dtype.kind in "iu" else rgb).astype(dtype)


def _by_profile(values: Array, profile: bytes) -> Array:
    import PIL.Image
    import PIL.ImageCms

    flat = np.ascontiguousarray(values.reshape(-1, values.shape[-2], 4))
    picture = PIL.Image.fromarray(flat, "CMYK")
    source = PIL.ImageCms.ImageCmsProfile(io.BytesIO(profile))
    target = PIL.ImageCms.createProfile("sRGB")
    done = PIL.ImageCms.profileToProfile(picture, source, target, outputMode="RGB")
    return np.asarray(done).reshape(*values.shape[:-1], 3)
