"""Pixels without data: filled for the network, and put back into the result."""

from __future__ import annotations

import numpy as np

from .source import Mask, Plane

#: How far in pixels a pixel without data looks for one with data.
FILL_REACH = 64


def fill_pair(
    first: Plane, second: Plane, valid_first: Mask | None, valid_second: Mask | None
) -> tuple[Plane, Plane]:
    """Fill both luminance planes where they lack data.

    A pixel that one source lacks is taken from the other, so that their fusion is that
    other source; a pixel that both lack takes the nearest pixel with data, and 0 where that is
    further away than `FILL_REACH`. So a part of a plane, that much larger on all sides, is
    filled as in the whole plane.
    """
    if valid_first is None and valid_second is None:
        return first, second
    full = np.ones(first.shape, bool)
    has_first = full if valid_first is None else valid_first
    has_second = full if valid_second is None else valid_second
    filled_first = np.where(has_first, first, second)
    filled_second = np.where(has_second, second, first)
    missing = ~(has_first | has_second)
    if missing.any():
        from scipy.ndimage import distance_transform_edt

        if missing.all():
            return np.zeros_like(first), np.zeros_like(second)
        distance, (rows, columns) = distance_transform_edt(missing, return_indices=True)
        filled_first = np.where(distance > FILL_REACH, 0, filled_first[rows, columns])
        filled_second = np.where(distance > FILL_REACH, 0, filled_second[rows, columns])
    return filled_first, filled_second


def both_missing(valid_first: Mask | None, valid_second: Mask | None) -> Mask | None:
    """Return where neither source has data, or None where that is nowhere."""
    if valid_first is None or valid_second is None:
        return None
    missing: Mask = ~(valid_first | valid_second)
    return missing if missing.any() else None


def share_of_data(share: Plane, valid_first: Mask | None, valid_second: Mask | None) -> Plane:
    """Return the first source's share: 0 where it lacks data, 1 where the other does."""
    if valid_first is not None:
        share = np.where(valid_first, share, np.float32(0))
    if valid_second is not None:
        share = np.where(valid_second, share, np.float32(1))
    return share
