"""Value ranges: mapping of values to the network's [0, 1], and back."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from ..ct_windows import CT_WINDOWS, CTWindow, windows_in_words
from ..errors import GifnetWarning, InvalidInputError
from .arrays import Pixels, is_dask
from .percentiles import find_extremes, is_limit, percent, percentile_of

Range: TypeAlias = tuple[float, float]
#: Number of values to read from a file at a time.
_SLAB = 1 << 25
_NO_VALUE = "An image has no finite value, so it has no value range."
#: The limits may be percentiles, such as ("1%", "99.9%").
RangeSpec: TypeAlias = Literal["auto", "dtype"] | CTWindow | Range | tuple[float | str, float | str]
_WORDS = (
    "'auto', 'dtype', (low, high), percentiles such as ('1%', '99.9%'), or a CT window: "
    f"{windows_in_words()}"
)


def dtype_range(dtype: npt.DTypeLike) -> Range:
    """Return the range of a type: an integer's limits, (0, 1) for bool and floats."""
    dtype = np.dtype(dtype)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        return float(info.min), float(info.max)
    return 0.0, 1.0


def finite_range(array: Pixels) -> Range:
    """Return the minimum and maximum finite value of an array.

    Lazy arrays are reduced block by block, stored ones slab by slab. Masked values are ignored.

    Raises
    ------
    InvalidInputError
        If no value is finite.
    """
    if is_dask(array):
        import dask.array as da

        blank = da.where(da.isfinite(array), array, np.nan) if array.dtype.kind == "f" else array
        ends = da.compute(da.nanmin(blank), da.nanmax(blank))
        low, high = (np.nan if end is np.ma.masked else float(end) for end in ends)
    else:
        low, high = range_of_parts(_parts(array))
    if not (np.isfinite(low) and np.isfinite(high)):
        raise InvalidInputError(_NO_VALUE)
    return low, high


def range_of_parts(parts: Iterable[npt.NDArray[np.generic]]) -> Range:
    """Return the minimum and maximum finite value of an array that is given in parts.

    Raises
    ------
    InvalidInputError
        If no value is finite.
    """
    found = [ends for ends in map(_extremes, parts) if ends is not None]
    if not found:
        raise InvalidInputError(_NO_VALUE)
    return min(low for low, _ in found), max(high for _, high in found)


