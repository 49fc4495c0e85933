"""GDAL's nodata value (TIFF tag 42113), which marks missing pixels."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

#: A nodata value.
NoData: TypeAlias = float | int

_TAG = 42113
#: Sides of the chunks of memory maps.
_CHUNK = 1024
#: Values compared at a time.
_SLAB = 1 << 24


def read_nodata(page: Any, dtype: npt.DTypeLike) -> NoData | None:
    """Return the nodata value of a page of `tifffile`, None without one.

    A value that the type cannot hold, such as -9999 in unsigned integers, is ignored.
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
    """Return a value in a type, None if the type cannot hold it."""
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
        A memory map gives a dask array, whose chunks are compared when they are read.
    value : number
        The nodata value.
    coloured : bool
        Whether the last axis is RGB(A). A colour is missing if all three samples are.
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
    """Write the nodata value into the missing pixels of an image, in place.

    Parameters
    ----------
    data : array
        Missing pixels are NaN in floats, and masked in integers. Valid integers that equal the
        nodata value change by 1.
    value : number or None
        The nodata value; None leaves the image unchanged.

    Returns
    -------
    data : array
        Without a mask.
    value : number or None
        None if it is not needed: no pixel is missing, or the type cannot hold it.
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
