"""What turns the global decoder's last convolution into a fused luminance plane."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Fused(NamedTuple):
    """A fused plane and, where the head has one, the first source's share of every pixel.

    Both are (B, 1, H, W); `mask` is in [0, 1].
    """

    image: Tensor
    mask: Tensor | None


class TanhHead(nn.Module):
    """The published head: tanh(y) / 2 + 0.5, a free image in (0, 1)."""

    channels = 1
    has_mask = False

    def forward(self, raw: Tensor, first: Tensor, second: Tensor) -> Fused:
        return Fused(torch.tanh(raw) / 2 + 0.5, None)


class BlendHead(nn.Module):
    """A share of each source plus a residual: m first + (1 - m) second + r.

    m = sigmoid(4 y0) and r = tanh(y1) / 2. Copying a source exactly is then one
    saturated channel away, which is what faithful multi-focus fusion asks for, while
    the residual keeps everything that the published head can express within half the
    range.
    """

    channels = 2
    has_mask = True

    def forward(self, raw: Tensor, first: Tensor, second: Tensor) -> Fused:
        # Blending two nearly equal numbers in bfloat16 would cost the low bits of 8-bit data.
        share, residual = raw.float().chunk(2, dim=1)
        mask = torch.sigmoid(4 * share)
        image = second + mask * (first - second) + 0.5 * torch.tanh(residual)
        return Fused(image, mask)


class ResidualBlend(nn.Module):
    """A mask that is there already, and a correction of it: m first + (1 - m) second + g r.

    What makes r should start at 0 (see `silent`), so that training begins with the mask alone.
    """

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1))

    def forward(self, mask: Tensor, residual: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """Return the (B, 1, H, W) image in float32; all arguments have that shape."""
        first, second = first.float(), second.float()
        return second + mask.float() * (first - second) + self.gain.float() * residual.float()


def silent(layers: nn.Sequential) -> nn.Sequential:
    """Return layers that end in a convolution without bias, with zeros in its weights."""
    nn.init.zeros_(layers[-1].weight)  # type: ignore[arg-type]
    return layers
