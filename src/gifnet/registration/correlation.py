"""Alignment by correlation: a search over whole shifts, then refinement below a pixel.

The refinement is the forward additive algorithm of Evangelidis and Psarakis, "Parametric
Image Alignment Using Enhanced Correlation Coefficient Maximization", IEEE TPAMI 30 (2008),
Sec. 3: Gauss-Newton steps on the correlation of the reference and the warped image, which is
invariant to brightness and contrast.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..geometry.grid import Matrix
from .edges import Mask, Plane
from .transform import shifts

_MAX_STEPS = 60
_FEWEST_PIXELS = 50
_LEVELS = 32
#: Minimum overlap after a shift, as a part of the smaller image.
_MIN_OVERLAP = 0.5


class Maps(NamedTuple):
    """Two planes to be aligned, and their valid pixels."""

    reference: Plane
    reference_valid: Mask
    moving: Plane
    moving_valid: Mask


def warp(plane: Plane, matrix: Matrix, shape: tuple[int, int]) -> Plane:
    """Return a plane sampled at the mapped indices; 0 beyond its border."""
    from scipy.ndimage import affine_transform

    result: Plane = affine_transform(
        plane, matrix[:2, :2], matrix[:2, 2], output_shape=shape, order=1, cval=0
    )
    return result


def correlate(maps: Maps, matrix: Matrix) -> float:
    """Return the correlation of both planes under a map, -1 if they hardly overlap."""
    inside = _overlap(maps, matrix)
    if inside.sum() < _FEWEST_PIXELS:
        return -1.0
    warped = warp(maps.moving, matrix, maps.reference.shape)[inside]
    return _correlation(_centred(maps.reference[inside]), _centred(warped))


def shared_information(maps: Maps, matrices: Sequence[Matrix]) -> list[float]:
    """Return the mutual information of both planes, in nats, under each of several maps.

    All are measured on the pixels that are valid under every map, on 32 levels of equal frequency
    per plane.
    """
    inside: Mask = np.logical_and.reduce([_overlap(maps, matrix) for matrix in matrices])
    if inside.sum() < _FEWEST_PIXELS:
        return [0.0] * len(matrices)
    fixed = _ranked(maps.reference[inside])
    found = []
    for matrix in matrices:
        moved = _ranked(warp(maps.moving, matrix, maps.reference.shape)[inside])
        joint = np.histogram2d(fixed, moved, bins=_LEVELS)[0] / inside.sum()
        apart = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
        full = joint > 0
        found.append(float((joint[full] * np.log(joint[full] / apart[full])).sum()))
    return found


def _ranked(values: npt.NDArray[np.float32]) -> npt.NDArray[np.intp]:
    """Return the level of every value. All levels have the same number of values."""
    steps = np.unique(np.quantile(values, np.linspace(0, 1, _LEVELS + 1)[1:-1]))
    return np.searchsorted(steps, values)


def _overlap(maps: Maps, matrix: Matrix) -> Mask:
    valid = warp(maps.moving_valid.astype(np.float32), matrix, maps.reference.shape) > 0.99
    both: Mask = valid & maps.reference_valid
    return both


def _centred(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    centred: npt.NDArray[np.float32] = values - values.mean(axis=0)
    return centred


def _correlation(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    return float(one @ other / np.sqrt(float(one @ one) * float(other @ other) + 1e-20))


def best_shift(maps: Maps, limit: float) -> tuple[Matrix, float]:
    """Return the whole shift of highest correlation over the overlap, and that correlation.

    The correlation of a shift is that of the pixels valid in both planes, computed by Fourier
    transforms (Padfield, "Masked Object Registration in the Fourier Domain", IEEE TIP 21 (2012),
    Eq. 7).

    Parameters
    ----------
    limit : float
        The longest shift, as a part of either side.
    """
    from scipy.fft import irfft2, next_fast_len, rfft2

    one, one_valid, other, other_valid = maps
    sides = [next_fast_len(a + b - 1) for a, b in zip(one.shape, other.shape, strict=True)]

    def centred(plane: Plane, valid: Mask) -> npt.NDArray[np.float64]:
        return np.where(valid, plane - plane[valid].mean(), 0).astype(np.float64)

    a, b = centred(one, one_valid), centred(other, other_valid)
    fixed = [rfft2(x, sides) for x in (a, a * a, one_valid.astype(np.float64))]
    moved = [np.conj(rfft2(x, sides)) for x in (b, b * b, other_valid.astype(np.float64))]

    def over(first: int, second: int) -> npt.NDArray[np.float64]:
        return np.asarray(irfft2(fixed[first] * moved[second], sides))

    count = np.maximum(over(2, 2), 1e-3)
    sum_a, sum_b = over(0, 2), over(2, 0)
    variance_a = np.maximum(over(1, 2) - sum_a * sum_a / count, 1e-9)
    variance_b = np.maximum(over(2, 1) - sum_b * sum_b / count, 1e-9)
    found = (over(0, 0) - sum_a * sum_b / count) / np.sqrt(variance_a * variance_b)
    found[count < _MIN_OVERLAP * min(one_valid.sum(), other_valid.sum())] = -1
    rows, columns = (np.fft.fftfreq(side, 1 / side) for side in sides)
    found[np.abs(rows) > limit * one.shape[0]] = -1
    found[:, np.abs(columns) > limit * one.shape[1]] = -1
    row, column = np.unravel_index(int(found.argmax()), found.shape)
    matrix = np.eye(3)
    matrix[:2, 2] = -rows[row], -columns[column]
    return matrix, float(found[row, column])


def refine(maps: Maps, matrix: Matrix, kind: str, tolerance: float = 2e-3) -> tuple[Matrix, float]:
    """Return the map of a kind near `matrix` with the highest correlation of both planes.

    Parameters
    ----------
    matrix : (3, 3) float64
        The start; of the same kind, or of one with fewer parameters.
    kind : {"translation", "rigid", "similarity", "affine"}
    tolerance : float
        The refinement ends if a step moves no pixel by more.

    Returns
    -------
    matrix : (3, 3) float64
    correlation : float
    """
    shape = maps.reference.shape
    centre = (np.array(shape) - 1) / 2
    reach = max(shape) / 2
    rows = ((np.arange(shape[0]) - centre[0]) / reach).astype(np.float32)[:, None]
    columns = ((np.arange(shape[1]) - centre[1]) / reach).astype(np.float32)[None]
    slopes = [np.asarray(slope, np.float32) for slope in np.gradient(maps.moving)]
    best, highest = matrix, -2.0
    for _ in range(_MAX_STEPS):
        inside = _overlap(maps, matrix)
        if inside.sum() < _FEWEST_PIXELS:
            break
        fixed = _centred(maps.reference[inside])
        moved = _centred(warp(maps.moving, matrix, shape)[inside])
        correlation = _correlation(fixed, moved)
        if correlation <= highest + 1e-7:
            break
        highest, best = correlation, matrix
        slope = [warp(s, matrix, shape)[inside] for s in slopes]
        place = [np.broadcast_to(axis, shape)[inside] for axis in (rows, columns)]
        step = _step(fixed, moved, _jacobian(kind, matrix, slope, place))
        if step is None:
            break
        matrix = _moved(kind, matrix, step, centre, reach)
        if np.abs(shifts(matrix, shape) - shifts(best, shape)).max() < tolerance:
            break
    return best, highest


Columns = list[npt.NDArray[np.float32]]


def _jacobian(kind: str, matrix: Matrix, slope: Columns, place: Columns) -> npt.NDArray[np.float32]:
    """Return the derivatives of the warped pixels, (pixels, parameters)."""
    linear = matrix[:2, :2].astype(np.float32)
    if kind == "translation":
        columns = slope
    elif kind in ("rigid", "similarity"):
        row, column = (linear[axis, 0] * place[0] + linear[axis, 1] * place[1] for axis in (0, 1))
        columns = [slope[1] * row - slope[0] * column, *slope]
        if kind == "similarity":
            columns.insert(0, slope[0] * row + slope[1] * column)
    else:
        columns = [s * p for s in slope for p in place] + slope
    return _centred(np.stack(columns, axis=1))


def _step(
    fixed: npt.NDArray[np.float32],
    moved: npt.NDArray[np.float32],
    jacobian: npt.NDArray[np.float32],
) -> npt.NDArray[np.float64] | None:
    """Return the change of the parameters (Evangelidis and Psarakis, Eqs. 18 to 24)."""
    hessian = (jacobian.T @ jacobian).astype(np.float64)
    size = np.trace(hessian) / len(hessian)
    if not size > 0:
        return None
    # If all edges have one direction, the shift along them is undetermined.
    hessian += np.eye(len(hessian)) * 1e-6 * size
    sides = np.stack((jacobian.T @ moved, jacobian.T @ fixed), axis=1).astype(np.float64)
    by_moved, by_fixed = np.linalg.solve(hessian, sides).T
    above = float(moved @ moved) - sides[:, 0] @ by_moved
    below = float(fixed @ moved) - sides[:, 1] @ by_moved
    if below > 0:
        gain = above / below
    else:
        gain = np.sqrt(max(above, 0) / max(float(fixed @ fixed) - sides[:, 1] @ by_fixed, 1e-12))
    return np.asarray(gain * by_fixed - by_moved)


def _moved(
    kind: str, matrix: Matrix, step: npt.NDArray[np.float64], centre: Matrix, reach: float
) -> Matrix:
    """Return a map changed by a step of its parameters, which rotate around the centre."""
    linear = matrix[:2, :2]
    offset = linear @ centre + matrix[:2, 2] - centre + step[-2:]
    if kind == "rigid":
        linear = turn(float(step[0]) / reach) @ linear
    elif kind == "similarity":
        linear = (1 + float(step[0]) / reach) * turn(float(step[1]) / reach) @ linear
    elif kind == "affine":
        linear = linear + step[:4].reshape(2, 2) / reach
    return around(linear, centre, offset)


def turn(angle: float) -> Matrix:
    """Return the (2, 2) rotation by an angle in radians, from rows to columns."""
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def around(linear: Matrix, centre: Matrix, offset: Matrix) -> Matrix:
    """Return the (3, 3) map that is linear around a centre, which moves by an offset."""
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    matrix[:2, 2] = centre + offset - linear @ centre
    return matrix
