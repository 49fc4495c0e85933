"""The ConvNeXt-V2 block.

Woo et al., "ConvNeXt V2: Co-designing and Scaling ConvNets with Masked Autoencoders",
CVPR 2023.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class GlobalResponseNorm(nn.Module):
    """GRN: lets channels compete by their norm over the whole image (Woo et al., Eq. 1 to 3)."""

    def __init__(self, channels: int):
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor, known: Tensor | None = None) -> Tensor:
        """Normalise a (B, H, W, C) map; for a part of an image, with statistics of the whole.

        `known` is the channels' root mean square over the whole image, (1, 1, 1, C). It replaces
        their norm, because only the ratio between channels matters.
        """
        # Sums of squares over a megapixel need float32.
        norm = known
        if norm is None:
            norm = torch.linalg.vector_norm(x.float(), dim=(1, 2), keepdim=True)
        relative = (norm / (norm.mean(dim=-1, keepdim=True) + 1e-6)).to(x.dtype)
        normalised: Tensor = self.gamma * (x * relative) + self.beta + x
        return normalised


class ConvNeXtV2Block(nn.Module):
    """Depthwise 7 x 7 convolution, layer normalisation, and a perceptron with GRN inside."""

    def __init__(self, channels: int, ratio: int = 4):
        super().__init__()
        self.spatial = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.mix = nn.Sequential(
            nn.LayerNorm(channels, eps=1e-6),
            nn.Linear(channels, ratio * channels),
            nn.GELU(),
            GlobalResponseNorm(ratio * channels),
            nn.Linear(ratio * channels, channels),
        )

    def response(self, x: Tensor) -> Tensor:
        """Return the input of GRN, (B, H, W, ratio * C)."""
        return self.mix[:3](self.spatial(x).permute(0, 2, 3, 1))  # type: ignore[no-any-return]

    def forward(self, x: Tensor, known: Tensor | None = None) -> Tensor:
        """Return a map of the same (B, C, H, W); `known` as in `GlobalResponseNorm`."""
        y: Tensor = self.mix[4](self.mix[3](self.response(x), known))
        return x + y.permute(0, 3, 1, 2)
