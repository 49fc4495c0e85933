"""Equal brightness and white balance of the slices of a focus stack."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import numpy.typing as npt

from ...errors import GifnetWarning
from ...imaging.colour import luminance
from ...imaging.ranges import dtype_range
from .slices import Slices

Gains = npt.NDArray[np.float32]

#: Side of the blocks that are compared. Defocus changes their means little.
_BLOCK = 16
#: Blocks darker than this part of the brightest one say little about a gain.
_DARK = 0.02
_FEWEST = 8
#: A larger factor between neighbours is that of exposures.
_EXPOSURE = 1.5


def equalised(slices: Slices, reference: int, kind: str) -> Slices:
    """Return slices of the reference's brightness.

    Parameters
    ----------
    slices : Slices
        Aligned.
    reference : int
        The slice whose brightness the others get.
    kind : {"none", "brightness", "colour"}
        One gain per slice, or one per slice and colour channel. Channels other than RGB(A) always
        have their own.
    """
    if kind == "none":
        return slices
    gains = np.stack([_gains(slices, index, reference, kind) for index in range(slices.count)])
    steps = gains[1:] / gains[:-1]
    if steps.max() > _EXPOSURE or steps.min() < 1 / _EXPOSURE:
        warnings.warn(
            f"Neighbouring slices differ in brightness by a factor of up to "
            f"{max(steps.max(), 1 / steps.min()):.1f}, as exposures do. Equalising them removes "
            "what a bracket is for; use equalise='none' for brackets.",
            GifnetWarning,
            stacklevel=4,
        )
    return dataclasses.replace(slices, gains=gains)


def _gains(slices: Slices, index: int, reference: int, kind: str) -> Gains:
    """Return the gain of every channel of a slice."""
    pair = [slices.as_channels(np.ma.getdata(slices.sources[k].data)) for k in (index, reference)]
    both = slices.valid[index] & slices.valid[reference]
    colours = pair[0].shape[0] - slices.first.has_alpha
    found = np.ones(pair[0].shape[0], np.float32)
    if index == reference:
        return found
    dtype = slices.first.dtype
    top = dtype_range(dtype)[1] if dtype.kind in "iu" else np.inf
    for one in pair:
        both = both & (one[:colours].max(axis=0) < top)
    if kind == "brightness" and slices.first.coloured:
        planes = [luminance(np.moveaxis(one[:3], 0, -1).astype(np.float32)) for one in pair]
        found[:colours] = _gain(planes[0], planes[1], both)
        return found
    for channel in range(colours):
        found[channel] = _gain(pair[0][channel], pair[1][channel], both)
    return found


def _gain(
    plane: npt.NDArray[np.generic], reference: npt.NDArray[np.generic], both: npt.NDArray[np.bool_]
) -> float:
    """Return the median ratio of blocks, weighted by their brightness; 1 without any."""
    means = [_block_means(np.where(both, one, 0)) for one in (plane, reference)]
    full = _block_means(both.astype(np.float32)) > 0.99
    level = np.minimum(*means)
    used = full & (level > _DARK * level.max(initial=0))
    if used.sum() < min(_FEWEST, used.size):
        return 1.0
    ratios, weights = means[1][used] / means[0][used], level[used]
    order = np.argsort(ratios)
    half = np.searchsorted(np.cumsum(weights[order]), weights.sum() / 2)
    return float(ratios[order][half])


def _block_means(plane: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
    """Return the means of whole blocks."""
    side = min(_BLOCK, *plane.shape)
    rows, columns = (length // side for length in plane.shape)
    blocks = plane[: rows * side, : columns * side].reshape(rows, side, columns, side)
    return np.asarray(blocks.mean(axis=(1, 3), dtype=np.float64))
