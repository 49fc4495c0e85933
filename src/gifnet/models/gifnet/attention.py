"""GIFNet's window attention and rescaled layer normalisation."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..contract import Moments
from ..layers import WindowGrid
from .blocks import ReflectConv, pointwise


class RescaledLayerNorm(nn.Module):
    """RLN: normalise over the whole image, and restore the scale after the block.

    It returns the normalised activation, and `rescale` and `rebias`. These are affine functions of
    the removed standard deviation and mean, and are applied to the block's output.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.to_rescale = pointwise(1, channels)
        self.to_rebias = pointwise(1, channels)
        nn.init.trunc_normal_(self.to_rescale.weight, std=0.02)
        nn.init.ones_(self.to_rescale.bias)  # type: ignore[arg-type]
        nn.init.trunc_normal_(self.to_rebias.weight, std=0.02)
        nn.init.zeros_(self.to_rebias.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean, std = (moment.to(x.dtype) for moment in Moments.of(x))
        y = (x - mean) / std * self.weight + self.bias
        return y, self.to_rescale(std), self.to_rebias(mean)


class LogPositionBias(nn.Module):
    """The attention bias of two pixels of a window, from their log-spaced offset.

    A small network maps sign(d) log(1 + |d|) of the row and column offsets to one bias per head.
    """

    offsets: Tensor

    def __init__(self, window: int, heads: int, hidden: int = 256):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, hidden), nn.ReLU(), nn.Linear(hidden, heads))
        grid = torch.stack(
            torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")
        ).flatten(1)
        offsets = (grid[:, :, None] - grid[:, None, :]).permute(1, 2, 0).float()
        # Not persistent: it follows from the window alone.
        self.register_buffer(
            "offsets", torch.sign(offsets) * torch.log1p(offsets.abs()), persistent=False
        )

    def forward(self) -> Tensor:
        """Return the bias, (heads, window^2, window^2)."""
        return self.net(self.offsets).permute(2, 0, 1)  # type: ignore[no-any-return]


class QueryKeyValue(NamedTuple):
    """The inputs of attention of one branch, as (B, C, H, W) maps."""

    query: Tensor
    key: Tensor
    value: Tensor


def window_attention(
    query: Tensor, key: Tensor, value: Tensor, bias: Tensor, *, window: int, shift: int
) -> Tensor:
    """Return multi-head attention within windows of (B, C, H, W) maps.

    `bias` is (heads, window^2, window^2); its first axis gives the number of heads.
    """
    heads = bias.shape[0]
    grid = WindowGrid(query.shape[-2], query.shape[-1], window, shift)
    q, k, v = (grid.split(x, heads) for x in (query, key, value))
    attended = F.scaled_dot_product_attention(q, k, v, attn_mask=bias.to(q.dtype)[None])
    return grid.join(attended)


class TaskBlock(nn.Module):
    """One branch's share of a transformer block: normalisation, projections, MLP."""

    def __init__(self, channels: int, mlp_channels: int):
        super().__init__()
        self.norm = RescaledLayerNorm(channels)
        self.query_key = pointwise(channels, 2 * channels)
        self.value = pointwise(channels, channels)
        self.local = ReflectConv(channels, channels, 5, groups=channels)
        self.project = pointwise(channels, channels)
        self.mlp = nn.Sequential(
            pointwise(channels, mlp_channels), nn.ReLU(), pointwise(mlp_channels, channels)
        )

    def attention_inputs(self, y: Tensor) -> QueryKeyValue:
        """Project a normalised activation."""
        query, key = self.query_key(y).chunk(2, dim=1)
        return QueryKeyValue(query, key, self.value(y))

    def finish(
        self, skip: Tensor, attended: Tensor, local_source: Tensor, rescale: Tensor, rebias: Tensor
    ) -> Tensor:
        """Join attention with the 5 x 5 depthwise path, undo RLN, add the MLP."""
        x = self.project(self.local(local_source) + attended)
        x = skip + x * rescale + rebias
        return x + self.mlp(x)  # type: ignore[no-any-return]
