"""GIFNet's convolutional building blocks."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ReflectConv(nn.Conv2d):
    """An odd-sized convolution that reflects its input at the border and keeps its size.

    Reflecting rather than padding with zeros keeps flat regions flat up to the border.
    """

    def __init__(self, channels_in: int, channels_out: int, size: int = 3, *, groups: int = 1):
        super().__init__(
            channels_in,
            channels_out,
            size,
            padding=size // 2,
            padding_mode="reflect",
            groups=groups,
        )

    def reset_parameters(self) -> None:
        """Initialise for the ReLU that mostly follows (He et al., 2015).

        PyTorch's default reduces the signal to a third per layer. After five layers the biases
        dominate it, and the decoder's ReLUs become inactive.
        """
        nn.init.kaiming_normal_(self.weight, nonlinearity="relu")
        if self.bias is not None:
            nn.init.zeros_(self.bias)


def pointwise(channels_in: int, channels_out: int, *, bias: bool = True) -> nn.Conv2d:
    """Return a 1 x 1 convolution."""
    return nn.Conv2d(channels_in, channels_out, 1, bias=bias)


class ConvStack(nn.Sequential):
    """Reflect-padded 3 x 3 convolutions with ReLU between them and none after the last."""

    def __init__(self, *channels: int):
        layers: list[nn.Module] = []
        for before, after in pairwise(channels):
            layers += [ReflectConv(before, after), nn.ReLU()]
        super().__init__(*layers[:-1])

    @property
    def last(self) -> nn.Conv2d:
        """The last convolution."""
        conv = self[-1]
        assert isinstance(conv, nn.Conv2d)
        return conv


class DenseEncoder(nn.Module):
    """GIFNet's shared encoder S-Enc: three densely connected 3 x 3 convolutions.

    The two luminance planes are stacked, first source first. Every convolution takes all previous
    maps as input. The planes themselves are among the features, so later stages have the original
    signal (paper, Sec. 3.3).

    Parameters
    ----------
    sources : int
        Number of input planes.
    growth : int
        Feature maps that each convolution adds.
    """

    def __init__(self, sources: int = 2, growth: int = 32, depth: int = 3):
        super().__init__()
        self.convs = nn.ModuleList(
            ReflectConv(sources + index * growth, growth) for index in range(depth)
        )
        self.channels = sources + depth * growth

    def forward(self, planes: Tensor) -> Tensor:
        features = planes
        for conv in self.convs:
            features = torch.cat((features, F.relu(conv(features))), dim=1)
        return features
