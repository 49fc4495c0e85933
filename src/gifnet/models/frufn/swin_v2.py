"""Swin-V2 blocks: cosine attention in windows, on maps with channels last.

Liu et al., "Swin Transformer V2: Scaling Up Capacity and Resolution", CVPR 2022. GIFNet's
attention differs: plain dot products, reflected borders, no residual normalisation. Both divide
maps into windows by `WindowGrid`.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers import WindowGrid

#: Attention logits of pairs from opposite borders, which the cyclic shift makes neighbours.
_APART = -100.0
#: The largest factor on a cosine, 1 / 0.01 (Liu et al., Sec. 3.2).
_LARGEST_SCALE = math.log(100.0)


def log_offsets(window: int) -> Tensor:
    """Return the log-spaced offset of every pair of places in a window, (n, n, 2), n = window^2.

    An offset of window - 1 pixels counts as 8, and x becomes sign(x) log2(1 + |x|) / log2(8)
    (Liu et al., Eq. 4).
    """
    steps = torch.arange(window)
    grid = torch.stack(torch.meshgrid(steps, steps, indexing="ij")).flatten(1)
    offsets = (grid[:, :, None] - grid[:, None, :]).permute(1, 2, 0) * (8 / (window - 1))
    return torch.sign(offsets) * torch.log2(1 + offsets.abs()) / 3


def shift_mask(height: int, width: int, window: int, shift: int, device: torch.device) -> Tensor:
    """Return a mask against attention across borders that the cyclic shift joins.

    A (windows, 1, window^2, window^2) float32 tensor, to be added to the logits.
    """

    def strips(length: int) -> Tensor:
        # 0 inside; the last window contains the last rows (1) and those wrapped around (2).
        labels = torch.zeros(length, device=device)
        labels[length - window : length - shift] = 1
        labels[length - shift :] = 2
        return labels

    labels = 3 * strips(height)[:, None] + strips(width)
    windows = WindowGrid(height, width, window, 0).split(labels[None, None], 1)
    different = windows[:, 0, :, 0, None] != windows[:, 0, None, :, 0]
    return different[:, None].float() * _APART


class CosineAttention(nn.Module):
    """Attention by the angle between query and key, times a learnt factor per head."""

    offsets: Tensor

    def __init__(self, channels: int, heads: int, window: int, hidden: int = 512):
        super().__init__()
        self.heads, self.window = heads, window
        self.scale = nn.Parameter(torch.full((heads, 1, 1), math.log(10.0)))
        self.query_key_value = nn.Linear(channels, 3 * channels, bias=False)
        # The key has no bias: it would only change the norm.
        self.query_bias = nn.Parameter(torch.zeros(channels))
        self.value_bias = nn.Parameter(torch.zeros(channels))
        self.position = nn.Sequential(
            nn.Linear(2, hidden), nn.ReLU(), nn.Linear(hidden, heads, bias=False)
        )
        self.project = nn.Linear(channels, channels)
        # Not persistent: it follows from the window alone.
        self.register_buffer("offsets", log_offsets(window), persistent=False)

    def position_bias(self) -> Tensor:
        """Return the bias of every pair of places, (heads, window^2, window^2)."""
        return 16 * torch.sigmoid(self.position(self.offsets)).permute(2, 0, 1)

    def forward(self, x: Tensor, apart: Tensor | None = None) -> Tensor:
        """Attend within the windows of a (B, H, W, C) map whose sides are whole windows.

        `apart` is what `shift_mask` returns.
        """
        batch, height, width, channels = x.shape
        n, heads, depth = self.window, self.heads, channels // self.heads
        rows, columns = height // n, width // n
        bias = torch.cat((self.query_bias, torch.zeros_like(self.query_bias), self.value_bias))
        mixed = F.linear(x, self.query_key_value.weight, bias)
        mixed = mixed.view(batch, rows, n, columns, n, 3, heads, depth)
        mixed = mixed.permute(5, 0, 1, 3, 6, 2, 4, 7)
        query, key, value = mixed.reshape(3, batch, rows * columns, heads, n * n, depth)
        scale = self.scale.clamp(max=_LARGEST_SCALE).exp()
        query, key = F.normalize(query, dim=-1) * scale.to(query.dtype), F.normalize(key, dim=-1)
        places = self.position_bias() if apart is None else self.position_bias() + apart
        # Written out, because the fused function is slower for such small windows and heads.
        logits = query @ key.transpose(-1, -2) + places.to(query.dtype)
        attended = torch.softmax(logits, dim=-1).to(value.dtype) @ value
        attended = attended.view(batch, rows, columns, heads, n, n, depth)
        attended = attended.permute(0, 1, 4, 2, 5, 3, 6).reshape(batch, height, width, channels)
        return self.project(attended)  # type: ignore[no-any-return]


class SwinV2Block(nn.Module):
    """Window attention and a two-layer perceptron, each normalised before it is added."""

    def __init__(self, channels: int, heads: int, window: int, shift: int, ratio: int = 3):
        super().__init__()
        self.window, self.shift = window, shift
        self.attention = CosineAttention(channels, heads, window)
        self.norm_attention = nn.LayerNorm(channels)
        self.mlp = nn.Sequential(
            nn.Linear(channels, ratio * channels), nn.GELU(), nn.Linear(ratio * channels, channels)
        )
        self.norm_mlp = nn.LayerNorm(channels)

    def _attend(self, x: Tensor) -> Tensor:
        if not self.shift:
            return self.attention(x)  # type: ignore[no-any-return]
        height, width = x.shape[1:3]
        apart = shift_mask(height, width, self.window, self.shift, x.device)
        rolled = torch.roll(x, (-self.shift, -self.shift), dims=(1, 2))
        return torch.roll(self.attention(rolled, apart), (self.shift, self.shift), dims=(1, 2))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.norm_attention(self._attend(x))
        return x + self.norm_mlp(self.mlp(x))  # type: ignore[no-any-return]


class SwinV2Pair(nn.Module):
    """A block on the plain window grid and one on the grid shifted by half a window.

    Layer normalisation before and after keeps training stable (Wang et al., Sec. 3.2.1).
    """

    def __init__(self, channels: int, window: int, heads: int = 8):
        super().__init__()
        self.norm_in = nn.LayerNorm(channels)
        self.blocks = nn.Sequential(
            *(SwinV2Block(channels, heads, window, shift) for shift in (0, window // 2))
        )
        self.norm_out = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return a map of the same (B, C, H, W); the sides are whole windows."""
        y: Tensor = self.norm_out(self.blocks(self.norm_in(x.permute(0, 2, 3, 1))))
        return y.permute(0, 3, 1, 2)
