"""The blend head: the sources mixed by the mask, plus a correction."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ResidualBlend(nn.Module):
    """A blend by a given mask, and a correction: m first + (1 - m) second + g r.

    The layers of r should start at 0 (see `zero_last_layer`), so that training begins with the
    blend alone.
    """

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1))

    def forward(self, mask: Tensor, residual: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """Return the (B, 1, H, W) image in float32; all arguments have that shape."""
        first, second = first.float(), second.float()
        return second + mask.float() * (first - second) + self.gain.float() * residual.float()


def zero_last_layer(layers: nn.Sequential) -> nn.Sequential:
    """Return layers that end in a convolution without bias, with zeros in its weights."""
    nn.init.zeros_(layers[-1].weight)  # type: ignore[arg-type]
    return layers
