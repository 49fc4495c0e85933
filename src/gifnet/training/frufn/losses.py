"""The losses of sequential gradient transfer (Wang et al., Sec. 3.1.2).

All take (B, C, H, W) tensors in [0, 1] and return scalars. The norms of the paper are means over
pixels here, so weights do not depend on the crop size.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..losses import log_error, sobel, ssim
from ..metric_losses import difference_correlation


def gradient_magnitude(planes: Tensor) -> Tensor:
    """Return |dx| + |dy| by the Sobel operator (divided by 8: units of value per pixel)."""
    return sobel(planes).abs().sum(dim=1, keepdim=True)


def gradient_transfer_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Return the mean deficit of the student's gradients to the teacher's (Eq. 3).

    Pixels with a stronger gradient in the student do not count.
    """
    return F.relu(gradient_magnitude(teacher) - gradient_magnitude(student)).mean()


def similarity_loss(fused: Tensor, target: Tensor) -> Tensor:
    """Return 1 - SSIM to the ground truth (Eq. 2)."""
    return 1 - ssim(fused, target)


def intensity_loss(fused: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Return the mean absolute error to the brighter source (Eq. 5)."""
    return F.l1_loss(fused, torch.maximum(first, second))


def texture_loss(fused: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Return the mean absolute error of the gradient to the stronger source's (Eq. 6)."""
    stronger = torch.maximum(gradient_magnitude(first), gradient_magnitude(second))
    return F.l1_loss(gradient_magnitude(fused), stronger)


def structure_loss(fused: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Return 1 - SSIM to either source, added up (Eq. 7)."""
    return 2 - ssim(fused, first) - ssim(fused, second)


def reconstruction_loss(
    fused: Tensor,
    first: Tensor,
    second: Tensor,
    *,
    texture: float,
    structure: float,
    differences: float = 0.0,
) -> Tensor:
    """Return the unsupervised loss of infrared-visible pairs, with beta 1 and 2 (Eq. 4).

    `differences` adds 2 - SCD, which is not in the paper: the result should contain the part of
    each source that the other does not have.
    """
    loss = intensity_loss(fused, first, second)
    loss = loss + texture * texture_loss(fused, first, second)
    loss = loss + structure * structure_loss(fused, first, second)
    if differences:
        loss = loss + differences * (2 - difference_correlation(fused, first, second).mean())
    return loss


def colour_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """Return the mean absolute error of the chroma (Eq. 8)."""
    return F.l1_loss(predicted, target)


def blend_loss(
    mask: Tensor, first: Tensor, second: Tensor, target: Tensor, log_weight: float = 0.0
) -> Tensor:
    """Return the mean absolute error of the sources blended by the mask alone.

    It is not in the paper. It makes the mask the first source's share, so the mask can be
    displayed. `log_weight` adds `log_error`.
    """
    blend = second + mask * (first - second)
    loss = F.l1_loss(blend, target)
    return loss + log_weight * log_error(blend, target) if log_weight else loss
