"""Functions applied to the samples of pixels, at once in memory and chunk by chunk in files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.generic]

#: Sides of the chunks in which memory maps are read.
CHUNK = 1024


def is_in_memory(data: Any) -> bool:
    """Return whether an array is neither a memory map nor lazy."""
    return isinstance(data, np.ndarray) and not isinstance(data, np.memmap)


def as_dask(data: Any, planes: int = 2) -> Any:
    """Return an array as a dask array, with chunks along its last `planes` axes."""
    import dask.array as da

    if hasattr(data, "dask"):
        return data
    chunks = getattr(data, "chunks", None)
    if chunks is None:
        sides = [1] * (data.ndim - planes) + [CHUNK] * 2 + [-1] * (planes - 2)
        chunks = tuple(sides)
    return da.from_array(data, chunks=chunks)


def on_samples(
    data: Any, function: Callable[[Array], Array], samples: int, dtype: Any, *, masked: bool = False
) -> Any:
    """Apply a function to the samples of every pixel.

    Parameters
    ----------
    data : (..., S) array
        In memory, a memory map, or a dask array.
    function : callable
        From (..., S) to (..., `samples`) of `dtype`.
    masked : bool
        Whether the result may be masked.
    """
    if is_in_memory(data):
        return function(data)
    lazy = as_dask(data, 3)
    lazy = lazy.rechunk({lazy.ndim - 1: -1})
    empty: Any = np.empty((0,) * lazy.ndim, dtype)
    meta = np.ma.MaskedArray(empty) if masked else empty
    chunks = (*lazy.chunks[:-1], (samples,))
    return lazy.map_blocks(function, chunks=chunks, dtype=dtype, meta=meta)


def on_values(data: Any, function: Callable[[Array], Array], *, masked: bool = False) -> Any:
    """Apply a function to every value; see `on_samples`."""
    if is_in_memory(data):
        return function(data)
    lazy = as_dask(data)
    empty: Any = np.empty((0,) * lazy.ndim, lazy.dtype)
    meta = np.ma.MaskedArray(empty) if masked else empty
    return lazy.map_blocks(function, dtype=lazy.dtype, meta=meta)
