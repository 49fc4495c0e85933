"""A network's correction of the chroma of two coloured sources, over a whole plane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..geometry.region import Region

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True)
class ChromaCorrection:
    """The correction that is added to the mean of both sources' chroma.

    Attributes
    ----------
    values : (h, w, 2) float32
        On the scale of the sources' chroma, at the middle of square blocks.
    factor : int
        Sides of the blocks in pixels.
    """

    values: npt.NDArray[np.float32]
    factor: int

    def part(self, region: Region) -> Floats:
        """Return the correction of a region, linear between the middles of blocks."""
        rows, columns = region.slices
        if self.factor == 1:
            return self.values[rows, columns]
        return self._along(self._along(self.values, rows, 0), columns, 1)

    def _along(self, values: Floats, places: slice, axis: int) -> Floats:
        at = (np.arange(places.start, places.stop) + 0.5) / self.factor - 0.5
        at = np.clip(at, 0, values.shape[axis] - 1).astype(np.float32)
        low = at.astype(int)
        high = np.minimum(low + 1, values.shape[axis] - 1)
        shape = [1, 1, 1]
        shape[axis] = -1
        share = (at - low).reshape(shape)
        found: Floats = values.take(low, axis) * (1 - share) + values.take(high, axis) * share
        return found
