"""Arrays of all supported kinds: NumPy, masked, dask, and stored in files."""

from __future__ import annotations

from types import EllipsisType
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeGuard

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import dask.array as da

_Key: TypeAlias = int | slice | EllipsisType


class Pixels(Protocol):
    """What NumPy, masked, dask and zarr arrays have in common."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype[np.generic]: ...
    @property
    def ndim(self) -> int: ...
    # These are NaN in dask arrays of unknown shape.
    @property
    def size(self) -> float: ...
    @property
    def nbytes(self) -> float: ...
    def __array__(self) -> npt.NDArray[np.generic]: ...
    def __getitem__(self, key: _Key | tuple[_Key, ...], /) -> Pixels: ...


class WritablePixels(Pixels, Protocol):
    """An array that parts can be written into, such as NumPy's and zarr's."""

    def __setitem__(
        self, key: _Key | tuple[_Key, ...], value: npt.NDArray[np.generic], /
    ) -> None: ...


def is_dask(array: object) -> TypeGuard[da.Array]:
    return hasattr(array, "dask")


def is_stored(array: object) -> TypeGuard[Pixels]:
    """Return whether an array is stored in a file, such as zarr and HDF5, and read in parts."""
    needed = ("shape", "dtype", "ndim", "chunks", "__getitem__")
    in_hand = isinstance(array, np.ndarray) or is_dask(array)
    return not in_hand and all(hasattr(array, name) for name in needed)


def lazy(array: Pixels) -> Pixels:
    """Wrap a stored array with dask, so that slices are not read yet; return others unchanged."""
    if not is_stored(array):
        return array
    import dask.array as da

    wrapped: Pixels = da.from_array(array)
    return wrapped


def compute(array: Pixels) -> npt.NDArray[np.generic]:
    """Return an array in memory, with its mask if it has one."""
    values = array.compute() if is_dask(array) else array
    return values if isinstance(values, np.ma.MaskedArray) else np.asarray(values)


def as_float_with_nan(array: Pixels, dtype: npt.DTypeLike = np.float64) -> npt.NDArray[np.floating]:
    """Return an array in memory as floats, NaN where it is masked."""
    return np.asarray(np.ma.filled(np.ma.asarray(compute(array)).astype(dtype), np.nan))


def with_missing(
    array: npt.NDArray[np.generic], missing: npt.NDArray[np.bool_]
) -> npt.NDArray[np.generic]:
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
