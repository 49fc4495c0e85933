"""Bring an image onto another grid through world coordinates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InvalidInputError
from .grid import TOLERANCE, Grid, Matrix

Array = npt.NDArray[np.generic]
Floats = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]

#: Output pixels per step: keeps temporary arrays small and lets a caller stop in between.
_STEP_PIXELS = 2**20
_EDGE = 0.5 + 1e-6


def resample(
    data: Array,
    moving: Grid,
    reference: Grid,
    *,
    coloured: bool = False,
    order: int = 1,
    tick: Callable[[], object] | None = None,
    make: Callable[[tuple[int, ...], np.dtype[np.generic]], Any] = np.empty,
) -> Floats:
    """Sample an image at the pixel centres of a reference grid, linearly or by splines.

    An image whose pixels are smaller than the reference's is smoothed by a Gaussian first, so
    that fine texture does not alias. Missing pixels (NaN) are excluded from sums.

    Parameters
    ----------
    data : (..., H, W) or (..., H, W, C) array
        Of the moving grid's shape, followed by C channels if `coloured`.
    moving, reference : Grid
        Of both images. A moving image with fewer axes than the reference is resampled onto each
        of its planes.
    coloured : bool
        Whether the last axis holds channels.
    order : int
        Of the spline: 1 is linear, 3 cubic, which keeps more detail and may overshoot.
    tick : callable, optional
        Called after every million pixels or so; may raise an exception to stop.
    make : callable
        Makes the array for the result from shape and type.

    Returns
    -------
    array of float32, or float64 where `data` needs it
        Has the reference's (last) shape, and is NaN where the moving image is missing.

    Raises
    ------
    InvalidInputError
        If the images do not overlap.
    """
    if moving.ndim > reference.ndim:
        raise InvalidInputError(
            f"An image of {moving.ndim} axes cannot be resampled onto one of {reference.ndim}; use "
            "the one with more axes as reference, or select a plane of it."
        )
    reference = reference.trailing(moving.ndim)
    to_moving = reference.to_indices_of(moving)
    looped = _unchanged_axes(to_moving, moving, reference)
    keep = [*range(looped, moving.ndim), moving.ndim]
    plane_map = to_moving[np.ix_(keep, keep)]
    shape, source_shape = reference.shape[looped:], moving.shape[looped:]
    channels = data.shape[-1:] if coloured else ()
    dtype = working_type(np.dtype(data.dtype))
    if not _overlaps(plane_map, shape, source_shape):
        raise InvalidInputError(
            "The images do not overlap in the world, so there is nothing to fuse. Check their "
            "scale, translate and units."
        )
    result: Floats = make(reference.shape + channels, dtype)
    for index in np.ndindex(reference.shape[:looped]):
        result[index] = np.nan
        plane = _values(data[index] if index else data, dtype)
        for channel in np.ndindex(channels):
            _resample_block(
                plane[(..., *channel)], plane_map, result[(*index, ..., *channel)], order, tick
            )
    return result


def working_type(dtype: np.dtype[np.generic]) -> np.dtype[np.generic]:
    """Return the float type for an image's values, float32 if it is precise enough."""
    wide = dtype.itemsize > (2 if dtype.kind in "iu" else 4)
    return np.dtype(np.float64 if wide else np.float32)


def _values(plane: Array, dtype: np.dtype[np.generic]) -> Floats:
    if isinstance(plane, np.ma.MaskedArray):
        return np.ma.filled(plane.astype(dtype), np.nan)
    return np.asarray(plane).astype(dtype)


def _unchanged_axes(to_moving: Matrix, moving: Grid, reference: Grid) -> int:
    """Count the leading axes, of all but the last two, whose planes correspond one to one."""
    n = moving.ndim
    drift = to_moving[:n] - np.eye(n + 1)[:n]
    for axis in range(n - 2):
        same = moving.shape[axis] == reference.shape[axis]
        reach = np.append(np.array(reference.shape), 1)
        mixes = max(
            float(np.abs(drift[axis]) @ reach),
            float(np.abs(np.delete(drift[:, axis], axis)).max()) * reference.shape[axis],
        )
        if not same or mixes > TOLERANCE:
            return axis
    return max(n - 2, 0)


