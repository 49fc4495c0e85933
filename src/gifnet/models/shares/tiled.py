"""Shares in tiles: coarse bands from a reduced copy of the whole plane, fine bands locally.

The first stage reduces tiles to an eighth. The coarse bands are decided once, from all of them. The
last stage decides the fine bands of a tile with `MARGIN` pixels around it. So tiles equal the
whole plane to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...geometry.region import Region
from ..contract import Fused, KnownMoments, Pipeline, ReadyStage, StageTask, autocast
from ..maps import crop
from .network import MULTIPLE, REDUCTION, Coarse, Reduced, SharesNet

#: Context in pixels of the fine decisions, on the grid of the coarse ones.
MARGIN = 48
#: Grid in pixels on which tiles with their margins must start.
GRID = 16


@dataclass
class MapSum:
    """A map of a whole plane, put together from parts."""

    parts: list[tuple[Region, Tensor]] = field(default_factory=list)

    def add(self, x: Tensor, at: Region) -> None:
        """Add the (1, C, H, W) map of a region."""
        self.parts.append((at, x))

    def join(self, other: MapSum) -> None:
        """Add what another sum holds."""
        self.parts.extend(other.parts)

    def result(self) -> Tensor:
        """Return the whole map."""
        bottom, right = (max(getattr(at, side) for at, _ in self.parts) for side in _ENDS)
        scale = self.parts[0][0].height // self.parts[0][1].shape[-2]
        first = self.parts[0][1]
        whole = first.new_empty((*first.shape[:2], bottom // scale, right // scale))
        for at, x in self.parts:
            crop(whole, Region(0, 0, *whole.shape[-2:]), _scaled(at, scale)).copy_(x)
        return whole


_ENDS = ("bottom", "right")


class _SharesStage:
    maps: tuple[int, ...] = ()
    shift = 0
    block_factor = 1

    def __init__(self, network: SharesNet, device: torch.device, dtype: torch.dtype):
        self.network, self.device, self.dtype = network, device, dtype

    def reads(self, to: Region, image: Region) -> Region:
        return to

    def read(self, part: StageTask) -> tuple[Region, Tensor]:
        """Return a part with its margin on whole blocks, and its planes, (N, 1, H, W)."""
        self.network.to(self.device)
        inside = part.to.expand(MARGIN) & part.image
        at = Region(
            inside.top // GRID * GRID, inside.left // GRID * GRID, inside.bottom, inside.right
        )
        padded = _padded(at, part.image)
        planes = part.planes(at).float().transpose(0, 1)
        ends = (0, padded.right - at.right, 0, padded.bottom - at.bottom)
        return padded, F.pad(planes, ends, mode="replicate")


class ReduceStage(_SharesStage):
    """Reduces both planes to an eighth, with the strength of the details that this loses."""

    name = "reduce"
    measured: tuple[int, ...] = (4, 4)

    def bounds(self, image: Region) -> Region:
        return image.padded_to(MULTIPLE)

    def with_moments(self, known: KnownMoments) -> ReadyStage:
        return self

    def __call__(self, inputs: tuple[Tensor, ...], part: StageTask) -> tuple[Tensor, ...]:
        at, planes = self.read(part)
        reduced = torch.cat(self.network.reduce(planes), dim=1)
        found = crop(reduced, _scaled(at, REDUCTION), _scaled(part.to, REDUCTION))
        return tuple(found.contiguous().split(1))

    def conclude(self, maps: Sequence[Tensor]) -> Coarse:
        """Decide the coarse bands from the whole plane's reduced maps."""
        both = torch.cat(tuple(maps)).to(self.device)
        with torch.inference_mode(), autocast(self.device, self.dtype):
            return self.network.decide(Reduced(both[:, :1], both[:, 1:]), len(both))


class RenderStage(_SharesStage):
    """Decides the fine bands and makes pixels."""

    name = "render"
    measured: tuple[int, ...] = ()

    def bounds(self, image: Region) -> Region:
        return image

    def with_moments(self, known: KnownMoments) -> ReadyStage:
        (coarse,) = known
        return _ReadyRender(self, coarse)  # type: ignore[arg-type]


@dataclass(frozen=True)
class _ReadyRender:
    stage: RenderStage
    coarse: Coarse

    def __call__(self, inputs: tuple[Tensor, ...], part: StageTask) -> Fused:
        at, planes = self.stage.read(part)
        tile = self._coarse_of(at, part.image)
        with autocast(self.stage.device, self.stage.dtype):
            fused, shares = self.stage.network.render(planes, tile, len(planes))
        share = mean_share((*shares, *tile.shares))
        return Fused(crop(fused.float(), at, part.to), crop(share, at, part.to))

    def _coarse_of(self, at: Region, image: Region) -> Coarse:
        """Return what the coarse bands decided for a tile."""
        whole = image.padded_to(MULTIPLE)

        def part(x: Tensor, scale: int) -> Tensor:
            return crop(x, _scaled(whole, scale), _scaled(at, scale))

        coarse = self.coarse
        detail, base = coarse.shares
        return Coarse(
            part(coarse.plane, REDUCTION),
            part(coarse.features, 2 * REDUCTION),
            (part(_unblocked(detail), REDUCTION), part(_unblocked(base), 2 * REDUCTION)),
        )


def _unblocked(shares: Tensor) -> Tensor:
    """Return the first image's (B, N, 4, h, w) shares of blocks as a (B, 1, 2 h, 2 w) map."""
    return F.pixel_shuffle(shares[:, 0], 2) if shares.ndim == 5 else shares


def mean_share(shares: Sequence[Tensor]) -> Tensor:
    """Return the first image's share, the mean over all bands, at full resolution."""
    total: Tensor | None = None
    for level, band in enumerate(shares):
        one = _unblocked(band).float()
        if level:
            one = F.interpolate(one, scale_factor=2**level, mode="bilinear", align_corners=False)
        total = one if total is None else total + one
    assert total is not None
    return total / len(shares)


def _padded(region: Region, image: Region) -> Region:
    """Return a region with its ends on the grid, at the image's border on the network's."""

    def end(stop: int, border: int) -> int:
        grid = MULTIPLE if stop == border else GRID
        return -(-stop // grid) * grid

    return Region(
        region.top,
        region.left,
        end(region.bottom, image.bottom),
        end(region.right, image.right),
    )


def _scaled(region: Region, scale: int) -> Region:
    return Region(
        region.top // scale, region.left // scale, region.bottom // scale, region.right // scale
    )


def shares_pipeline(module: nn.Module, device: torch.device, dtype: torch.dtype) -> Pipeline:
    """Return Shares ready to run on pairs in tiles.

    Parameters
    ----------
    module : SharesNet
    """
    assert isinstance(module, SharesNet)
    how: tuple[Any, ...] = module, device, dtype
    reduce = ReduceStage(*how)
    return Pipeline(
        (reduce, RenderStage(*how)),
        MULTIPLE,
        device,
        dtype,
        at_once=True,
        collect=MapSum,
        conclude=reduce.conclude,
    )
