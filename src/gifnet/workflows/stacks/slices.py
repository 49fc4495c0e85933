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
from ...imaging.missing import with_mean
from ...imaging.ranges import Range, normalise, shared_range, to_type
from ...imaging.source import Source, as_array, read_sources
from ...registration.api import mean_luminance
from ...validation import require_integer

Floats = npt.NDArray[np.float32]
ChannelAxis = int | Literal["auto"] | None
Mask = npt.NDArray[np.bool_]


#: Names of the channels of RGB(A) slices.
_RGB = ("red", "green", "blue")
LUMINANCE = "luminance"


@dataclass(frozen=True, eq=False)
class Slices:
    """The slices of a stack in memory.

    Attributes
    ----------
    sources : tuple of Source
        Of one shape and type: (H, W), (H, W, C) with RGB(A), or (C, H, W) with other channels.
    channel : int or None
        The channel to decide on; None for the luminance, or the mean of other channels.
    gains : (N, C) float32 array or None
        The factors of all slices and channels.
    """

    sources: tuple[Source, ...]
    channel: int | None = None
    gains: Floats | None = None

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

    @property
    def planar(self) -> bool:
        """Whether the slices have channels other than RGB(A), before the planes."""
        return len(self.first.shape) == 3

    @cached_property
    def valid(self) -> Mask:
        """The mask of valid pixels, (N, H, W)."""
        return np.stack([_valid(source) for source in self.sources])

    def limits(self, spec: Any) -> Range:
        """Return the value range of what is decided on, over the whole stack."""
        if not self.planar or self.channel is None:
            return shared_range([source.intensities for source in self.sources], spec)
        return shared_range([source.data[self.channel] for source in self.sources], spec)

    def planes(self, limits: Range) -> Floats:
        """Return the planes to decide on in [0, 1], (N, H, W), 0 where missing."""
        planes = [self._plane(index, limits) for index in range(self.count)]
        return np.where(self.valid, np.stack(planes), np.float32(0))

    def data(self, index: int) -> npt.NDArray[Any]:
        """Return a slice's values, multiplied by its gains."""
        values = np.ma.getdata(self.sources[index].data)
        if self.gains is None:
            return values
        gains = self.gains[index]
        scaled = values * (gains if self.first.coloured else gains[:, None, None])
        return np.asarray(scaled if self.planar or self.first.coloured else scaled[0], np.float32)

    def _plane(self, index: int, limits: Range) -> Floats:
        source, values = self.sources[index], self.data(index)
        values = normalise(values[..., :3] if source.coloured else values, limits)
        if self.planar:
            chosen = values.mean(axis=0) if self.channel is None else values[self.channel]
            return np.asarray(chosen, np.float32)
        if not source.coloured:
            return values
        return luminance(values) if self.channel is None else values[..., self.channel]

    def registered(self, index: int) -> Floats:
        """Return the plane of a slice by which it is registered, NaN where missing."""
        source = self.sources[index]
        if self.planar and self.channel is not None:
            source = dataclasses.replace(source, data=source.data[self.channel])
        return mean_luminance(source)

    def as_channels(self, image: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return an image like a slice as (C, H, W)."""
        if self.planar:
            return image
        return np.moveaxis(image, -1, 0) if self.first.coloured else image[None]

    def channels(self) -> Floats:
        """Return (N, C, H, W) values; the mean of the others stands for missing pixels."""
        values = [self.as_channels(self.data(index)) for index in range(self.count)]
        return with_mean(np.stack(values).astype(np.float32), self.valid[:, None])

    def cropped(self, region: Region) -> Slices:
        """Return a part of the slices."""
        at = region.slices if self.first.coloured else (..., *region.slices)
        sources = [dataclasses.replace(one, data=one.data[at]) for one in self.sources]
        return dataclasses.replace(self, sources=tuple(sources))

    def image(self, fused: npt.NDArray[np.floating], grey: bool) -> npt.NDArray[np.generic]:
        """Return fused (C, H, W) channels like a slice, missing where all slices are."""
        if grey and self.first.coloured:
            fused[:3] = luminance(np.moveaxis(fused[:3], 0, -1))
        # In float32 the shares add up to a little less or more than 1.
        return self.as_image(to_type(fused, self.first.dtype), np.asarray(self.valid.any(axis=0)))

    def as_image(self, channels: npt.NDArray[Any], known: Mask) -> npt.NDArray[Any]:
        """Return (C, H, W) channels like a slice, missing where they are not known."""
        missing = np.asarray(~known)
        if self.planar:
            return with_missing(channels, missing)
        if self.first.coloured:
            return with_missing(np.moveaxis(channels, 0, -1), missing[..., None])
        return with_missing(channels[0], missing)

    def weighted(self, shares: Floats) -> npt.NDArray[np.float64]:
        """Return the mean of the slices, weighted by (N, H, W) shares, as (C, H, W)."""
        first = self.as_channels(np.ma.getdata(self.first.data))
        total: npt.NDArray[np.float64] = np.zeros(first.shape, np.float64)
        for index, share in enumerate(shares):
            total += share * np.where(self.valid[index], self.as_channels(self.data(index)), 0)
        return total


def read_slices(
    images: Any, axis: int, channel_axis: ChannelAxis, decide_on: int | str | None = None
) -> Slices:
    """Return the slices of a stack, colour last.

    Raises
    ------
    InvalidInputError
        If they are no stack, or have no such channel to decide on.
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
    if len(slices[0].shape) != 2 + (len(slices[0].shape) == 3 and decide_on is not None):
        raise InvalidInputError(
            f"The slices have shape {slices[0].data.shape}; give planes, (H, W), or pass "
            "channel_axis if they have RGB(A) channels, or decide_on if they have other channels, "
            "(C, H, W)."
        )
    sources = tuple(dataclasses.replace(s, data=compute(s.data)) for s in slices)
    return Slices(sources, _channel(sources[0], decide_on))


def _channel(first: Source, decide_on: int | str | None) -> int | None:
    """Return the index of the channel to decide on."""
    if decide_on is None or decide_on == LUMINANCE:
        return None
    names = _RGB if first.coloured else ()
    count = 3 if first.coloured else first.shape[0] if len(first.shape) == 3 else 1
    index = names.index(decide_on) if decide_on in names else decide_on
    if isinstance(index, str) or not -count <= require_integer("decide_on", index) < count:
        known = ", ".join(map(repr, (LUMINANCE, *names)))
        raise InvalidInputError(
            f"decide_on is {decide_on!r}, but the slices have {count} channel(s); use a number "
            f"from 0 to {count - 1}, or {known}."
        )
    return index % count if len(first.shape) == 3 or first.coloured else None


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


def _valid(source: Source) -> Mask:
    """Return the mask of a slice's valid pixels: those that all its channels have."""
    data = compute(source.intensities)
    valid = ~np.ma.getmaskarray(data)
    if data.dtype.kind == "f":
        valid &= np.isfinite(np.ma.getdata(data))
    if source.coloured:
        return np.asarray(valid.all(axis=-1))
    return np.asarray(valid.all(axis=0) if valid.ndim == 3 else valid)
