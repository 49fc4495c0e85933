"""Shares in tiles: coarse bands from a reduced copy of the whole plane, fine bands locally.

The first stage reduces tiles to an eighth. The coarse bands are decided once, from all of them. The
last stage decides the fine bands of a tile with `MARGIN` pixels around it. So tiles equal the
whole plane to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial, reduce
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...geometry.region import Region
from ..contract import Fused, KnownMoments, Pipeline, ReadyStage, StageTask, autocast
from ..maps import crop
from .network import MULTIPLE, REDUCTION, Band, Reduced, SharesNet, mean_shares

#: Context in pixels of the fine decisions, on the grid of the coarse ones.
MARGIN = 48
#: Grid in pixels on which tiles with their margins must start.
GRID = 16


@dataclass
class MapSum:
    """Maps of a whole plane, (N, C, H, W), assembled from parts."""

    parts: list[tuple[Region, Tensor]] = field(default_factory=list)

    def add(self, x: Tensor, at: Region) -> None:
        """Add the (N, C, H, W) maps of a region."""
        self.parts.append((at, x))

    def join(self, other: MapSum) -> None:
        """Add another sum."""
        self.parts.extend(other.parts)

    def result(self) -> Tensor:
        """Return the whole map."""
        at, first = self.parts[0]
        scale = at.height // first.shape[-2]
        bounds = reduce(Region.__or__, (at for at, _ in self.parts))
        whole = first.new_empty((*first.shape[:2], bounds.height // scale, bounds.width // scale))
        for at, x in self.parts:
            crop_reduced(whole, bounds, at, scale).copy_(x)
        return whole


class Whole(NamedTuple):
    """The whole-plane input of a tile.

    `planes` are the composed planes at an eighth, (P, 1, h, w), `features` are for the fine
    decisions, and `shares` all images' shares of the fourth detail and of the base.
    """

    planes: Tensor
    features: Tensor
    shares: tuple[Tensor, Tensor]

    def on(self, at: Region, image: Region) -> Whole:
        """Return the part for a tile."""
        bounds, (detail, base) = image.padded_to(MULTIPLE), self.shares
        return Whole(
            crop_reduced(self.planes, bounds, at, REDUCTION),
            crop_reduced(self.features, bounds, at, 2 * REDUCTION),
            (
                crop_reduced(detail, bounds, at, REDUCTION),
                crop_reduced(base, bounds, at, 2 * REDUCTION),
            ),
        )


class _SharesStage:
    maps: tuple[int, ...] = ()
    shift = 0
    block_factor = 1

    def __init__(
        self,
        network: SharesNet,
        device: torch.device,
        dtype: torch.dtype,
        balance: tuple[float, ...] | None = None,
    ):
        self.network, self.device, self.dtype = network, device, dtype
        self._balance = balance

    def balance(self, band: Band) -> Band:
        """Multiply all images' shares of a band by their factors."""
        if self._balance is None:
            return band
        factors = band.shares.new_tensor(self._balance)[:, None, None, None]
        # An image with a factor of 0 may have had all shares.
        shares = factors * (band.shares + 1e-6)
        return band._replace(shares=shares / shares.sum(dim=1, keepdim=True))

    def reads(self, to: Region, image: Region) -> Region:
        return to

    def read(self, part: StageTask) -> tuple[Region, Tensor]:
        """Return a part with its margin on whole blocks, and its planes, (P, N, H, W)."""
        self.network.to(self.device)
        at = part.to.expand_within(MARGIN, part.image)
        padded = _padded(at, part.image)
        planes = part.planes(at).float()
        ends = (0, padded.right - at.right, 0, padded.bottom - at.bottom)
        return padded, F.pad(planes, ends, mode="replicate")


