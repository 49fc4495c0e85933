"""The losses of GIFNet's two alternating updates (paper, Sec. 3.4).

All take (B, 1, H, W) tensors in [0, 1] and return scalars.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .config import TrainingConfig
from .information import InformationMeasure, information_weights
from .metric_losses import sobel as sobel


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """Return the mean SSIM of images in [0, 1] (11 x 11 Gaussian window, sigma 1.5)."""
    from torchmetrics.functional.image import structural_similarity_index_measure

    value = structural_similarity_index_measure(a, b, data_range=1.0)
    assert isinstance(value, Tensor)
    return value


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


def log_error(fused: Tensor, target: Tensor) -> Tensor:
    """Return the mean logarithm of every sample's squared error, which PSNR is made of."""
    errors = (fused - target).square().mean(dim=(1, 2, 3))
    # The constant, 50 dB, keeps flat crops that are right anyway from deciding anything.
    return torch.log1p(errors / 1e-5).mean()


def photography_loss(
    fused: Tensor, target: Tensor, config: TrainingConfig, blend: Tensor | None = None
) -> Tensor:
    """Return L_pri of the DP branch: fidelity to the ground truth (paper, Eq. 11: MSE).

    `blend` is the blend head's image without its residual.
    """
    loss = config.fidelity_mse * F.mse_loss(fused, target)
    if config.fidelity_l1:
        loss = loss + config.fidelity_l1 * F.l1_loss(fused, target)
    if config.fidelity_ssim:
        loss = loss + config.fidelity_ssim * (1 - ssim(fused, target))
    if config.fidelity_log:
        loss = loss + config.fidelity_log * log_error(fused, target)
    if config.fidelity_blend and blend is not None:
        loss = loss + config.fidelity_blend * F.l1_loss(blend, target)
    return loss


def unsupervised_loss(fused: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Return the unsupervised error of a multi-modal pair fused as at inference.

    Three terms: the intensity follows the brighter source, halfway to the mean of both
    (hot targets and tracer uptake are bright; the mean keeps the darker source's contrast);
    each signed derivative follows the source where it is stronger; and the structure stays
    close to either source by SSIM.
    """
    intensity = F.l1_loss(fused, (torch.maximum(first, second) + (first + second) / 2) / 2)
    gradient_first, gradient_second = sobel(first), sobel(second)
    stronger = torch.where(
        gradient_first.abs() > gradient_second.abs(), gradient_first, gradient_second
    )
    gradient = F.l1_loss(sobel(fused), stronger)
    structure = 1 - (ssim(fused, first) + ssim(fused, second)) / 2
    return 0.5 * intensity + 4 * gradient + 0.25 * structure
