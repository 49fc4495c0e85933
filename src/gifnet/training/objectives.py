"""The loss of a result: its error to a ground truth, or its losses to its sources."""

from __future__ import annotations

from enum import IntEnum

import torch
import torch.nn.functional as F
from torch import Tensor

from . import metric_losses
from .losses import log_error, ssim
from .settings import FidelitySettings, SourceSettings


class Kind(IntEnum):
    """Which loss a sample gets."""

    #: a ground truth
    TRUTH = 0
    #: the sources alone
    SOURCES = 1
    #: the sources, and a well-exposed image
    EXPOSURE = 2
    #: the sources, and what is warm in the infrared one, which is the target
    WARM = 3


def fidelity_loss(fused: Tensor, target: Tensor, settings: FidelitySettings) -> Tensor:
    """Return the weighted error of (B, 1, H, W) planes to the ground truth."""
    loss = settings.fidelity_mse * F.mse_loss(fused, target)
    if settings.fidelity_l1:
        loss = loss + settings.fidelity_l1 * F.l1_loss(fused, target)
    if settings.fidelity_ssim:
        loss = loss + settings.fidelity_ssim * (1 - ssim(fused, target))
    if settings.fidelity_log:
        loss = loss + settings.fidelity_log * log_error(fused, target)
    return loss


def sources_loss(fused: Tensor, first: Tensor, second: Tensor, settings: SourceSettings) -> Tensor:
    """Return the loss of fused (B, 1, H, W) planes to pairs of sources, (B,)."""
    sources = (first, second)
    # Both slopes in the metric's own proportion.
    slopes = (settings.edge_slope, settings.edge_slope * 22 / 15)
    edges = metric_losses.edge_preservation(fused, *sources, slopes)
    missing = settings.keep_edges * (1 - edges)
    information = torch.stack([metric_losses.visual_information(fused, s) for s in sources])
    missing = missing + settings.keep_information * (2 - information.sum(dim=0))
    missing = missing + settings.keep_lesser * (1 - information.amin(dim=0))
    differences = metric_losses.difference_correlation(fused, *sources)
    missing = missing + settings.keep_differences * (2 - differences)
    structure = sum(metric_losses.ms_ssim(fused, source) for source in sources) / 2
    missing = missing + settings.keep_structure * (1 - structure)
    if settings.keep_entropy:
        entropy = sum(metric_losses.mutual_information(fused, source) for source in sources)
        missing = missing - settings.keep_entropy * entropy
    return missing + gradients_loss(fused, sources, settings)


def gradients_loss(fused: Tensor, sources: tuple[Tensor, ...], settings: SourceSettings) -> Tensor:
    """Return the gradients of all sources missing in fused (B, 1, H, W) planes, (B,)."""
    missing = settings.keep_gradient * metric_losses.signed_gradient_error(fused, *sources)
    if settings.keep_stronger:
        missing = missing + settings.keep_stronger * metric_losses.edges_lost(fused, *sources)
    return missing
