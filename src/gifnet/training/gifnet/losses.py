"""The losses of GIFNet's two alternating updates (paper, Sec. 3.4).

All take (B, 1, H, W) tensors in [0, 1] and return scalars.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from ..losses import ssim
from .information import InformationMeasure, information_weights


def public_loss(reconstruction: Tensor, visible: Tensor) -> Tensor:
    """Return L_pub = 1 - SSIM(rec, visible) + MSE(rec, visible) (paper, Eq. 6)."""
    return 1 - ssim(reconstruction, visible) + F.mse_loss(reconstruction, visible)


def multi_modal_loss(
    fused: Tensor, infrared: Tensor, visible: Tensor, measure: InformationMeasure
) -> Tensor:
    """Return L_pri of the MM branch, the information-weighted error (paper, Eq. 10)."""
    weight_infrared, weight_visible = information_weights(measure, infrared, visible)
    error = weight_infrared * (fused - infrared).square()
    error = error + weight_visible * (fused - visible).square()
    return error.mean()
