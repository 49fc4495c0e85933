"""The CDF 9/7 wavelet of JPEG 2000, by lifting: planes of any size, exact back transform."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

#: Lifting steps and gain (ISO/IEC 15444-1, Annex F, Table F.4).
_STEPS = (-1.586134342059924, -0.052980118572961, 0.882911075530934, 0.443506852043971)
_GAIN = 1.230174104914001


@dataclass(frozen=True)
class Level:
    """One level: its detail coefficients, and the shape of the plane they came from."""

    across: Floats
    down: Floats
    diagonal: Floats
    shape: tuple[int, int]


def _neighbours(values: Floats, count: int, *, of_odd: bool) -> Floats:
    """Return the sums of both neighbours along the last axis, mirrored at the ends.

    `values` are the even samples and `count` odd ones ask, or the other way round.
    """
    if of_odd:
        # Odd sample i lies between even ones i and i + 1.
        right = np.concatenate((values[..., 1:], values[..., -1:]), axis=-1)[..., :count]
        return values[..., :count] + right
    # Even sample i lies between odd ones i - 1 and i.
    padded = np.concatenate((values[..., :1], values, values[..., -1:]), axis=-1)
    return padded[..., :count] + padded[..., 1 : count + 1]


def _split(values: Floats) -> tuple[Floats, Floats]:
    """Return approximation and detail along the last axis."""
    even, odd = values[..., ::2].copy(), values[..., 1::2].copy()
    for step, weight in enumerate(_STEPS):
        if step % 2 == 0:
            odd += weight * _neighbours(even, odd.shape[-1], of_odd=True)
        else:
            even += weight * _neighbours(odd, even.shape[-1], of_odd=False)
    return even / _GAIN, odd * _GAIN


def _join(even: Floats, odd: Floats) -> Floats:
    even, odd = even * _GAIN, odd / _GAIN
    for step in reversed(range(len(_STEPS))):
        if step % 2 == 0:
            odd = odd - _STEPS[step] * _neighbours(even, odd.shape[-1], of_odd=True)
        else:
            even = even - _STEPS[step] * _neighbours(odd, even.shape[-1], of_odd=False)
    result = np.empty((*even.shape[:-1], even.shape[-1] + odd.shape[-1]))
    result[..., ::2], result[..., 1::2] = even, odd
    return result


def decompose(plane: Floats, levels: int) -> tuple[Floats, list[Level]]:
    """Return a plane's approximation and its levels of detail, the finest first.

    It stops early when a side would be below two pixels.
    """
    result = []
    for _ in range(levels):
        if min(plane.shape) < 2:
            break
        low, high = _split(plane)
        base, down = (part.T for part in _split(low.T))
        across, diagonal = (part.T for part in _split(high.T))
        result.append(Level(across, down, diagonal, (plane.shape[0], plane.shape[1])))
        plane = base
    return plane, result


def compose(base: Floats, levels: list[Level]) -> Floats:
    """Return the plane that `decompose` took apart."""
    for level in reversed(levels):
        low = _join(base.T, level.down.T).T
        high = _join(level.across.T, level.diagonal.T).T
        base = _join(low, high)
    return base
