"""Whole-image moments from tiles, in float64."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..geometry.region import Region
from ..models.contract import BYTES_AT_ONCE, EPSILON, Moments


@dataclass
class MomentSum:
    """Count, mean and sum of squared deviations of what was added so far.

    Parts are joined with the pairwise update of Chan, Golub and LeVeque (1983), which does
    not cancel where a plain sum of squares would.
    """

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def add(self, x: Tensor, at: Region | None = None) -> None:
        """Add every element of a (1, C, H, W) map. Its position does not matter."""
        # Rows of NHWC are contiguous; each is summed in float32, and the rows in float64.
        rows = x.permute(0, 2, 3, 1).flatten(2)[0]
        at_once = len(rows)
        if x.device.type == "cpu":  # few enough to stay in the cache
            at_once = max(1, BYTES_AT_ONCE // (4 * rows.shape[1]))
        for band in rows.split(at_once):
            self._add_rows(band.float())

    def _add_rows(self, rows: Tensor) -> None:
        part = _sum(rows, 0.0)
        if part.mean**2 * part.count > 4 * part.squares:
            # Far from zero the squares cancel: once more, about the mean.
            shift = rows.new_tensor(part.mean).item()  # as float32 has it
            part = _sum(rows - shift, shift)
        self.join(part)

    def join(self, other: MomentSum) -> None:
        """Add what another sum holds."""
        if not other.count:
            return
        total = self.count + other.count
        delta = other.mean - self.mean
        self.squares += other.squares + delta * delta * self.count * other.count / total
        self.mean += delta * other.count / total
        self.count = total

    def result(self) -> Moments:
        """Return the moments as (1, 1, 1, 1) float32 tensors on the CPU."""
        std = math.sqrt(self.squares / self.count + EPSILON)
        return Moments(torch.full((1, 1, 1, 1), self.mean), torch.full((1, 1, 1, 1), std))


def _sum(rows: Tensor, shift: float) -> MomentSum:
    """Return the sum over rows that were shifted."""
    wide = torch.float32 if rows.device.type == "mps" else torch.float64
    offset = rows.sum(dim=1).to(wide).sum().item() / rows.numel()
    squares = torch.linalg.vector_norm(rows, dim=1).to(wide).square().sum().item()
    count = rows.numel()
    return MomentSum(count, shift + offset, max(0.0, squares - count * offset**2))
