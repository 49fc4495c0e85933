"""Shares on sets of any size: decided on luminance planes, applied to every channel, in tiles."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from ...geometry.region import Region
from .network import MULTIPLE, REDUCTION, Band, Reduced, SharesNet
from .tiled import MARGIN, add_bands, crop_reduced

Planes = npt.NDArray[np.float32]
#: Maximum bytes of the features of a tile, and bytes per pixel of one image.
_TILE_BYTES, _PIXEL_BYTES = 512 << 20, 225


@torch.inference_mode()
def fuse_set(
    network: SharesNet, planes: Planes, channels: Planes, check: Callable[[], object]
) -> tuple[Planes, npt.NDArray[np.uint16]]:
    """Fuse a set of images.

    Parameters
    ----------
    network : SharesNet
    planes : (N, H, W) float32 array
        The luminance of every image, in [0, 1].
    channels : (N, C, H, W) float32 array
        The channels of every image, of any range.
    check : callable
        Called after every tile; may raise an exception to stop.

    Returns
    -------
    fused : (C, H, W) float32 array
    depth : (H, W) uint16 array
        The image with the greatest share of the fine details.
    """
    count, height, width = planes.shape
    bounds = Region.of(height, width).padded_to(MULTIPLE)
    device = next(network.parameters()).device
    padding = (0, bounds.width - width, 0, bounds.height - height)

    def padded(x: Planes) -> Tensor:
        """Return (N, H, W) planes as a (N, 1, H, W) tensor of whole blocks."""
        return F.pad(torch.from_numpy(x)[:, None].to(device), padding, mode="replicate")

    whole = padded(planes)
    colours = [padded(channels[:, index]) for index in range(channels.shape[1])]
    reduced = [network.reduce(one[None]) for one in whole]
    coarse = network.decide(Reduced(*map(torch.cat, zip(*reduced, strict=True))), count)
    composed = [
        network.compose_coarse(
            torch.cat([network.reduce(one[None]).planes for one in colour]), coarse
        )
        for colour in colours
    ]
    fused = np.empty((len(colours), height, width), np.float32)
    depth = np.empty((height, width), np.uint16)
    for core in _tiles(bounds, count):
        at = core.expand_within(MARGIN, bounds)
        rows, columns = at.slices
        tile = whole[..., rows, columns]
        features = crop_reduced(coarse.features, bounds, at, 2 * REDUCTION)
        bands = network.refine(tile, network.details(tile), features, count)
        inside, place = core.relative_to(at), core & Region.of(height, width)
        for index, (colour, low) in enumerate(zip(colours, composed, strict=True)):
            details = network.details(colour[..., rows, columns])
            low_tile = crop_reduced(low, bounds, at, REDUCTION)
            found = network.compose(low_tile, details, bands)
            fused[index][place.slices] = _cut(found[0, 0], inside, place)
        depth[place.slices] = _cut(_sharpest(bands), inside, place)
        check()
    return fused, depth


def _tiles(bounds: Region, count: int) -> list[Region]:
    side = math.isqrt(_TILE_BYTES // (_PIXEL_BYTES * count)) - 2 * MARGIN
    side = max(MULTIPLE, side // MULTIPLE * MULTIPLE)
    return [
        Region(top, left, min(top + side, bounds.bottom), min(left + side, bounds.right))
        for top in range(0, bounds.bottom, side)
        for left in range(0, bounds.right, side)
    ]


def _cut(x: Tensor, inside: Region, place: Region) -> npt.NDArray[np.generic]:
    """Return the core of a tile, cropped to the image."""
    rows, columns = inside.slices
    return x[rows, columns][: place.height, : place.width].cpu().numpy()


def _sharpest(bands: list[Band]) -> Tensor:
    """Return the image with the greatest mean share of the fine details, (H, W)."""
    total = add_bands([F.pixel_shuffle(band.shares[0], 2) for band in bands])
    return total[:, 0].argmax(dim=0)