class ReduceStage(_SharesStage):
    """Reduces all planes to an eighth, with the strength of the lost details."""

    name = "reduce"
    measured: tuple[int | None, ...] = (None,)

    def bounds(self, image: Region) -> Region:
        return image.padded_to(MULTIPLE)

    def with_moments(self, known: KnownMoments) -> ReadyStage:
        return self

    def __call__(self, inputs: tuple[Tensor, ...], part: StageTask) -> tuple[Tensor, ...]:
        at, (deciding, *others) = self.read(part)
        reduced = self.network.reduce(deciding[:, None])
        maps = [*reduced, *(self.network.reduce_only(each[:, None]) for each in others)]
        return (crop_reduced(torch.cat(maps, dim=1), at, part.to, REDUCTION).contiguous(),)

    def conclude(self, maps: Sequence[Tensor]) -> Whole:
        """Decide the coarse bands from the whole plane's reduced maps, and apply them."""
        (found,) = maps
        deciding, strengths, others = found.to(self.device).split([1, 3, found.shape[1] - 4], dim=1)
        planes = (deciding, *(each[:, None] for each in others.unbind(dim=1)))
        with torch.inference_mode(), autocast(self.device, self.dtype):
            coarse = self.network.decide(Reduced(deciding, strengths), len(found))
            coarse = coarse._replace(
                detail=self.balance(coarse.detail), base=self.balance(coarse.base)
            )
            composed = torch.cat([self.network.compose_coarse(each, coarse) for each in planes])
        return Whole(composed, coarse.features, (_by_image(coarse.detail), _by_image(coarse.base)))


class RenderStage(_SharesStage):
    """Decides the fine bands and makes pixels."""

    name = "render"
    measured: tuple[int | None, ...] = ()

    def bounds(self, image: Region) -> Region:
        return image

    def with_moments(self, known: KnownMoments) -> ReadyStage:
        (whole,) = known
        return _ReadyRender(self, whole)  # type: ignore[arg-type]


@dataclass(frozen=True)
class _ReadyRender:
    stage: RenderStage
    whole: Whole

    def __call__(self, inputs: tuple[Tensor, ...], part: StageTask) -> Fused:
        at, planes = self.stage.read(part)
        network, whole = self.stage.network, self.whole.on(at, part.image)
        count = planes.shape[1]
        with autocast(self.stage.device, self.stage.dtype):
            details = [network.details(each[:, None]) for each in planes]
            deciding = planes[0][:, None]
            found = network.refine(deciding, details[0], whole.features, count)
            bands = [self.stage.balance(band) for band in found]
            composed = zip(whole.planes.split(1), details, strict=True)
            fused = torch.cat([network.compose(low, fine, bands) for low, fine in composed])
        image = crop(fused.float(), at, part.to)
        if not part.want_share:
            return Fused(image, None)
        shares = (*map(_by_image, bands), *whole.shares)
        return Fused(image, crop(mean_shares(shares), at, part.to))


def _by_image(band: Band) -> Tensor:
    """Return all images' shares of a band as a (1, N, 2 h, 2 w) map."""
    return F.pixel_shuffle(band.shares[0], 2).transpose(0, 1)


def _padded(region: Region, image: Region) -> Region:
    """Return a region with its ends on the grid, or on the network's grid at the border."""

    def end(stop: int, border: int) -> int:
        grid = MULTIPLE if stop == border else GRID
        return -(-stop // grid) * grid

    return Region(
        region.top,
        region.left,
        end(region.bottom, image.bottom),
        end(region.right, image.right),
    )


def crop_reduced(x: Tensor, at: Region, to: Region, scale: int) -> Tensor:
    """Cut a map of the region `at`, reduced by `scale`, down to the region `to`."""
    return crop(x, at.reduced(scale), to.reduced(scale))


def shares_pipeline(
    module: nn.Module,
    device: torch.device,
    dtype: torch.dtype,
    balance: tuple[float, ...] | None = None,
) -> Pipeline:
    """Return Shares ready to run on any number of images in tiles.

    Parameters
    ----------
    module : SharesNet
    device, dtype
    balance : tuple of float, optional
        A factor of each image's shares.
    """
    assert isinstance(module, SharesNet)
    how: tuple[Any, ...] = module, device, dtype, balance
    first = ReduceStage(*how)
    return Pipeline(
        (first, RenderStage(*how)),
        MULTIPLE,
        device,
        dtype,
        at_once=True,
        collect=MapSum,
        conclude=first.conclude,
        balanced=partial(shares_pipeline, module, device, dtype),
    )
