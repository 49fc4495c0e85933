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

    def forward(self, x: Tensor) -> Tensor:
        """Normalise a (B, H, W, C) map."""
        # Sums of squares over a megapixel need float32.
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

    def forward(self, x: Tensor) -> Tensor:
        """Return a map of the same (B, C, H, W)."""
        return x + self.mix(self.spatial(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)  # type: ignore[no-any-return]
