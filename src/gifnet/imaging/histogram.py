"""Histograms of images that are read in parts, for histogram matching."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_BINS = 2**16

Floats = npt.NDArray[np.floating]


class Histogram:
    """A histogram of 65536 bins, filled part by part: first its range, then the counts.

    ``other.values(own.quantiles(image))`` matches an image's histogram to another's.
    """

    def __init__(self) -> None:
        self._low, self._high = np.inf, -np.inf
        self._counts: npt.NDArray[np.int64] = np.zeros(_BINS, np.int64)

    def widen(self, values: Floats) -> None:
        """Extend the range to finite values."""
        if values.size:
            self._low = min(self._low, float(values.min()))
            self._high = max(self._high, float(values.max()))

    def count(self, values: Floats) -> None:
        """Count values within the range."""
        self._counts += np.histogram(values.astype(np.float64), _BINS, self._range)[0]

    @property
    def _range(self) -> tuple[float, float]:
        # Around a constant, bins must not be narrower than the resolution of numbers.
        least = 2 * _BINS * np.spacing(max(abs(self._low), abs(self._high), 1e-290))
        return self._low, max(self._high, self._low + least)

    @property
    def _edges(self) -> npt.NDArray[np.float64]:
        return np.linspace(*self._range, _BINS + 1)

    @property
    def _cumulative(self) -> npt.NDArray[np.float64]:
        below = np.concatenate(([0.0], np.cumsum(self._counts)))
        return np.asarray(below / max(1, self._counts.sum()))

    def quantiles(self, values: Floats) -> npt.NDArray[np.float64]:
        """Return the fraction of all counts below each value."""
        return np.asarray(np.interp(values, self._edges, self._cumulative))

    def values(self, quantiles: Floats) -> npt.NDArray[np.float64]:
        """Return the value at each fraction of all counts."""
        # Both edges of every bin with counts; between such bins there are no values.
        filled = np.flatnonzero(self._counts)
        knots = np.stack((filled, filled + 1), axis=1).ravel()
        return np.asarray(np.interp(quantiles, self._cumulative[knots], self._edges[knots]))
