"""Shares: one network for any number of images of a scene, in any order.

Every image is split into details of four sizes and a base (`pyramid`). For every band and pixel the
network computes a share per image, and a gain. The result is the weighted sum of the bands. One
encoder and one decoder serve all images. Images influence each other in two places: features are
joined with the maximum and the mean over all images, and a softmax turns logits into shares. So
neither the order nor the number of images is fixed.

Decisions on the coarse bands use the whole plane: a copy reduced to an eighth, and the mean
strength of the details missing in that copy. Decisions on the fine bands use `MARGIN` pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .pyramid import BlockPyramid

#: Sides of planes are multiples of this.
MULTIPLE = 64
#: Reduction of the copy for the coarse decisions.
REDUCTION = 8
_SLOPE = 0.1
#: Scales details to about the size of the planes.
_DETAIL_GAIN = 4.0


class Reduced(NamedTuple):
    """Planes at an eighth: (B, 1, h, w), and the strengths of three details, (B, 3, h, w)."""

    planes: Tensor
    strengths: Tensor


class Band(NamedTuple):
    """A decision: every image's shares of a band, (B, N, 4, h, w), and the gain of its details.

    The four channels are the pixels of blocks of 2 x 2. The base has no gain.
    """

    shares: Tensor
    gain: Tensor | None


class Coarse(NamedTuple):
    """The decisions on the coarse bands, and features for those on the fine ones.

    Features are (B N, C, h / 2, w / 2) where planes at an eighth are (h, w).
    """

    detail: Band
    base: Band
    features: Tensor


class Encode(nn.Module):
    """Halves the resolution, then refines."""

    def __init__(self, channels: int, outputs: int):
        super().__init__()
        self.halve = nn.Conv2d(channels, outputs, 3, 2, 1)
        self.refine = nn.Conv2d(outputs, outputs, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.leaky_relu(self.halve(x), _SLOPE, inplace=True)
        return x + F.leaky_relu(self.refine(x), _SLOPE, inplace=True)


class Decode(nn.Module):
    """Mixes an image's features with those of all images and of the level below, then refines.

    Parameters
    ----------
    channels, below : int
        Channels of the features of a level, and of those from the level below; 0 without one.
    """

    def __init__(self, channels: int, below: int, outputs: int):
        super().__init__()
        self.sizes = [channels, channels, channels, below]
        self.mix = nn.Conv2d(3 * channels + below, outputs, 1)
        self.refine = nn.Conv2d(outputs, outputs, 3, 1, 1)

    def forward(self, own: Tensor, below: Tensor | None, count: int) -> Tensor:
        """Return (B N, outputs, h, w) features of (B N, channels, h, w) ones of N images."""
        # One convolution of all features beside each other, in parts: what all images have in
        # common is mixed once, and what is enlarged is mixed before.
        of_own, of_most, of_mean, of_below = self.mix.weight.split(self.sizes, dim=1)
        x = F.conv2d(own, of_own, self.mix.bias)
        most, total = _over_images(own, count)
        common = F.conv2d(most, of_most).add_(F.conv2d(total, of_mean / count))
        _by_image(x, count).add_(common[:, None])
        if below is not None:
            x.add_(_doubled(F.conv2d(below, of_below)))
        refined: Tensor = self.refine(F.leaky_relu(x, _SLOPE))
        return refined.add_(x)


class Head(nn.Module):
    """Turns features into a logit per pixel of a block, and a gain if the band has one."""

    def __init__(self, channels: int, gain: bool = True):
        super().__init__()
        self.out = nn.Conv2d(channels, 8 if gain else 4, 3, 1, 1)
        #: Logarithms of the softmax's temperature for two images, and their change per doubling.
        self.heat = nn.Parameter(torch.tensor([1.4, 0.4]))
        nn.init.normal_(self.out.weight, std=1e-3)
        nn.init.zeros_(self.out.bias)  # type: ignore[arg-type]

    def forward(self, features: Tensor, count: int) -> Band:
        found = _by_image(self.out(F.leaky_relu(features, _SLOPE)).contiguous(), count)
        heat = torch.exp(self.heat[0] + self.heat[1] * _doublings(count, self.heat))
        shares = torch.softmax(heat * found[:, :, :4], dim=1)
        if found.shape[2] == 4:
            return Band(shares, None)
        return Band(shares, torch.exp(torch.tanh(2 * found[:, :, 4:].mean(dim=1))))


class SharesNet(nn.Module):
    """The network on luminance planes in [0, 1].

    Parameters
    ----------
    widths : tuple of int
        Channels at a half, a quarter, an eighth, a sixteenth, and below.
    """

    def __init__(self, widths: tuple[int, int, int, int, int] = (16, 24, 32, 48, 48)):
        super().__init__()
        half, quarter, eighth, sixteenth, rest = widths
        self.pyramid = BlockPyramid()
        self.stem = nn.Sequential(
            nn.Conv2d(8, half, 3, 1, 1),
            nn.LeakyReLU(_SLOPE, inplace=True),
            nn.Conv2d(half, half, 3, 1, 1),
            nn.LeakyReLU(_SLOPE, inplace=True),
        )
        self.encode = nn.ModuleList((Encode(half, quarter), Encode(quarter, eighth)))
        self.coarse_stem = nn.Sequential(
            nn.Conv2d(20, sixteenth, 3, 1, 1),
            nn.LeakyReLU(_SLOPE, inplace=True),
            nn.Conv2d(sixteenth, sixteenth, 3, 1, 1),
            nn.LeakyReLU(_SLOPE, inplace=True),
        )
        self.coarse_encode = nn.ModuleList((Encode(sixteenth, rest), Encode(rest, rest)))
        self.whole = nn.Linear(3 * rest, rest)
        self.coarse_decode = nn.ModuleList(
            (
                Decode(sixteenth, rest, sixteenth),
                Decode(rest, rest, rest),
                Decode(rest, 0, rest),
            )
        )
        self.decode = nn.ModuleList(
            (
                Decode(half, quarter, half),
                Decode(quarter, eighth, quarter),
                Decode(eighth, sixteenth, eighth),
            )
        )
        self.heads = nn.ModuleList(Head(width) for width in (half, quarter, eighth, sixteenth))
        self.base = Head(rest, gain=False)

    def forward(self, planes: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Fuse (B, N, H, W) planes, H and W multiples of `MULTIPLE`.

        Returns
        -------
        fused : (B, 1, H, W) tensor
        shares : tuple of (B, N, 4, h, w) tensors
            Of the details, the finest first, and of the base, by blocks of 2 x 2 pixels.
        """
        count, flat = planes.shape[1], planes.flatten(0, 1)[:, None]
        reduced = self.reduce(flat)
        coarse = self.decide(reduced, count)
        details = self.details(flat)
        bands = self.refine(flat, details, coarse.features, count)
        fused = self.compose(self.compose_coarse(reduced.planes, coarse), details, bands)
        return fused, tuple(band.shares for band in (*bands, coarse.detail, coarse.base))

    def shares(self, found: Sequence[Tensor]) -> Tensor:
        """Return every image's share per pixel, (B, N, H, W), from the shares of `forward`."""
        return mean_shares([F.pixel_shuffle(each, 2).squeeze(2) for each in found])

    def reduce(self, planes: Tensor) -> Reduced:
        """Return (B N, 1, H, W) planes at an eighth. It reads a margin of 14 pixels."""
        strengths = []
        for factor in (4, 2, 1):
            _, detail, planes = self.pyramid.split(planes)
            strength = detail.abs().mean(dim=1, keepdim=True)
            strengths.append(F.avg_pool2d(strength, factor) if factor > 1 else strength)
        return Reduced(planes, torch.cat(strengths, dim=1))

    def reduce_only(self, planes: Tensor) -> Tensor:
        """Return (B N, 1, H, W) planes at an eighth, for channels that decide nothing."""
        for _ in range(3):
            planes = self.pyramid.reduce(planes)
        return planes

    def decide(self, reduced: Reduced, count: int) -> Coarse:
        """Decide the coarse bands from whole planes at an eighth."""
        blocks, detail, _ = self.pyramid.split(reduced.planes)
        strengths = F.pixel_unshuffle(8 * reduced.strengths, 2)
        seen = torch.cat((blocks - 0.5, _DETAIL_GAIN * detail, strengths), dim=1)
        fine = self.coarse_stem(_channels_last(seen))
        middle = self.coarse_encode[0](fine)
        coarse = self.coarse_encode[1](middle)
        x = self.coarse_decode[2](coarse, None, count) + self._of_whole(coarse, count)
        lowest = self.coarse_decode[1](middle, x, count)
        features = self.coarse_decode[0](fine, lowest, count)
        return Coarse(self.heads[3](features, count), self.base(lowest, count), features)

    def _of_whole(self, coarse: Tensor, count: int) -> Tensor:
        """Return features of the means over the whole plane, (B N, C, 1, 1)."""
        most, total = _over_images(coarse, count)
        both = torch.cat((most, total / count), dim=1).mean(dim=(2, 3))
        own = _by_image(coarse.mean(dim=(2, 3)), count)
        joined = torch.cat((own, both[:, None].expand(-1, count, -1)), dim=2)
        found: Tensor = self.whole(joined)
        return found.flatten(0, 1)[..., None, None]

    def compose_coarse(self, planes: Tensor, coarse: Coarse) -> Tensor:
        """Apply the decisions on the coarse bands to (B N, 1, h, w) planes at an eighth.

        The planes are those of the decisions, or other channels of the images.
        """
        _, detail, smaller = self.pyramid.split(planes)
        base = F.pixel_shuffle(_weighted(F.pixel_unshuffle(smaller, 2), coarse.base), 2)
        return self.pyramid.join(base, _weighted(detail, coarse.detail))

    def details(self, planes: Tensor) -> list[Tensor]:
        """Return the three fine details of (B N, 1, H, W) planes, the finest first."""
        found = []
        for _ in range(3):
            _, detail, planes = self.pyramid.split(planes)
            found.append(detail)
        return found

    def refine(
        self, planes: Tensor, details: Sequence[Tensor], features: Tensor, count: int
    ) -> list[Band]:
        """Decide the fine bands, the finest first.

        The planes, their details and the coarse features may be those of a tile.
        """
        blocks = F.pixel_unshuffle(planes, 2) - 0.5
        seen = torch.cat((blocks, _DETAIL_GAIN * details[0]), dim=1)
        maps = [self.stem(_channels_last(seen))]
        for encode in self.encode:
            maps.append(encode(maps[-1]))
        bands: list[Band] = []
        for level in (2, 1, 0):
            features = self.decode[level](maps[level], features, count)
            bands.insert(0, self.heads[level](features, count))
        return bands

    def compose(self, coarse: Tensor, details: Sequence[Tensor], bands: Sequence[Band]) -> Tensor:
        """Return the fused plane of a composed coarse one and the shared fine details."""
        for detail, band in zip(reversed(details), reversed(bands), strict=True):
            coarse = self.pyramid.join(coarse, _weighted(detail, band))
        return coarse


