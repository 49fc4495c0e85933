"""The unfolded fusion rule's parts, shared by FRUFN and EFRUFN.

Wang, Deng, Cao, Vivone, "A General Image Fusion Approach Exploiting Gradient Transfer
Learning and Fusion Rule Unfolding", Sec. 3.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .convnext_v2 import ConvNeXtV2Block
from .swin_v2 import SwinV2Pair

#: Feature maps of every part (paper, Sec. 4.1.1).
CHANNELS = 32
#: Number of scales below full size, each with a GRN.
SCALES = 3
#: Expansion factor of the perceptrons around GRN.
_RATIO = 4
#: Number of channels that the GRN of every scale normalises.
RESPONSES = (_RATIO * CHANNELS,) * SCALES

#: For every scale the whole-image statistics that `GlobalResponseNorm` takes.
Responses: TypeAlias = Sequence[Tensor]


def conv(channels_in: int, channels_out: int, *, bias: bool = False) -> nn.Conv2d:
    """Return a 3 x 3 convolution that keeps the size, with zeros beyond the border."""
    return nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=bias)


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions with a ReLU between them, added to the input."""

    def __init__(self, channels: int):
        super().__init__()
        self.convs = nn.Sequential(
            conv(channels, channels, bias=True), nn.ReLU(), conv(channels, channels, bias=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.convs(x)  # type: ignore[no-any-return]


def make_encoder(channels: int = CHANNELS) -> nn.Sequential:
    """Return T1 or T2 of Eq. 9: a luminance plane to features."""
    return nn.Sequential(conv(1, channels), ResidualBlock(channels))


def make_decoder(channels: int = CHANNELS) -> nn.Sequential:
    """Return the inverse transformation of Eq. 9: features to a luminance plane."""
    return nn.Sequential(ResidualBlock(channels), conv(channels, 1))


class GlobalLocalTransformation(nn.Module):
    """GLT, the T of Eq. 14: convolutions for local features, attention for global ones."""

    def __init__(self, channels: int = CHANNELS, window: int = 2):
        super().__init__()
        self.layers = nn.Sequential(
            conv(channels, channels), SwinV2Pair(channels, window), conv(channels, channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)  # type: ignore[no-any-return]


class MultiScaleMaskGenerator(nn.Module):
    """MSMG, the G of Eq. 14: the next mask from the difference and the last mask.

    An attention layer joins features at full, half, quarter and eighth size, and a softmax over
    two channels gives the mask.
    """

    def __init__(self, channels: int = CHANNELS, window: int = 4):
        super().__init__()
        self.embed = conv(channels + 1, channels, bias=True)
        self.scales = nn.ModuleList(ConvNeXtV2Block(channels, _RATIO) for _ in range(SCALES))
        self.join = conv(4 * channels, channels, bias=True)
        self.attention = SwinV2Pair(channels, window)
        self.project = conv(channels, 2, bias=True)

    def _embedded(self, difference: Tensor, mask: Tensor) -> Tensor:
        return self.embed(torch.cat((difference, mask.to(difference.dtype)), dim=1))  # type: ignore[no-any-return]

    def responses(self, difference: Tensor, mask: Tensor) -> list[Tensor]:
        """Return the input of the GRN of every scale, (B, C, h, w), half the size first.

        It depends on no GRN, so one pass over the image measures all of them.
        """
        coarse, found = self._embedded(difference, mask), []
        for block in cast("Iterable[ConvNeXtV2Block]", self.scales):
            coarse = _halved(coarse)
            found.append(block.response(coarse).permute(0, 3, 1, 2))
        return found

    def forward(self, difference: Tensor, mask: Tensor, known: Responses | None = None) -> Tensor:
        """Return the (B, 1, H, W) mask in float32; the sides are multiples of 8."""
        full = self._embedded(difference, mask)
        coarse, enriched = full, [full]
        scales: Sequence[Tensor | None] = known or (None,) * SCALES
        for block, of_scale in zip(self.scales, scales, strict=True):
            coarse = _halved(coarse)
            mixed = block(coarse, of_scale)
            enlarged = F.interpolate(mixed, size=full.shape[-2:], mode="bilinear")
            enriched.insert(0, enlarged)
        x = self.attention(self.join(torch.cat(enriched, dim=1)))
        return torch.softmax(self.project(x).float(), dim=1)[:, 1:]


def _halved(x: Tensor) -> Tensor:
    return F.max_pool2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), 3, stride=2)