def _overlaps(plane_map: Matrix, shape: tuple[int, ...], source_shape: tuple[int, ...]) -> bool:
    """Return whether any reference pixel's centre is within the moving image."""
    return any(inside.any() for _, inside in _steps(plane_map, shape, source_shape))


def _steps(
    plane_map: Matrix, shape: tuple[int, ...], source_shape: tuple[int, ...]
) -> Iterator[tuple[slice, Mask]]:
    """Yield row ranges of the output, and their pixels within the source."""
    rows = max(1, _STEP_PIXELS // max(1, int(np.prod(shape[1:]))))
    for start in range(0, shape[0], rows):
        stop = min(start + rows, shape[0])
        yield slice(start, stop), _inside(plane_map, start, stop, shape, source_shape)


def _inside(
    plane_map: Matrix,
    start: int,
    stop: int,
    shape: tuple[int, ...],
    source_shape: tuple[int, ...],
) -> Mask:
    n = len(shape)
    sides = (stop - start, *shape[1:])
    indices = [
        np.arange(start if axis == 0 else 0, stop if axis == 0 else shape[axis]).reshape(
            [-1 if other == axis else 1 for other in range(n)]
        )
        for axis in range(n)
    ]
    inside: Mask = np.ones((1,) * n, bool)
    for row, side in zip(plane_map[:n], source_shape, strict=True):
        # Axes without influence keep length 1, so separable maps stay cheap.
        position = np.full((1,) * n, row[n])
        for weight, index in zip(row[:n], indices, strict=True):
            if weight:
                position = position + weight * index
        inside = inside & (position >= -_EDGE) & (position <= side - 1 + _EDGE)
    return np.broadcast_to(inside, sides)


def _resample_block(
    source: Floats,
    plane_map: Matrix,
    out: Floats,
    order: int,
    tick: Callable[[], object] | None,
) -> None:
    """Fill `out` with samples of `source`; pixels without a sample stay NaN."""
    from scipy.ndimage import affine_transform

    missing = np.isnan(source)
    weights = None
    if missing.any():
        weights = (~missing).astype(source.dtype)
        source = np.where(missing, source.dtype.type(0), source)
    source, weights = _smooth(source, weights, plane_map)
    if order > 1:
        source = _coefficients(source, weights, order)
    linear, offset = plane_map[:-1, :-1], plane_map[:-1, -1]
    for rows, inside in _steps(plane_map, out.shape, source.shape):
        if tick is not None:
            tick()
        if not inside.any():
            continue
        arguments = {
            "matrix": linear,
            "offset": offset + linear[:, 0] * rows.start,
            "output_shape": inside.shape,
            "mode": "nearest",
        }
        # Splines have no weights, so missing pixels are filled first.
        values = affine_transform(source, order=order, prefilter=False, **arguments)
        keep = inside
        if weights is not None:
            weight = affine_transform(weights, order=1, **arguments)
            keep = inside & (weight >= 0.5)
        if weights is not None and order == 1:
            values = np.divide(values, weight, out=values, where=keep)
        out[rows] = np.where(keep, values, np.nan)


def _coefficients(source: Floats, weights: Floats | None, order: int) -> Floats:
    """Return the coefficients of a spline; missing pixels get their nearest neighbours' values."""
    from scipy.ndimage import distance_transform_edt, spline_filter

    if weights is not None:
        nearest = distance_transform_edt(weights < 0.5, return_distances=False, return_indices=True)
        source = np.divide(source, weights, out=source.copy(), where=weights >= 0.5)
        source = source[tuple(nearest)]
    coefficients: Floats = spline_filter(source, order, output=source.dtype, mode="nearest")
    return coefficients


def _smooth(
    source: Floats, weights: Floats | None, plane_map: Matrix
) -> tuple[Floats, Floats | None]:
    """Blur by half of how far a reference pixel reaches beyond one source pixel."""
    from scipy.ndimage import gaussian_filter

    reach = np.linalg.norm(plane_map[:-1, :-1], axis=1)
    sigma = np.maximum(0, (reach - 1) / 2)
    sigma[sigma < TOLERANCE] = 0
    if not sigma.any():
        return source, weights
    # Axes of length 1 have nothing to blur over.
    sigma[np.array(source.shape) == 1] = 0
    blurred = gaussian_filter(source, sigma, mode="nearest")
    return blurred, None if weights is None else gaussian_filter(weights, sigma, mode="nearest")
