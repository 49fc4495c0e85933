"""Rectangles of an image, and maps that are known on them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Region:
    """A rectangle of pixels, half open, in the image's coordinates."""

    top: int
    left: int
    bottom: int
    right: int

    @classmethod
    def of(cls, height: int, width: int) -> Region:
        """Return the region of a whole image."""
        return cls(0, 0, height, width)

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def area(self) -> int:
        return self.height * self.width

    @property
    def slices(self) -> tuple[slice, slice]:
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def __and__(self, other: Region) -> Region:
        return Region(
            max(self.top, other.top),
            max(self.left, other.left),
            min(self.bottom, other.bottom),
            min(self.right, other.right),
        )

    def __or__(self, other: Region) -> Region:
        """Return the smallest region that holds both."""
        return Region(
            min(self.top, other.top),
            min(self.left, other.left),
            max(self.bottom, other.bottom),
            max(self.right, other.right),
        )

    def __contains__(self, other: Region) -> bool:
        return self | other == self

    def expand(self, by: int) -> Region:
        """Return the region with a margin on every side."""
        return Region(self.top - by, self.left - by, self.bottom + by, self.right + by)

    def expand_within(self, by: int, bounds: Region) -> Region:
        """Return the region with a margin, as far as the bounds allow."""
        return self.expand(by) & bounds

    def within(self, outer: Region) -> tuple[slice, slice]:
        """Return the slices that cut this region out of an array of `outer`."""
        return (
            slice(self.top - outer.top, self.bottom - outer.top),
            slice(self.left - outer.left, self.right - outer.left),
        )

    def padded_to(self, multiple: int) -> Region:
        """Return the region with its bottom and right on the next multiples."""
        return Region(self.top, self.left, _up(self.bottom, multiple), _up(self.right, multiple))

    def align_to_windows(self, window: int, shift: int) -> Region:
        """Return the smallest region of whole windows that holds this one.

        The grid starts `shift` pixels above and left of the image.
        """
        return Region(
            (self.top + shift) // window * window - shift,
            (self.left + shift) // window * window - shift,
            _up(self.bottom + shift, window) - shift,
            _up(self.right + shift, window) - shift,
        )

    def reflection_source(self, bounds: Region) -> Region:
        """Return what of the bounds `reflect` needs to make this region, which may reach out."""
        inside = self & bounds
        return Region(
            min(inside.top, 2 * bounds.bottom - 1 - max(self.bottom, bounds.bottom)),
            min(inside.left, 2 * bounds.right - 1 - max(self.right, bounds.right)),
            max(inside.bottom, 2 * bounds.top + 1 - min(self.top, bounds.top)),
            max(inside.right, 2 * bounds.left + 1 - min(self.left, bounds.left)),
        )


def _up(x: int, multiple: int) -> int:
    return -(-x // multiple) * multiple


def crop(x: Tensor, at: Region, to: Region) -> Tensor:
    """Cut a (..., H, W) map of the region `at` down to the region `to` within it."""
    if at == to:
        return x
    rows, columns = to.within(at)
    return x[..., rows, columns]


def reflect(x: Tensor, at: Region, to: Region, bounds: Region) -> Tensor:
    """Turn a map of the region `at` into one of `to`, reflecting beyond the bounds.

    `at` lies within the bounds and holds ``to.reflection_source(bounds)``.
    """
    left, right = max(0, bounds.left - to.left), max(0, to.right - bounds.right)
    top, bottom = max(0, bounds.top - to.top), max(0, to.bottom - bounds.bottom)
    if not (left or right or top or bottom):
        return crop(x, at, to)
    known = to.reflection_source(bounds)
    x = _pad(crop(x, at, known), left, right, top, bottom)
    padded = Region(known.top - top, known.left - left, known.bottom + bottom, known.right + right)
    return crop(x, padded, to)


def _pad(x: Tensor, left: int, right: int, top: int, bottom: int) -> Tensor:
    """Reflect a (1, C, H, W) map beyond its sides."""
    if x.device.type != "cpu":
        return F.pad(x, (left, right, top, bottom), mode="reflect")
    # PyTorch's CPU kernel is many times slower than copying: margins here are a few pixels.
    height, width = x.shape[-2:]
    padded = torch.empty(
        (*x.shape[:2], top + height + bottom, left + width + right),
        dtype=x.dtype,
        memory_format=torch.channels_last,
    )
    padded[:, :, top : top + height, left : left + width] = x
    for dim, before, length, after in ((2, top, height, bottom), (3, left, width, right)):
        for i in range(1, before + 1):
            padded.select(dim, before - i).copy_(padded.select(dim, before + i))
        last = before + length - 1
        for i in range(1, after + 1):
            padded.select(dim, last + i).copy_(padded.select(dim, last - i))
    return padded


def convolution_output(at: Region, radius: int, bounds: Region) -> Region:
    """Return where a convolution of a map of `at` is known: up to the border, not to the rest."""
    return Region(
        at.top if at.top == bounds.top else at.top + radius,
        at.left if at.left == bounds.left else at.left + radius,
        at.bottom if at.bottom == bounds.bottom else at.bottom - radius,
        at.right if at.right == bounds.right else at.right - radius,
    )


def convolve(
    x: Tensor, at: Region, bounds: Region, weight: Tensor, bias: Tensor | None, groups: int = 1
) -> Tensor:
    """Convolve the map of a region.

    The result covers ``convolution_output(at, radius, bounds)``.
    """
    radius = weight.shape[-1] // 2
    if radius:
        to = convolution_output(at, radius, bounds)
        wanted = Region(to.top - radius, to.left - radius, to.bottom + radius, to.right + radius)
        x = reflect(x, at, wanted, bounds)
    return F.conv2d(x, weight, bias, groups=groups)
