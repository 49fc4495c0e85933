"""Missing pixels: filled for the network, and restored in the result."""

from __future__ import annotations

import numpy as np

from .source import Mask, Plane

#: Maximum distance in pixels from which a missing pixel is filled.
FILL_REACH = 64


def fill_pair(
    first: Plane, second: Plane, valid_first: Mask | None, valid_second: Mask | None
) -> tuple[Plane, Plane]:
    """Fill missing pixels of both luminance planes.

    A pixel that is missing in one source comes from the other, so that their fusion is that
    other source. A pixel that is missing in both takes the nearest pixel with data, and 0 if that
    is further away than `FILL_REACH`. So a region with a margin of `FILL_REACH` is filled like the
    whole plane.
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
    """Return the pixels that are missing in both sources, None if there are none."""
    if valid_first is None or valid_second is None:
        return None
    missing: Mask = ~(valid_first | valid_second)
    return missing if missing.any() else None


def share_of_data(share: Plane, valid_first: Mask | None, valid_second: Mask | None) -> Plane:
    """Return the first source's share: 0 where its pixels are missing, 1 where the other's are."""
    if valid_first is not None:
        share = np.where(valid_first, share, np.float32(0))
    if valid_second is not None:
        share = np.where(valid_second, share, np.float32(1))
    return share