def mean_shares(bands: Sequence[Tensor]) -> Tensor:
    """Return every image's mean share of all bands, (B, N, H, W).

    Parameters
    ----------
    bands : sequence of (B, N, h, w) tensors
        Shares of bands, the finest first, each at half the resolution of the one before.
    """
    total = bands[0].float()
    for level, band in enumerate(bands[1:], start=1):
        total = total + F.interpolate(
            band.float(), scale_factor=2**level, mode="bilinear", align_corners=False
        )
    return total / len(bands)


def _by_image(x: Tensor, count: int) -> Tensor:
    return x.view(-1, count, *x.shape[1:])


def _channels_last(x: Tensor) -> Tensor:
    """Return a tensor in the layout in which convolutions of few channels are fastest."""
    return x.contiguous(memory_format=torch.channels_last)


def _over_images(x: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the maximum and the sum of (B N, C, h, w) features over the images."""
    images = _by_image(x, count)
    if torch.compiler.is_exporting():
        # The graph leaves the number of images open.
        return images.amax(dim=1), images.sum(dim=1)
    # Pairwise, as reductions over an outer axis are slower and change the layout.
    each = images.unbind(dim=1)
    return reduce(torch.maximum, each), reduce(torch.add, each)


def _doublings(count: int, like: Tensor) -> Tensor:
    """Return how often two images are doubled to make so many, 0 for fewer."""
    return torch.log2(like.new_ones(count).sum().clamp(min=2) / 2)


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def _weighted(x: Tensor, band: Band) -> Tensor:
    """Return the sum of (B N, 4, h, w) blocks of all images, weighted by a band's decision."""
    total: Tensor = (band.shares * _by_image(x, band.shares.shape[1])).sum(dim=1)
    return total if band.gain is None else band.gain * total
