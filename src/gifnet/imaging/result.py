"""From a fused luminance plane back to a plane like the first image's."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .colour import blend_chroma, to_rgb
from .ranges import denormalise, dtype_range
from .request import Request
from .source import SourcePlane

Array = npt.NDArray[Any]


def finish_plane(
    request: Request, fused: npt.NDArray[np.float32], first: SourcePlane, second: SourcePlane
) -> Array:
    """Put colour, alpha, range and type back onto a fused luminance plane."""
    dtype, limits = request.first.dtype, request.output_limits
    y = np.clip(fused, 0, 1)
    if not request.coloured:
        return denormalise(y, limits, dtype)
    coloured = denormalise(to_rgb(y, _chroma(request, y, first, second)), limits, dtype)
    if not request.keeps_alpha:
        return coloured
    owner, plane = (request.first, first) if request.first.has_alpha else (request.second, second)
    assert plane.alpha is not None
    low, high = dtype_range(owner.dtype)
    unit = (plane.alpha.astype(np.float64) - low) / (high - low)
    alpha = plane.alpha if owner.dtype == dtype else denormalise(unit, dtype_range(dtype), dtype)
    return np.concatenate((coloured, alpha[..., None]), axis=-1)


def _chroma(
    request: Request, fused: npt.NDArray[np.float32], first: SourcePlane, second: SourcePlane
) -> npt.NDArray[np.floating]:
    # Where a source has no data it has no colour either.
    planes = []
    for plane in (first, second):
        cbcr = plane.chroma
        if cbcr is not None and plane.valid is not None:
            cbcr = np.where(plane.valid[..., None], cbcr, np.float32(0))
        planes.append(cbcr)
    if request.colour_from == "blend":
        assert planes[0] is not None
        assert planes[1] is not None
        if request.mix_chroma is not None:
            return request.mix_chroma(fused, planes[0], planes[1])
        return blend_chroma(planes[0], planes[1])
    chosen = planes[0] if request.colour_from == "first" else planes[1]
    assert chosen is not None
    return chosen
