"""Alignment of the slices of a stack before their fusion."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import GifnetWarning, InvalidInputError
from ...geometry import Grid
from ...geometry.region import Region
from ...imaging.arrays import Pixels
from ...progress import Progress, Reporter
from ...registration.api import resample_onto
from ...registration.chain import solve_links
from ...registration.links import Link, find_links
from ...registration.transform import Transform
from .settings import StackSettings
from .slices import ChannelAxis, Slices, read_slices
from .transforms import require_fit

#: Displacements below so many pixels do not uncover a border.
_TOLERANCE = 1e-3


@dataclass(frozen=True, eq=False)
class AlignedStack:
    """The slices of a stack on the reference's pixels.

    Attributes
    ----------
    images : tuple of array
        In their own type. Where a slice does not cover a pixel, floats are NaN and integers are
        masked.
    transforms : tuple of Transform
        One per slice.
    region : Region
        The part of the reference slice that the images cover.
    """

    images: tuple[Pixels, ...]
    transforms: tuple[Transform, ...]
    region: Region


def align_stack(
    images: Any,
    *,
    axis: int = 0,
    align: str = "affine",
    reference: int | None = None,
    transforms: Any = None,
    crop: str = "reference",
    decide_on: int | str | None = None,
    channel_axis: ChannelAxis = "auto",
    progress: Progress = None,
) -> AlignedStack:
    """Register the slices of a stack to each other, without fusing them.

    Parameters
    ----------
    images, axis, align, reference, transforms, crop, decide_on, progress
        As in `gifnet.fuse_stack`.
    channel_axis : int, "auto" or None
        As in `gifnet.fuse`.

    Returns
    -------
    AlignedStack
        The slices, and the transforms, which `fuse_stack` takes.

    Raises
    ------
    InvalidInputError
        If the slices cannot be used together, or the transforms do not fit.
    Cancelled
        If the progress callback returned False.
    """
    settings = StackSettings(align=align, reference=reference, transforms=transforms, crop=crop)
    slices = read_slices(images, axis, channel_axis, decide_on)
    index = settings.reference_index(slices.count)
    slices, found, region = aligned(slices, index, settings, Reporter(progress))
    return AlignedStack(tuple(one.data for one in slices.sources), found, region)


def aligned(
    slices: Slices, index: int, settings: StackSettings, reporter: Reporter
) -> tuple[Slices, tuple[Transform, ...], Region]:
    """Return the aligned and cropped slices, the transforms, and the region."""
    transforms = settings.transforms or ()
    if transforms:
        require_fit(transforms, slices.count, slices.shape)
    aligns, region = bool(transforms) or settings.align != "none", Region.of(*slices.shape)
    if aligns:
        reporter.expect(slices.count)
        transforms = transforms or find_transforms(slices, index, settings.align, reporter)
    if settings.crop == "common":
        region = common_region(transforms, slices.shape)
    if aligns:
        slices = apply_transforms(slices, transforms, reporter)
    return slices.cropped(region), transforms, region


def find_transforms(
    slices: Slices, index: int, kind: str, reporter: Reporter
) -> tuple[Transform, ...]:
    """Return the transforms of all slices onto the reference, found through their neighbours."""
    shape, count = slices.shape, slices.count
    links = find_links(slices.registered, count, kind, reporter.check)
    holding = [link for link in links if link.holds]
    matrices, _ = solve_links(holding, count, index, kind, shape)
    if unmoved := [number for number, matrix in enumerate(matrices) if matrix is None]:
        warnings.warn(
            f"Slices {', '.join(map(str, unmoved))} have no structure in common with their "
            f"neighbours that leads to slice {index}, so they stay unmoved. Leave them out if "
            "they are blank.",
            GifnetWarning,
            stacklevel=5,
        )
    transforms = []
    for number, matrix in enumerate(matrices):
        still = matrix is None or number == index
        transforms.append(
            Transform(
                "none" if still else kind,
                np.eye(3) if matrix is None else matrix,
                shape,
                *_correlations(links, number),
            )
        )
    return tuple(transforms)


def apply_transforms(slices: Slices, transforms: Sequence[Transform], reporter: Reporter) -> Slices:
    """Return the slices on the reference's pixels. Unmoved slices are not interpolated."""
    aligned = []
    target = Grid(slices.shape, np.eye(3))
    for source, transform in zip(slices.sources, transforms, strict=True):
        if transform.kind != "none":
            axis = -1 if source.coloured else None
            data = resample_onto(source.data, transform, target, channel_axis=axis, order=3)
            source = dataclasses.replace(source, data=data)
        reporter.advance()
        aligned.append(source)
    return dataclasses.replace(slices, sources=tuple(aligned))


def _correlations(links: Sequence[Link], number: int) -> tuple[float, float]:
    """Return the mean edge correlations of a slice with its neighbours, before and after."""
    own = [link for link in links if number in (link.first, link.second)]
    if not own:
        return 0.0, 0.0
    return float(np.mean([x.before for x in own])), float(np.mean([x.after for x in own]))


def common_region(transforms: Sequence[Transform], shape: tuple[int, int]) -> Region:
    """Return a large rectangle that all aligned slices cover; the whole without transforms.

    Raises
    ------
    InvalidInputError
        If there is no such rectangle.
    """
    covered = np.ones(shape, bool)
    for one in transforms:
        covered &= _covered(one, shape)
    return _largest(covered)


def _covered(transform: Transform, shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    inside = np.ones(shape, bool)
    for (down, right, start), side in zip(transform.matrix[:2], shape, strict=True):
        position = down * rows + right * columns + start
        inside &= (position >= -_TOLERANCE) & (position <= side - 1 + _TOLERANCE)
    return inside


def _largest(covered: npt.NDArray[np.bool_]) -> Region:
    """Trim the side with the most uncovered pixels until none is left.

    The covered area is convex, so its border is uncovered in part of a side only.
    """
    total = np.pad(np.cumsum(np.cumsum(~covered, axis=0), axis=1), ((1, 0), (1, 0)))

    def uncovered(top: int, left: int, bottom: int, right: int) -> int:
        found = total[bottom, right] - total[top, right] - total[bottom, left] + total[top, left]
        return int(found)

    top, left, (bottom, right) = 0, 0, covered.shape
    while top < bottom and left < right and uncovered(top, left, bottom, right):
        height, width = bottom - top, right - left
        parts = (
            uncovered(top, left, top + 1, right) / width,
            uncovered(bottom - 1, left, bottom, right) / width,
            uncovered(top, left, bottom, left + 1) / height,
            uncovered(top, right - 1, bottom, right) / height,
        )
        worst = int(np.argmax(parts))
        top, bottom = top + (worst == 0), bottom - (worst == 1)
        left, right = left + (worst == 2), right - (worst == 3)
    if top >= bottom or left >= right:
        raise InvalidInputError(
            "No pixel is covered by all slices, so crop='common' leaves nothing. Use "
            "crop='reference', or leave out the slices that are far apart."
        )
    return Region(top, left, bottom, right)
