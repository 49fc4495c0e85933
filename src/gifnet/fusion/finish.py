"""From a fused luminance plane back to a plane like the first image's."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..imaging.colour import blend_chroma, to_rgb
from ..imaging.ranges import denormalise, dtype_range
from ..imaging.source import SourcePlane
from .request import Request

Array = npt.NDArray[np.generic]


def finish_plane(
    request: Request,
    fused: npt.NDArray[np.float32],
    first: SourcePlane,
    second: SourcePlane,
    correction: npt.NDArray[np.floating] | None = None,
) -> Array:
    """Put colour, alpha, range and type back onto a fused luminance plane.

    `correction` is a network's correction of the mean of both sources' chroma, (H, W, 2), if a
    network blends the colour.
    """
    dtype, limits = request.first.dtype, request.output_limits
    y = np.clip(fused, 0, 1)
    if not request.coloured:
        return denormalise(y, limits, dtype)
    coloured = denormalise(to_rgb(y, _chroma(request, first, second, correction)), limits, dtype)
    if not request.keeps_alpha:
        return coloured
    owner, plane = (request.first, first) if request.first.has_alpha else (request.second, second)
    assert plane.alpha is not None
    low, high = dtype_range(owner.dtype)
    unit = (plane.alpha.astype(np.float64) - low) / (high - low)
    alpha = plane.alpha if owner.dtype == dtype else denormalise(unit, dtype_range(dtype), dtype)
    return np.concatenate((coloured, alpha[..., None]), axis=-1)


def _chroma(
    request: Request,
    first: SourcePlane,
    second: SourcePlane,
    correction: npt.NDArray[np.floating] | None,
) -> npt.NDArray[np.floating]:
    if request.colour_from == "blend" and correction is not None:
        one, two = chroma_pair(first, second)
        return (one + two) / 2 + correction
    # Missing pixels have no colour.
    planes = [_known_chroma(plane) for plane in (first, second)]
    if request.colour_from == "blend":
        assert planes[0] is not None
        assert planes[1] is not None
        return blend_chroma(planes[0], planes[1])
    chosen = planes[0] if request.colour_from == "first" else planes[1]
    assert chosen is not None
    return chosen


def _known_chroma(plane: SourcePlane) -> npt.NDArray[np.float32] | None:
    if plane.chroma is None or plane.valid is None:
        return plane.chroma
    return np.where(plane.valid[..., None], plane.chroma, np.float32(0))


def chroma_pair(
    first: SourcePlane, second: SourcePlane
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return both sources' chroma. Pixels missing in one source get the other's."""
    one, two = _known_chroma(first), _known_chroma(second)
    assert one is not None
    assert two is not None
    if first.valid is not None:
        one = np.where(first.valid[..., None], one, two)
    if second.valid is not None:
        two = np.where(second.valid[..., None], two, one)
    return one, two
