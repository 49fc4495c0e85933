"""GDAL's nodata value (TIFF tag 42113): pixels that are missing in a file, in and out."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

#: A value that stands for missing pixels.
NoData: TypeAlias = float | int

_TAG = 42113
#: Sides of the parts in which memory maps are looked at.
_CHUNK = 1024
#: Numbers that are looked at at a time.
_SLAB = 1 << 24


def read_nodata(page: Any, dtype: npt.DTypeLike) -> NoData | None:
    """Return what stands for missing pixels in a page of `tifffile`, None if nothing can.

    A value that the type does not have, such as -9999 in unsigned integers, stands for none.
    """
    tag = page.tags.get(_TAG)
    if tag is None:
        return None
    text = str(tag.value).strip("\0 ")
    for number in (int, float):
        try:
            return fitting(number(text), dtype)
        except (ValueError, OverflowError):
            continue
    return None


def nodata_tag(value: NoData) -> tuple[Any, ...]:
    """Return the tag as `tifffile` writes it."""
    text = str(value) if isinstance(value, int) else f"{value:.17g}"
    return (_TAG, "s", 0, text, True)


def fitting(value: NoData, dtype: npt.DTypeLike) -> NoData | None:
    """Return a value as a type has it, None if it does not."""
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return float(np.asarray(float(value)).astype(dtype))
    if dtype.kind not in "iu" or not math.isfinite(value) or value != int(value):
        return None
    info = np.iinfo(dtype)
    return int(value) if info.min <= value <= info.max else None


def without_nodata(data: npt.NDArray[np.generic], value: NoData, coloured: bool) -> Any:
    """Return an image whose missing pixels are NaN in floats, and masked in integers.

    Parameters
    ----------
    data : array
        A memory map gives a dask array, in which parts are looked at when they are read.
    value : number
        What stands for missing pixels.
    coloured : bool
        Whether the last axis holds RGB(A): a colour is missing if all three samples are.
    """
    if not isinstance(data, np.memmap):
        missing = _missing(data, value, coloured)
        return _without(data, missing) if missing.any() else data
    import dask.array as da

    planes = 3 if coloured else 2
    sides = [1] * (data.ndim - planes) + [_CHUNK] * 2 + [-1] * (planes - 2)
    native = data.dtype.newbyteorder("=")

    def look(part: npt.NDArray[np.generic]) -> Any:
        part = part.astype(native)
        return _without(part, _missing(part, value, coloured))

    empty: Any = np.empty((0,) * data.ndim, native)
    meta = empty if native.kind == "f" else np.ma.MaskedArray(empty)
    return da.from_array(data, chunks=tuple(sides)).map_blocks(look, dtype=native, meta=meta)


def _missing(data: npt.NDArray[np.generic], value: NoData, coloured: bool) -> npt.NDArray[np.bool_]:
    missing: npt.NDArray[np.bool_] = data == value
    if coloured:
        missing = np.broadcast_to(missing[..., :3].all(axis=-1, keepdims=True), data.shape)
    return missing


def _without(data: npt.NDArray[np.generic], missing: npt.NDArray[np.bool_]) -> Any:
    if data.dtype.kind == "f":
        return np.where(missing, data.dtype.type(np.nan), data)
    return np.ma.MaskedArray(data, missing)


def put_nodata(data: Any, value: NoData | None) -> tuple[Any, NoData | None]:
    """Write what stands for missing pixels into an image, in place.

    Parameters
    ----------
    data : array
        Missing pixels are NaN in floats, and masked in integers. Integers that have the value
        and are not missing move by 1.
    value : number or None
        What stands for them; None leaves the image as it is.

    Returns
    -------
    data : array
        Without a mask.
    value : number or None
        None if it is not needed: no pixel is missing, or the type does not have it.
    """
    plain = np.ma.getdata(data)
    value = None if value is None else fitting(value, plain.dtype)
    if value is None or (plain.dtype.kind in "iu" and not np.ma.is_masked(data)):
        return plain, None
    found = False
    step = max(1, _SLAB // plain.shape[-1])
    for index in np.ndindex(plain.shape[:-2]):
        for start in range(0, plain.shape[-2], step):
            part = plain[(*index, slice(start, start + step))]
            if plain.dtype.kind == "f":
                missing = np.isnan(part)
            else:
                missing = np.ma.getmaskarray(data[(*index, slice(start, start + step))])
                part[part == value] = value + (1 if value < np.iinfo(plain.dtype).max else -1)
            part[missing] = value
            found = found or bool(missing.any())
    return plain, value if found else None
