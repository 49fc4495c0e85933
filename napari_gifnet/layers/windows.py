"""Contrast limits: those that somebody has chosen, and those of new layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from gifnet.imaging.arrays import Pixels
from gifnet.imaging.ranges import Range

if TYPE_CHECKING:
    from napari.layers import Image

Array: TypeAlias = npt.NDArray[Any]

_SAMPLED_PIXELS = 2**20
#: Planes of a file that are read.
_SAMPLED_PLANES = 16
#: Arrays whose own limits are kept.
_KEPT = 32


def window_of(layer: Image) -> Range | None:
    """Return the contrast limits that a person or a reader has set, None for napari's own.

    napari's own limits are the extremes of the data, where one hot pixel hides all else.
    """
    low, high = (float(value) for value in layer.contrast_limits)
    if not low < high or layer.rgb:
        return None
    data = layer.data[-1] if layer.multiscale else layer.data
    if isinstance(data, np.ndarray) and (low, high) == _own_limits(data):
        return None
    return low, high


_own: dict[int, tuple[Array, Range]] = {}


def _own_limits(data: Array) -> Range:
    """Return the limits that napari gives an array, looked up once."""
    from napari.layers.utils.layer_utils import calc_data_range

    if id(data) not in _own:
        while len(_own) >= _KEPT:
            _own.pop(next(iter(_own)))
        low, high = calc_data_range(data)
        _own[id(data)] = data, (float(low), float(high))
    return _own[id(data)][1]


def contrast_limits(data: Pixels) -> Range:
    """Return display limits: all of uint8's range, else percentiles 0.1 and 99.9."""
    if data.dtype == np.uint8:
        return 0.0, 255.0
    if data.dtype == np.bool_:
        return 0.0, 1.0
    values = sample_values(data)
    if not values.size:
        return 0.0, 1.0
    low, high = (float(v) for v in np.percentile(values, (0.1, 99.9)))
    return (low, high) if low < high else (low, low + 1)


def sample_values(data: Pixels, rgb: bool = False) -> Array:
    """Return the finite values of about a million pixels spread over an image."""
    axes = data.ndim - 1 if rgb else data.ndim
    shape = tuple(int(side) for side in data.shape[:axes])
    if isinstance(data, np.ndarray) or axes < 3:
        step = max(1, int(np.ceil((np.prod(shape) / _SAMPLED_PIXELS) ** (1 / axes))))
        parts = [data[(slice(None, None, step),) * axes]]
    else:
        # Of a file, few planes are read.
        count = int(np.prod(shape[:-2]))
        chosen = np.unique(np.linspace(0, count - 1, min(count, _SAMPLED_PLANES)).astype(int))
        step = max(1, int(np.ceil((len(chosen) * np.prod(shape[-2:]) / _SAMPLED_PIXELS) ** 0.5)))
        planes = (slice(None, None, step),) * 2
        parts = [data[(*np.unravel_index(at, shape[:-2]), *planes)] for at in chosen]
    found: list[Array] = []
    for part in parts:
        values = np.asanyarray(part)[..., :3] if rgb else np.asanyarray(part)
        values = values.compressed() if np.ma.isMA(values) else values.ravel()
        found.append(values[np.isfinite(values)])
    return np.concatenate(found)
