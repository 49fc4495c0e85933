"""The Laplacian pyramid of Burt and Adelson (IEEE Trans. Commun. 31, 1983), on trailing planes.

Five binomial taps, mirrored borders. Arrays are (..., H, W) floats of any type.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]


def reduce(x: Floats) -> Floats:
    """Return every second pixel of smoothed planes."""
    return _reduced(_reduced(x, -1), -2)


def expand(x: Floats, shape: tuple[int, int]) -> Floats:
    """Return planes of `shape` whose reduction has the shape of `x`."""
    return _expanded(_expanded(x, -2, shape[0]), -1, shape[1])


def gaussian_pyramid(x: Floats, levels: int) -> list[Floats]:
    """Return planes and `levels` reductions of them."""
    found = [x]
    for _ in range(levels):
        found.append(reduce(found[-1]))
    return found


def laplacian_pyramid(x: Floats, levels: int) -> list[Floats]:
    """Return `levels` details, the finest first, and the base."""
    planes = gaussian_pyramid(x, levels)
    details = [
        fine - expand(coarse, (fine.shape[-2], fine.shape[-1])) for fine, coarse in pairwise(planes)
    ]
    return [*details, planes[-1]]


def collapse(pyramid: Sequence[Floats]) -> Floats:
    """Return the planes of a Laplacian pyramid."""
    *details, found = pyramid
    for detail in reversed(details):
        found = expand(found, (detail.shape[-2], detail.shape[-1])) + detail
    return found


def levels_of(shape: tuple[int, ...], most: int) -> int:
    """Return the number of levels, at most `most`, until the shorter side is 1 or 2 pixels."""
    return max(0, min(most, int(np.log2(max(min(shape[-2:]), 1)))))


def _reduced(x: Floats, axis: int) -> Floats:
    x = np.moveaxis(x, axis, -1)
    count = x.shape[-1]
    padded = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(2, 2)], mode="reflect" if count > 2 else "edge")
    taps = [padded[..., start : start + count : 2] for start in range(5)]
    total = (taps[0] + taps[4] + 4 * (taps[1] + taps[3]) + 6 * taps[2]) / x.dtype.type(16)
    found: Floats = np.moveaxis(total, -1, axis)
    return found


def _expanded(x: Floats, axis: int, size: int) -> Floats:
    x = np.moveaxis(x, axis, -1)
    count = x.shape[-1]
    # The mirror at the last pixel repeats the last sample if the size is even.
    before = x[..., 1:2] if count > 1 else x[..., :1]
    after = x[..., -1:] if size % 2 == 0 or count == 1 else x[..., -2:-1]
    padded = np.concatenate((before, x, after), axis=-1)
    found = np.empty((*x.shape[:-1], size), x.dtype)
    kind = x.dtype.type
    found[..., ::2] = (padded[..., :-2] + 6 * x + padded[..., 2:]) / kind(8)
    found[..., 1::2] = ((x + padded[..., 2:]) / kind(2))[..., : size // 2]
    result: Floats = np.moveaxis(found, -1, axis)
    return result
