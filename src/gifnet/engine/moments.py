"""Whole-image moments from tiles, in float64."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..models.swin import Moments

#: What `Moments.of` adds to the variance; the networks here share it.
EPSILON = 1e-5


@dataclass
class MomentSum:
    """Count, mean and sum of squared deviations of what was added so far.

    Tiles are joined with the pairwise update of Chan, Golub and LeVeque (1983), which does
    not cancel where a plain sum of squares would.
    """

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def add(self, x: Tensor) -> None:
        """Add every element of a tensor."""
        x = x.double() if x.device.type != "mps" else x.float()
        count, mean = x.numel(), float(x.mean())
        squares = float((x - mean).square().sum())
        total = self.count + count
        delta = mean - self.mean
        self.squares += squares + delta * delta * self.count * count / total
        self.mean += delta * count / total
        self.count = total

    def result(self, device: torch.device) -> Moments:
        """Return the moments as (1, 1, 1, 1) float32 tensors."""
        std = math.sqrt(self.squares / self.count + EPSILON)
        return Moments(
            torch.full((1, 1, 1, 1), self.mean, device=device),
            torch.full((1, 1, 1, 1), std, device=device),
        )
