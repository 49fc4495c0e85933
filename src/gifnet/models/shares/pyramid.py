"""The Laplacian pyramid on blocks of 2 x 2 pixels (Burt, Adelson, IEEE Trans. Commun. 1983).

A level is kept as the four pixels of every block in four channels at half its resolution, so that
no operation runs at full resolution: reducing is a convolution 4 -> 1, expanding one 1 -> 4.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def _reduce_kernel() -> Tensor:
    """Return the 5 x 5 binomial filter around the first pixel of a block, (1, 4, 3, 3)."""
    taps = torch.tensor([1.0, 4, 6, 4, 1]) / 16
    kernel = torch.zeros(1, 4, 3, 3)
    for row in range(-2, 3):
        for column in range(-2, 3):
            (block_row, y), (block_column, x) = divmod(row, 2), divmod(column, 2)
            weight = taps[row + 2] * taps[column + 2]
            kernel[0, 2 * y + x, block_row + 1, block_column + 1] = weight
    return kernel


def _expand_kernel() -> Tensor:
    """Return the transpose of the reducing filter, times 4, (4, 1, 3, 3)."""
    return 4 * _reduce_kernel().transpose(0, 1).flip(2, 3)


class BlockPyramid(nn.Module):
    """Splits planes into details and a base, and makes planes from them."""

    reduce_kernel: Tensor
    expand_kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("reduce_kernel", _reduce_kernel(), persistent=False)
        self.register_buffer("expand_kernel", _expand_kernel(), persistent=False)

    def split(self, planes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Split (B, 1, H, W) planes once, H and W even.

        Returns
        -------
        blocks, detail : (B, 4, H / 2, W / 2) tensors
            The planes, and their details that are missing in the reduced planes.
        reduced : (B, 1, H / 2, W / 2) tensor
        """
        blocks = F.pixel_unshuffle(planes, 2)
        reduced = self._of_blocks(blocks)
        return blocks, blocks - self.expand(reduced), reduced

    def reduce(self, planes: Tensor) -> Tensor:
        """Return (B, 1, H, W) planes at half their resolution, H and W even."""
        return self._of_blocks(F.pixel_unshuffle(planes, 2))

    def _of_blocks(self, blocks: Tensor) -> Tensor:
        return F.conv2d(_replicated(blocks), self.reduce_kernel)

    def expand(self, reduced: Tensor) -> Tensor:
        """Return the blocks, (B, 4, h, w), that a reduced plane, (B, 1, h, w), predicts."""
        return F.conv2d(_replicated(reduced), self.expand_kernel)

    def join(self, reduced: Tensor, detail: Tensor) -> Tensor:
        """Return the (B, 1, 2 h, 2 w) plane of a reduced plane and its missing detail."""
        return F.pixel_shuffle(self.expand(reduced) + detail, 2)


def _replicated(x: Tensor) -> Tensor:
    return F.pad(x, (1, 1, 1, 1), mode="replicate")
