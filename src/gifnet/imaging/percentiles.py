"""Value ranges by percentiles and by name, and ranges that a few extreme pixels take."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InvalidInputError
from .arrays import Pixels, compute, lazy

Values = npt.NDArray[np.generic]

#: How many values percentiles are computed of; more are thinned evenly.
_SAMPLED = 2**24
#: How many values a check looks at.
_EXAMINED = 2**20
#: A range is suspect if 99.8 percent of the values take less than this part of it.
_SMALL_PART = 0.25
#: With fewer values than this, nothing is an outlier.
_FEW = 1000
#: An image with fewer different values than this is a mask or has labels.
_LEVELS = 16


def percent(limit: object) -> float | None:
    """Return the number of a percentile such as "99.9%", None if it is none.

    Raises
    ------
    InvalidInputError
        If it ends with a percent sign and is no percentile.
    """
    if not isinstance(limit, str) or not limit.strip().endswith("%"):
        return None
    try:
        number = float(limit.strip()[:-1])
    except ValueError:
        number = math.nan
    if not 0 <= number <= 100:
        raise InvalidInputError(
            f"value_range has the limit {limit!r}; percentiles are from '0%' to '100%'."
        )
    return number


def is_limit(limit: object) -> bool:
    """Return whether an entry of a value range is one of its two limits."""
    if percent(limit) is not None:
        return True
    return not (isinstance(limit, str | tuple | list) or bool(getattr(limit, "ndim", False)))


def percentile_of(arrays: Sequence[Pixels], limit: float) -> float:
    """Return a percentile of the finite values of all arrays together.

    Raises
    ------
    InvalidInputError
        If no value is finite.
    """
    values = np.concatenate([_thinned(array, _SAMPLED // len(arrays)) for array in arrays])
    if not values.size:
        raise InvalidInputError("An image has no finite value, so it has no value range.")
    return float(np.percentile(values, limit))


def find_extremes(array: Pixels, low: float, high: float) -> tuple[str, float, float] | None:
    """Return what is odd about a range of which a few values take most, and a better range.

    Parameters
    ----------
    array : array
        Without an alpha channel.
    low, high : float
        Its least and greatest finite value.
    """
    values = np.sort(_examined(array).astype(np.float64))
    if values.size < _FEW or not 0 < high - low < np.inf:
        return None
    least, most = np.percentile(values, (0.1, 99.9))
    part = (most - least) / (high - low)
    if part < _SMALL_PART and most > least:
        text = (
            f"99.8% of the pixels are between {least:g} and {most:g}, which is "
            f"{100 * part:.2g}% of the range from {low:g} to {high:g}"
        )
        return text, least, most
    steps = np.diff(values)
    gap = int(steps.argmax())
    if steps[gap] < (1 - _SMALL_PART) * (high - low):
        return None
    below, above = values[: gap + 1], values[gap + 1 :]
    counts = len(np.unique(below)), len(np.unique(above))
    if min(counts) > 2 or max(counts) < _LEVELS:
        return None
    rest = below if counts[0] > counts[1] else above
    odd = above[-1] if rest is below else below[0]
    share = 100 * (1 - rest.size / values.size)
    text = (
        f"{share:.2g}% of the pixels are {odd:g}, and all others between {rest[0]:g} and "
        f"{rest[-1]:g}"
    )
    return text, float(rest[0]), float(rest[-1])


def _thinned(array: Pixels, count: int) -> Values:
    """Return the finite values of an array, of every k-th pixel along each axis if it is large."""
    step = max(1, math.ceil((math.prod(array.shape) / count) ** (1 / array.ndim)))
    return _finite(compute(lazy(array)[(slice(None, None, step),) * array.ndim]))


def _examined(array: Pixels) -> Values:
    """Return values spread over an array, reading only some blocks of what is not in memory."""
    if isinstance(array, np.ndarray) and not isinstance(array, np.memmap):
        return _thinned(array, _EXAMINED)
    array = lazy(array)
    leading = tuple(side // 2 for side in array.shape[:-2])
    plane: Any = array[leading]
    blocks = [
        plane[top : top + 128, left : left + 128]
        for top in np.linspace(0, max(0, plane.shape[0] - 128), 4, dtype=int)
        for left in np.linspace(0, max(0, plane.shape[1] - 128), 4, dtype=int)
    ]
    return np.concatenate([_finite(compute(block)) for block in blocks])


def _finite(values: Any) -> Values:
    values = values.compressed() if isinstance(values, np.ma.MaskedArray) else np.ravel(values)
    found: Values = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    return found
