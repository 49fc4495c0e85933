"""Maps of a region of an image: cropping, reflection and convolution."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..geometry.region import Region


def crop(x: Tensor, at: Region, to: Region) -> Tensor:
    """Cut a (..., H, W) map of the region `at` down to the region `to` within it."""
    if at == to:
        return x
    rows, columns = to.relative_to(at).slices
    return x[..., rows, columns]


def reflect(x: Tensor, at: Region, to: Region, bounds: Region) -> Tensor:
    """Turn a map of the region `at` into one of `to`, reflecting beyond the bounds.

    `at` is within the bounds and contains ``to.reflection_source(bounds)``.
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
    # For margins of a few pixels, copying is many times faster than PyTorch's CPU kernel.
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
    """Return the valid output region of a convolution of `at`; image borders are reflected."""
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
