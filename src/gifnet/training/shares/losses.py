"""The losses of a batch of Shares."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..losses import ssim
from ..metric_losses import outside_sources, warmth_lost
from ..objectives import Kind, fidelity_loss, gradients_loss, sources_loss
from .config import SharesConfig
from .samples import SharesBatch


def batch_losses(fused: Tensor, batch: SharesBatch, config: SharesConfig) -> dict[str, Tensor]:
    """Return the losses of fused (B, 1, H, W) planes by name, each a mean over the batch."""
    count = len(fused)
    truth = batch.kind == Kind.TRUTH
    outside = torch.where(truth, config.inside_truth, config.inside_sources)
    parts = {"outside": (outside * outside_sources(fused, batch.planes)).mean()}
    if truth.any():
        error = fidelity_loss(fused[truth], batch.target[truth], config)
        parts["truth"] = error * (int(truth.sum()) / count)
    exposure = batch.kind == Kind.EXPOSURE
    many = batch.planes.shape[1] > 2
    # For three exposures only the truth counts, as each is wrong in some places.
    judged = ~truth & ~exposure if many else ~truth
    if judged.any():
        missing = _judged(fused[judged], batch.planes[judged], config)
        parts["sources"] = missing.sum() / count
    warm = batch.kind == Kind.WARM
    if warm.any():
        lost = warmth_lost(fused[warm], batch.target[warm])
        parts["warmth"] = config.keep_warm * lost.sum() / count
    if exposure.any():
        image, target = fused[exposure], batch.target[exposure]
        error = config.exposure_truth * F.l1_loss(image, target)
        if many:
            error = error + config.fidelity_ssim * (1 - ssim(image, target))
        parts["exposure"] = error * (int(exposure.sum()) / count)
    return parts


def _judged(fused: Tensor, planes: Tensor, config: SharesConfig) -> Tensor:
    sources = planes.split(1, dim=1)
    if len(sources) == 2:
        return sources_loss(fused, sources[0], sources[1], config)
    # Each of many images is blurred nearly everywhere, so similarity to all would blur.
    return gradients_loss(fused, sources, config)