def _parts(array: Pixels) -> Iterator[npt.NDArray[np.generic]]:
    """Yield an array: at once if it is in memory, slab by slab from a file."""
    if isinstance(array, np.ndarray):
        yield array
        return
    rows = max(1, _SLAB * array.shape[0] // max(1, math.prod(array.shape)))
    for start in range(0, array.shape[0], rows):
        yield np.asarray(array[start : start + rows])


def _extremes(values: npt.NDArray[np.generic]) -> Range | None:
    if isinstance(values, np.ma.MaskedArray):
        values = values.compressed()
    if values.dtype.kind == "f":
        finite = np.isfinite(values)
        if not finite.all():
            values = values[finite]
    return (float(values.min()), float(values.max())) if values.size else None


def resolve_range(array: Pixels, spec: RangeSpec) -> Range:
    """Return the (low, high) values that map to 0 and 1.

    Parameters
    ----------
    array : array
        The whole stack, not a slice of it, and without an alpha channel.
    spec : "auto", "dtype", (low, high), or the name of a CT window
        "auto" is the type's range for uint8 and bool, and the finite minimum and maximum
        otherwise. Limits are numbers or percentiles, such as ("1%", "99.9%").

    Raises
    ------
    InvalidInputError
        If the specification is none of these, or the range is empty.
    """
    return shared_range([array], spec)


def resolve_noting_extremes(array: Pixels, spec: RangeSpec, name: str) -> Range:
    """Return the range as `resolve_range` does, and warn if a few pixels take most of it.

    Parameters
    ----------
    name : str
        What messages call the image.

    Raises
    ------
    InvalidInputError
        With the name.
    """
    try:
        low, high = resolve_range(array, spec)
    except InvalidInputError as error:
        raise InvalidInputError(f"In {name}: {error}") from error
    if isinstance(spec, str) and spec == "auto" and array.dtype not in (np.uint8, np.bool_):
        found = find_extremes(array, low, high)
        if found:
            text, least, most = found
            warnings.warn(
                f"In {name}, a few values take most of the value range: {text}. If that is not "
                "wanted, mark padding as missing, or give the range: "
                f"value_range=({least:g}, {most:g}), --value-range={least:g},{most:g}. "
                "Percentiles such as ('0.1%', '99.9%') are possible too.",
                GifnetWarning,
                stacklevel=2,
            )
    return low, high


def split_range_spec(spec: Any, count: int = 2) -> tuple[RangeSpec, ...]:
    """Return the specification of each of so many sources."""
    if isinstance(spec, str):
        return (spec,) * count  # type: ignore[return-value]
    try:
        parts = tuple(spec)
    except TypeError:
        parts = ()
    if not all(map(is_limit, parts)):
        if len(parts) == count:
            return parts
        if count == 1 and len(parts) == 2:
            return (parts[0],)
    elif len(parts) == 2:
        return (spec,) * count
    raise InvalidInputError(
        f"value_range is {spec!r}; use 'auto', 'dtype', (low, high), or {count} of these, one "
        "a source."
    )


def shared_range(arrays: Sequence[Pixels], spec: Any) -> Range:
    """Return the (low, high) values that map to 0 and 1 in several arrays of one type.

    "auto" and percentiles measure all of them together; see `resolve_range`.
    """
    dtype = np.dtype(arrays[0].dtype)
    if isinstance(spec, str):
        if spec == "dtype" or (spec == "auto" and dtype in (np.uint8, np.bool_)):
            return dtype_range(dtype)
        if spec == "auto":
            ranges = [finite_range(array) for array in arrays]
            return min(low for low, _ in ranges), max(high for _, high in ranges)
        if spec in CT_WINDOWS:
            return CT_WINDOWS[spec]
        raise InvalidInputError(f"value_range is {spec!r}; use {_WORDS}.")
    try:
        low, high = (_limit(arrays, limit) for limit in spec)
    except InvalidInputError:
        raise
    except (TypeError, ValueError, OverflowError):
        raise InvalidInputError(f"value_range is {spec!r}; use {_WORDS}.") from None
    if any(isinstance(limit, str) for limit in spec) and low == high:
        return low, high  # a constant image, as with "auto"
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise InvalidInputError(
            f"value_range is ({low:g}, {high:g}); low must be below high, and both finite."
        )
    return low, high


def _limit(arrays: Sequence[Pixels], limit: Any) -> float:
    """Return a limit of a range, a number or a percentile."""
    part = percent(limit)
    return float(limit) if part is None else percentile_of(arrays, part)


def normalise(values: npt.NDArray[np.generic], limits: Range) -> npt.NDArray[np.float32]:
    """Map `limits` to [0, 1] as float32, clipped; NaN stays NaN."""
    low, high = limits
    if not np.isfinite(high - low):
        # For ranges as wide as float64, halve everything, or the difference overflows.
        values, low, high = values.astype(np.float64) / 2, low / 2, high / 2
    scale = high - low
    narrow = values.dtype.itemsize <= 2 or values.dtype == np.float32
    # A float32 image may use all of its 24 bits: shifting it needs more.
    exact_in_float32 = narrow and low == 0 and scale > 1e-30
    work: npt.NDArray[np.floating] = values.astype(np.float32 if exact_in_float32 else np.float64)
    if low:
        work -= low
    if scale not in (0, 1):
        work /= scale
    return np.clip(work, 0, 1, out=work).astype(np.float32, copy=False)


def denormalise(
    unit: npt.NDArray[np.floating], limits: Range, dtype: npt.DTypeLike
) -> npt.NDArray[np.generic]:
    """Map [0, 1] back to `limits` in a type, clipped, and rounded for integers."""
    dtype = np.dtype(dtype)
    low, high = limits
    if dtype.kind == "b":
        return np.asarray(unit >= 0.5)
    if dtype.kind == "f" and (low, high) == (0.0, 1.0):
        same: npt.NDArray[np.generic] = np.clip(unit, 0, 1).astype(dtype)
        return same
    clipped = np.clip(unit.astype(np.float64), 0, 1)
    # Written so that neither product overflows for ranges as wide as the type.
    values = low * (1 - clipped) + high * clipped
    return to_type(values, dtype)


def to_type(values: npt.NDArray[np.generic], dtype: npt.DTypeLike) -> npt.NDArray[np.generic]:
    """Return numbers in a type: for integers and bool rounded and clipped, so that none wraps."""
    dtype = np.dtype(dtype)
    if dtype.kind in "iub":
        low, high = dtype_range(dtype)
        # float64 cannot hold 2^63 - 1, nor float32 2^31 - 1: clip below it, or the cast wraps.
        top = high if high <= 2**53 else np.nextafter(high, 0)
        values = np.clip(np.rint(values.astype(np.float64, copy=False)), low, top)
    result: npt.NDArray[np.generic] = values.astype(dtype)
    return result
