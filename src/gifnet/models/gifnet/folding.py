"""Folded convolutions: weights rearranged, in float64, for inference.

Channels can be padded with zeros for hardware that is faster with multiples.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...geometry.region import Region
from ..maps import convolve


@dataclass(frozen=True)
class Layout:
    """The places of a map's channels in its padded form, whose other channels are zero."""

    places: tuple[int, ...]
    size: int

    @classmethod
    def of(cls, groups: tuple[int, ...], multiple: int) -> Layout:
        """Return the layout of groups of channels, each padded to a multiple."""
        places: list[int] = []
        start = 0
        for group in groups:
            places.extend(range(start, start + group))
            start += -(-group // multiple) * multiple
        return cls(tuple(places), start)

    def pad(self, x: Tensor, dim: int) -> Tensor:
        """Spread a dimension of a tensor over the padded channels."""
        shape = list(x.shape)
        shape[dim] = self.size
        padded = x.new_zeros(shape)
        return padded.index_copy_(dim, torch.tensor(self.places, device=x.device), x)


@dataclass(frozen=True)
class Convolution:
    """The weight and bias of a folded convolution, in the pipeline's type."""

    weight: Tensor
    bias: Tensor | None = None
    groups: int = 1

    def __call__(self, x: Tensor, at: Region, bounds: Region) -> Tensor:
        return convolve(x, at, bounds, self.weight, self.bias, self.groups)

    def pointwise(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, self.bias)


@dataclass(frozen=True)
class ConvolutionFolding:
    """Makes folded convolutions: pads, casts and places them.

    Attributes
    ----------
    multiple : int
        Channels are padded to multiples of this.
    """

    device: torch.device
    dtype: torch.dtype
    multiple: int

    def layout(self, *groups: int) -> Layout:
        return Layout.of(groups, self.multiple)

    def convolution(
        self, weight: Tensor, bias: Tensor | None, inputs: Layout, outputs: Layout
    ) -> Convolution:
        """Return a convolution from a float64 (out, in, k, k) weight."""
        weight = outputs.pad(inputs.pad(weight, 1), 0)
        return Convolution(
            self.cast(weight), None if bias is None else self.cast(outputs.pad(bias, 0))
        )

    def layer(self, conv: nn.Conv2d, inputs: Layout, outputs: Layout) -> Convolution:
        """Return a module's convolution unchanged, except for padding."""
        bias = None if conv.bias is None else to_float64(conv.bias)
        return self.convolution(to_float64(conv.weight), bias, inputs, outputs)

    def depthwise(self, weight: Tensor, bias: Tensor, layout: Layout) -> Convolution:
        weight, bias = layout.pad(weight, 0), layout.pad(bias, 0)
        return Convolution(self.cast(weight), self.cast(bias), layout.size)

    def together(self, convolutions: list[Convolution]) -> Convolution:
        """Return one convolution that computes the maps of several, stacked."""
        biases = [conv.bias for conv in convolutions if conv.bias is not None]
        return Convolution(
            self.cast(torch.cat([conv.weight for conv in convolutions])), torch.cat(biases)
        )

    def cast(self, x: Tensor) -> Tensor:
        x = x.to(self.device, self.dtype)
        return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x


def to_float64(x: Tensor | None) -> Tensor:
    """Return a parameter in float64, for folding without loss."""
    assert x is not None
    return x.detach().double().cpu()
