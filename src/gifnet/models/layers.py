"""Building blocks that the networks share: padding and window grids."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """Reflect the right and bottom border until both sides are multiples of `multiple`."""
    height, width = x.shape[-2:]
    right, bottom = -width % multiple, -height % multiple
    if not right and not bottom:
        return x
    return F.pad(x, (0, right, 0, bottom), mode="reflect")


class WindowGrid:
    """Divides a map into windows, and joins windows into a map.

    The grid of the unshifted block starts at the image's corner, that of the shifted block `shift`
    pixels above and left of it. Beyond the border the map is reflected, not rolled around, and
    cropped afterwards.
    """

    def __init__(self, height: int, width: int, window: int, shift: int):
        self.height, self.width = height, width
        self.window, self.shift = window, shift
        self.bottom = -(height + shift) % window
        self.right = -(width + shift) % window
        self.rows = (height + shift + self.bottom) // window
        self.columns = (width + shift + self.right) // window

    def split(self, x: Tensor, heads: int) -> Tensor:
        """Return (B * windows, heads, window^2, C / heads) of a (B, C, H, W) map."""
        if self.shift or self.bottom or self.right:
            x = F.pad(x, (self.shift, self.right, self.shift, self.bottom), mode="reflect")
        batch, channels = x.shape[:2]
        x = x.reshape(
            batch, heads, channels // heads, self.rows, self.window, self.columns, self.window
        )
        x = x.permute(0, 3, 5, 1, 4, 6, 2)
        return x.reshape(-1, heads, self.window**2, channels // heads)

    def join(self, windows: Tensor) -> Tensor:
        """Undo `split`."""
        heads, depth = windows.shape[1], windows.shape[3]
        x = windows.reshape(-1, self.rows, self.columns, heads, self.window, self.window, depth)
        x = x.permute(0, 3, 6, 1, 4, 2, 5)
        x = x.reshape(-1, heads * depth, self.rows * self.window, self.columns * self.window)
        top = left = self.shift
        return x[:, :, top : top + self.height, left : left + self.width]
