"""ColorNet: the colour of a fused exposure pair."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .convnext_v2 import ConvNeXtV2Block
from .unit import conv


class ColorNet(nn.Module):
    """Predicts chroma from the fused luminance and the chroma of both exposures.

    Wang et al., Sec. 3.1.2, Remark 1 and Eq. 8. With 48 feature maps it has the 0.132 million
    parameters by which the paper's Table 2 exceeds its Table 1.
    """

    def __init__(self, channels: int = 48, depth: int = 6):
        super().__init__()
        self.embed = conv(5, channels)
        self.blocks = nn.Sequential(*(ConvNeXtV2Block(channels) for _ in range(depth)))
        self.project = conv(channels, 2)

    def forward(self, luminance: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """Return the centred (B, 2, H, W) chroma of the fused image.

        Parameters
        ----------
        luminance : (B, 1, H, W) tensor
            The fused luminance in [0, 1].
        first, second : (B, 2, H, W) tensor
            Cb and Cr of the over- and the under-exposed image, centred at 0.
        """
        # The network corrects the mean of both sources.
        return (first + second) / 2 + self.correction(luminance, first, second)

    def correction(self, luminance: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """Return the correction of the mean of both sources' chroma."""
        x = torch.cat((luminance - 0.5, first, second), dim=1)
        return self.project(self.blocks(self.embed(x)))  # type: ignore[no-any-return]
