"""Training of the graph that inference runs: DP branch main, one pair in both branches."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor

from ...models.gifnet.network import GIFNet
from . import metric_losses as preservation
from .config import TrainingConfig
from .depthwise import speed_up_depthwise
from .losses import photography_loss
from .mixed_samples import Kind, MixedBatch, MixedDataset
from .trainer import GIFNetTrainer


def preservation_loss(
    fused: Tensor, first: Tensor, second: Tensor, config: TrainingConfig
) -> Tensor:
    """Return what a fused (B, 1, H, W) pair without truth lacks of its sources, (B,)."""
    sources = (first, second)
    # Both slopes in the metric's own proportion.
    slopes = (config.edge_slope, config.edge_slope * 22 / 15)
    edges = preservation.edge_preservation(fused, first, second, slopes)
    lacking = config.keep_edges * (1 - edges)
    information = sum(preservation.visual_information(fused, source) for source in sources)
    lacking = lacking + config.keep_information * (2 - information)
    differences = preservation.difference_correlation(fused, first, second)
    lacking = lacking + config.keep_differences * (2 - differences)
    structure = sum(preservation.ms_ssim(fused, source) for source in sources) / 2
    lacking = lacking + config.keep_structure * (1 - structure)
    if config.keep_entropy:
        entropy = sum(preservation.mutual_information(fused, source) for source in sources)
        lacking = lacking - config.keep_entropy * entropy
    error = preservation.signed_gradient_error(fused, first, second)
    return lacking + config.keep_gradient * error


class InferenceGraphTrainer(GIFNetTrainer):
    """Trains GIFNet as it is deployed, on batches of all tasks; see `GIFNetTrainer`.

    All parameters are trained but the MM branch's gate and the REC branch, which inference
    does not use; `mm_every` keeps these up with the encoder that they share.
    """

    def __init__(self, *arguments: Any, **keywords: Any):
        super().__init__(*arguments, **keywords)
        self.mixed = MixedDataset(self.dataset)

    def make_network(self, resume: bool) -> GIFNet:
        module = super().make_network(resume)
        if self.fabric.device.type == "cpu":
            speed_up_depthwise(module)
        return module

    def losses(self, batch: MixedBatch) -> dict[str, Tensor]:
        """Return the losses of a batch by name."""
        config = self.config
        out = self.wrapped(batch.first, batch.second)
        fused = out.image.float()
        count = len(fused)
        parts = {}
        truth = batch.kind == Kind.TRUTH
        if truth.any():
            blend = None
            if out.share is not None:
                first, second = batch.first[truth], batch.second[truth]
                blend = second + out.share[truth] * (first - second)
            loss = photography_loss(fused[truth], batch.target[truth], config, blend)
            parts["private"] = loss * (int(truth.sum()) / count)
        rest = ~truth
        if rest.any():
            judged = (batch.judged_first[rest], batch.judged_second[rest])
            lacking = preservation_loss(fused[rest], *judged, config)
            parts["deployed"] = lacking.sum() / count
        warm = batch.kind == Kind.WARM
        if warm.any():
            lost = preservation.warmth_lost(fused[warm], batch.target[warm])
            parts["warmth"] = config.keep_warm * lost.sum() / count
        exposure = batch.kind == Kind.EXPOSURE
        if config.exposure_truth and exposure.any():
            error = F.l1_loss(fused[exposure], batch.target[exposure])
            parts["exposure"] = config.exposure_truth * error * (int(exposure.sum()) / count)
        return parts

    def train_step(self) -> dict[str, float]:
        row: dict[str, float] = {}
        every = self.config.mm_every
        if every and self.step % every == every - 1:
            alternating = self.dataset.sample(self.step, self.fabric.global_rank)
            row |= self._update_mm(alternating.to(self.fabric.device))
        batch = self.mixed.sample(self.step, self.fabric.global_rank).to(self.fabric.device)
        parts = self.update(lambda: self.losses(batch), "dp")
        row |= {f"dp_{name}": value for name, value in parts.items()}
        for branch in ("mm", "dp"):
            row[f"gate_{branch}"] = float(self.module.gate[branch].detach())
        return row
