"""Transparent pixels as missing ones, and masks that files keep beside their pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .samples import as_dask, is_in_memory, on_samples

Array = npt.NDArray[np.generic]

#: More levels of alpha than this, in a file with a place on Earth, are a spectral band.
_ALPHA_LEVELS = 16
_LOOK = 512


def without_alpha(data: Any) -> Any:
    """Return the grey values of (..., 2) grey and alpha; transparent pixels are missing."""
    return on_samples(data, _grey, 1, data.dtype, masked=data.dtype.kind != "f")[..., 0]


def _grey(values: Array) -> Any:
    return mark_missing(values[..., :1], values[..., 1:] == 0)


def mark_missing(values: Array, missing: npt.NDArray[np.bool_]) -> Any:
    """Return values whose missing ones are NaN in floats, and masked in others."""
    if values.dtype.kind == "f":
        return np.where(missing, values.dtype.type(np.nan), values)
    both = missing | np.ma.getmaskarray(values) if np.ma.isMA(values) else missing
    return np.ma.MaskedArray(np.ma.getdata(values), both)


def with_mask(data: Any, mask: Any, coloured: bool) -> Any:
    """Return planes whose pixels are missing where a mask of theirs is 0."""
    if coloured:
        mask = mask[..., None]
    if is_in_memory(data):
        missing = np.broadcast_to(np.asarray(mask) == 0, data.shape)
        return mark_missing(data, missing) if missing.any() else data
    import dask.array as da

    lazy = as_dask(data, 3 if coloured else 2)
    empty: Any = np.empty((0,) * lazy.ndim, lazy.dtype)
    meta = empty if lazy.dtype.kind == "f" else np.ma.MaskedArray(empty)
    chunks = (*lazy.chunks[:-1], (1,)) if coloured else lazy.chunks
    spread = da.broadcast_to(as_dask(mask, 3 if coloured else 2), (*lazy.shape[:-1], 1) if coloured
                             else lazy.shape).rechunk(chunks)  # fmt: skip
    return da.map_blocks(
        lambda values, valid: mark_missing(values, np.broadcast_to(valid == 0, values.shape)),
        lazy,
        spread,
        dtype=lazy.dtype,
        meta=meta,
        chunks=lazy.chunks,
    )


def is_band(alpha: Any) -> bool:
    """Return whether samples flagged as alpha have as many levels as a band, by a part of them."""
    height, width = alpha.shape[-2:]
    top, left = max(0, (height - _LOOK) // 2), max(0, (width - _LOOK) // 2)
    part = np.asarray(alpha[..., top : top + _LOOK, left : left + _LOOK])
    return len(np.unique(part)) > _ALPHA_LEVELS
