"""The slices of a stack: one shape, one type, missing pixels marked."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ...errors import InvalidInputError
from ...geometry.region import Region
from ...imaging.arrays import compute, with_missing
from ...imaging.colour import luminance
from ...imaging.ranges import Range, normalise, to_type
from ...imaging.source import Source, as_array, read_sources
from ...validation import require_integer

Floats = npt.NDArray[np.float32]
ChannelAxis = int | Literal["auto"] | None
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Slices:
    """The slices of a stack in memory.

    Attributes
    ----------
    sources : tuple of Source
        Of one shape and type, (H, W) or (H, W, C).
    """

    sources: tuple[Source, ...]

    @property
    def count(self) -> int:
        return len(self.sources)

    @property
    def first(self) -> Source:
        return self.sources[0]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        height, width = self.first.shape[-2:]
        return int(height), int(width)

    @cached_property
    def valid(self) -> Mask:
        """The mask of valid pixels, (N, H, W)."""
        return np.stack([_valid(source) for source in self.sources])

    def planes(self, limits: Range) -> Floats:
        """Return the luminance of every slice in [0, 1], (N, H, W), 0 where missing."""
        return np.stack(
            [
                _luminance(source, has, limits)
                for source, has in zip(self.sources, self.valid, strict=True)
            ]
        )

    def channels(self) -> Floats:
        """Return (N, C, H, W) values; the mean of the others stands for missing pixels."""
        values = np.stack([np.ma.getdata(source.data) for source in self.sources])
        values = values.astype(np.float32)
        channels = np.moveaxis(values, -1, 1) if self.first.coloured else values[:, None]
        return with_mean(channels, self.valid[:, None])

    def cropped(self, region: Region) -> Slices:
        """Return a part of the slices."""
        at = region.slices
        sources = [dataclasses.replace(one, data=one.data[at]) for one in self.sources]
        return dataclasses.replace(self, sources=tuple(sources))

    def image(self, fused: npt.NDArray[np.floating], grey: bool) -> npt.NDArray[np.generic]:
        """Return fused (C, H, W) channels like a slice, missing where all slices are."""
        first = self.first
        values = np.moveaxis(fused, 0, -1) if first.coloured else fused[0]
        if grey and first.coloured:
            values[..., :3] = luminance(values[..., :3])[..., None]
        # In float32 the shares add up to a little less or more than 1.
        image = to_type(values, first.dtype)
        missing = np.asarray(~self.valid.any(axis=0))
        return with_missing(image, missing[..., None] if first.coloured else missing)

    def weighted(self, shares: Floats) -> npt.NDArray[np.float64]:
        """Return the mean of the slices, weighted by (N, H, W) shares, as (C, H, W)."""
        total: npt.NDArray[np.float64] = np.zeros(self.first.data.shape, np.float64)
        for source, share, has in zip(self.sources, shares, self.valid, strict=True):
            weight, has = (x[..., None] if source.coloured else x for x in (share, has))
            total += weight * np.where(has, np.ma.getdata(source.data), 0)
        return np.moveaxis(total, -1, 0) if self.first.coloured else total[None]


def read_slices(images: Any, axis: int, channel_axis: ChannelAxis) -> Slices:
    """Return the slices of a stack, colour last.

    Raises
    ------
    InvalidInputError
        If they are no stack.
    """
    if not isinstance(images, list | tuple):
        images = _taken_apart(as_array(images, "stack"), axis)
    if len(images) < 2:
        raise InvalidInputError(f"The stack has {len(images)} slice(s); two or more can be fused.")
    named = {f"slice {number}": image for number, image in enumerate(images)}
    slices = list(read_sources(named, channel_axis))
    shapes = {tuple(source.data.shape) for source in slices}
    types = {str(source.dtype) for source in slices}
    if len(shapes) > 1 or len(types) > 1:
        raise InvalidInputError(
            f"The slices of a stack must be of one shape and type, not {sorted(shapes)} and "
            f"{sorted(types)}."
        )
    if len(slices[0].shape) != 2:
        raise InvalidInputError(
            f"The slices have shape {slices[0].data.shape}; give planes, (H, W), or pass "
            "channel_axis if they have RGB(A) channels."
        )
    return Slices(tuple(dataclasses.replace(s, data=compute(s.data)) for s in slices))


def _taken_apart(stack: Any, axis: int) -> list[Any]:
    """Return the slices of an array along its stack axis."""
    axis = require_integer("axis", axis)
    if not -stack.ndim <= axis < stack.ndim:
        raise InvalidInputError(f"axis is {axis}, but the stack has {stack.ndim} axes.")
    index: list[Any] = [slice(None)] * stack.ndim
    images = []
    for position in range(stack.shape[axis]):
        index[axis] = position
        images.append(stack[tuple(index)])
    return images


def with_mean(values: Floats, valid: Mask) -> Floats:
    """Return (N, ...) values whose missing pixels are the mean of the other slices'."""
    if valid.all():
        return values
    known = np.where(valid, values, 0)
    mean = known.sum(axis=0) / np.maximum(valid.sum(axis=0), 1)
    return np.where(valid, values, mean).astype(np.float32)


def _valid(source: Source) -> Mask:
    """Return the mask of a slice's valid pixels."""
    data = compute(source.intensities)
    valid = ~np.ma.getmaskarray(data)
    if data.dtype.kind == "f":
        valid &= np.isfinite(np.ma.getdata(data))
    return np.asarray(valid.all(axis=-1) if source.coloured else valid)


def _luminance(source: Source, valid: Mask, limits: Range) -> Floats:
    values = normalise(np.ma.getdata(source.intensities), limits)
    plane = luminance(values) if source.coloured else values
    return np.where(valid, plane, np.float32(0)).astype(np.float32)
