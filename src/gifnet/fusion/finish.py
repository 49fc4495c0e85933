"""From a fused luminance plane back to a plane like a source's."""

from __future__ import annotations

from collections.abc import Sequence

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
    planes: Sequence[SourcePlane],
    correction: npt.NDArray[np.floating] | None = None,
) -> Array:
    """Put colour, alpha, range and type back onto a fused plane.

    Parameters
    ----------
    fused : (P, H, W) array
        Luminance, and Cb and Cr if they were fused.
    planes : sequence of SourcePlane
        All sources, if the request needs them.
    correction : (H, W, 2) array, optional
        A network's correction of the mean of both sources' chroma.
    """
    dtype, limits = request.dtype, request.output_limits
    y = np.clip(fused[0], 0, 1)
    if not request.coloured:
        return denormalise(y, limits, dtype)
    if request.by_shares:
        chroma: npt.NDArray[np.floating] = np.moveaxis(fused[1:], 0, -1)
    else:
        chroma = _chroma(request, planes, correction)
    coloured = denormalise(to_rgb(y, chroma), limits, dtype)
    if request.alpha_from is None:
        return coloured
    alpha = _alpha(request, planes, request.alpha_from)
    return np.concatenate((coloured, alpha[..., None]), axis=-1)


def _alpha(request: Request, planes: Sequence[SourcePlane], owner: int) -> Array:
    """Return the alpha of one source in the result's type; the others' where it has no data."""
    alpha = _in_type(request, planes, owner)
    left = planes[owner].valid
    for i, plane in enumerate(planes):
        if left is None:
            break
        if i == owner:
            continue
        seen = ~left if plane.valid is None else ~left & plane.valid
        alpha = np.where(seen, _in_type(request, planes, i), alpha)
        left = left | seen
    return alpha


def _in_type(request: Request, planes: Sequence[SourcePlane], number: int) -> Array:
    """Return the alpha of a source in the result's type; a source without alpha is opaque."""
    alpha, own, dtype = planes[number].alpha, request.sources[number].dtype, request.dtype
    if alpha is None:
        return np.full(planes[number].luminance.shape, dtype_range(dtype)[1], dtype)
    if own == dtype:
        return alpha
    low, high = dtype_range(own)
    unit = (alpha.astype(np.float64) - low) / (high - low)
    return denormalise(unit, dtype_range(dtype), dtype)


def _chroma(
    request: Request, planes: Sequence[SourcePlane], correction: npt.NDArray[np.floating] | None
) -> npt.NDArray[np.floating]:
    if correction is not None:
        one, two = chroma_pair(*planes)
        return (one + two) / 2 + correction
    # Missing pixels have no colour.
    chosen = [_known_chroma(planes[i]) for i in request.colour_from]
    known = [chroma for chroma in chosen if chroma is not None]
    return known[0] if len(known) == 1 else blend_chroma(known)


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
