"""Arrays of all supported kinds: NumPy, masked, dask, and stored in files."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def is_dask(array: Any) -> bool:
    return hasattr(array, "dask")


def is_stored(array: Any) -> bool:
    """Return whether an array is stored in a file, such as zarr and HDF5, and read in parts."""
    needed = ("shape", "dtype", "ndim", "chunks", "__getitem__")
    in_hand = isinstance(array, np.ndarray) or is_dask(array)
    return not in_hand and all(hasattr(array, name) for name in needed)


def lazy(array: Any) -> Any:
    """Wrap a stored array with dask, so that slices are not read yet; return others unchanged."""
    if not is_stored(array):
        return array
    import dask.array as da

    return da.from_array(array)


def compute(array: Any) -> npt.NDArray[Any]:
    """Return an array in memory, with its mask if it has one."""
    values = array.compute() if is_dask(array) else array
    return values if isinstance(values, np.ma.MaskedArray) else np.asarray(values)


def as_float_with_nan(array: Any, dtype: Any = np.float64) -> npt.NDArray[Any]:
    """Return an array in memory as floats, NaN where it is masked."""
    return np.asarray(np.ma.filled(np.ma.asarray(compute(array)).astype(dtype), np.nan))


def with_missing(array: npt.NDArray[Any], missing: npt.NDArray[np.bool_]) -> Any:
    """Mark missing pixels: NaN in floats, in place, and a mask otherwise.

    `missing` broadcasts to the array.
    """
    if not missing.any():
        return array
    missing = np.broadcast_to(missing, array.shape)
    if array.dtype.kind != "f":
        return np.ma.MaskedArray(array, missing)
    array[missing] = np.nan
    return array
