"""The losses that the trainers of all networks share.

All take (B, C, H, W) tensors in [0, 1].
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """Return the mean SSIM of images in [0, 1] (11 x 11 Gaussian window, sigma 1.5)."""
    from torchmetrics.functional.image import structural_similarity_index_measure

    value = structural_similarity_index_measure(a, b, data_range=1.0)
    assert isinstance(value, Tensor)
    return value


def log_error(fused: Tensor, target: Tensor) -> Tensor:
    """Return the mean logarithm of each sample's squared error, as in PSNR."""
    errors = (fused - target).square().mean(dim=(1, 2, 3))
    # The constant, 50 dB, limits the weight of flat crops, which are nearly exact.
    return torch.log1p(errors / 1e-5).mean()


@lru_cache(maxsize=1)
def _sobel_kernel() -> Tensor:
    row = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8
    return torch.stack((row, row.T))[:, None]


def sobel(planes: Tensor) -> Tensor:
    """Return the horizontal and vertical Sobel derivatives, (B, 2, H, W)."""
    kernel = _sobel_kernel().to(planes.device)
    return F.conv2d(F.pad(planes, (1, 1, 1, 1), mode="reflect"), kernel)
