"""Missing pixels: filled for the network, and restored in the result."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .source import Mask

Floats = npt.NDArray[np.float32]

#: Maximum distance in pixels from which a missing pixel is filled.
FILL_REACH = 64


def fill(planes: Floats, valid: Sequence[Mask | None]) -> Floats:
    """Fill missing pixels of the planes of all sources.

    A pixel that is missing in some sources takes the mean of the others, so that the fusion of two
    is the other one. A pixel that is missing in all takes the nearest pixel with data, and 0 if
    that is further away than `FILL_REACH`. So a region with a margin of `FILL_REACH` is filled
    like the whole plane.

    Parameters
    ----------
    planes : (P, N, H, W) float32 array
        P planes of each of N sources.
    valid : sequence of N (H, W) bool arrays or None
        None where all pixels of a source are valid.
    """
    if all(mask is None for mask in valid):
        return planes
    has = np.stack([np.ones(planes.shape[-2:], bool) if mask is None else mask for mask in valid])
    filled = np.moveaxis(with_mean(np.moveaxis(planes, 1, 0), has[:, None]), 0, 1)
    missing = ~has.any(axis=0)
    if missing.any():
        from scipy.ndimage import distance_transform_edt

        if missing.all():
            return np.zeros_like(planes)
        distance, (rows, columns) = distance_transform_edt(missing, return_indices=True)
        filled = np.where(distance > FILL_REACH, np.float32(0), filled[..., rows, columns])
    return filled


def with_mean(values: Floats, valid: Mask) -> Floats:
    """Return (N, ...) values whose missing ones are the mean of the other sources'.

    Parameters
    ----------
    values : (N, ...) float32 array
    valid : bool array that broadcasts to it
    """
    if valid.all():
        return values
    known = np.where(valid, values, np.float32(0))
    count = np.maximum(valid.sum(axis=0), 1).astype(np.float32)
    filled: Floats = np.where(valid, values, known.sum(axis=0) / count)
    return filled


def shares_of_all(shares: Floats, count: int) -> Floats:
    """Return the shares of all sources, (N, H, W), from those of all or of the first of two."""
    return shares if len(shares) == count else np.concatenate((shares, 1 - shares))


def all_missing(valid: Sequence[Mask | None]) -> Mask | None:
    """Return the pixels that are missing in every source, None if there are none."""
    missing: Mask | None = None
    for mask in valid:
        if mask is None:
            return None
        missing = ~mask if missing is None else missing & ~mask
    return missing if missing is not None and missing.any() else None


def shares_of_data(shares: Floats, valid: Sequence[Mask | None]) -> Floats:
    """Return (N, H, W) shares that are 0 where a source's pixels are missing.

    Those of the other sources grow so that all add up to 1. Where all are missing the first has 1.
    """
    if all(mask is None for mask in valid):
        return shares
    has = np.stack([np.ones(shares.shape[1:], bool) if mask is None else mask for mask in valid])
    left = np.where(has, shares, np.float32(0))
    total = left.sum(axis=0)
    # Sources with no share at all stand in equally for those that are missing.
    left = np.where(total > 0, left, has.astype(np.float32))
    total = left.sum(axis=0)
    left[0] = np.where(total > 0, left[0], np.float32(1))
    whole = np.all(has, axis=0)
    found: Floats = np.where(whole, shares, left / np.maximum(total, np.float32(1e-12)))
    found[0] = np.where(has.any(axis=0), found[0], np.float32(1))
    return found
