"""The pixels that all slices of an aligned stack cover."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ...errors import InvalidInputError
from ...geometry.region import Region
from ...registration.transform import Transform

#: Displacements below so many pixels do not uncover a border.
_TOLERANCE = 1e-3


def common_region(transforms: Sequence[Transform], shape: tuple[int, int]) -> Region:
    """Return a large rectangle that all aligned slices cover; the whole without transforms.

    Raises
    ------
    InvalidInputError
        If there is no such rectangle.
    """
    covered = np.ones(shape, bool)
    for one in transforms:
        covered &= _covered(one, shape)
    return _largest(covered)


def _covered(transform: Transform, shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    inside = np.ones(shape, bool)
    for (down, right, start), side in zip(transform.matrix[:2], shape, strict=True):
        position = down * rows + right * columns + start
        inside &= (position >= -_TOLERANCE) & (position <= side - 1 + _TOLERANCE)
    return inside


def _largest(covered: npt.NDArray[np.bool_]) -> Region:
    """Trim the side with the most uncovered pixels until none is left.

    The covered area is convex, so its border is uncovered in part of a side only.
    """
    total = np.pad(np.cumsum(np.cumsum(~covered, axis=0), axis=1), ((1, 0), (1, 0)))

    def uncovered(top: int, left: int, bottom: int, right: int) -> int:
        found = total[bottom, right] - total[top, right] - total[bottom, left] + total[top, left]
        return int(found)

    top, left, (bottom, right) = 0, 0, covered.shape
    while top < bottom and left < right and uncovered(top, left, bottom, right):
        height, width = bottom - top, right - left
        parts = (
            uncovered(top, left, top + 1, right) / width,
            uncovered(bottom - 1, left, bottom, right) / width,
            uncovered(top, left, bottom, left + 1) / height,
            uncovered(top, right - 1, bottom, right) / height,
        )
        worst = int(np.argmax(parts))
        top, bottom = top + (worst == 0), bottom - (worst == 1)
        left, right = left + (worst == 2), right - (worst == 3)
    if top >= bottom or left >= right:
        raise InvalidInputError(
            "No pixel is covered by all slices, so crop='common' leaves nothing. Use "
            "crop='reference', or leave out the slices that are far apart."
        )
    return Region(top, left, bottom, right)
