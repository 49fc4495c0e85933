"""Training of the graph that inference runs: DP branch main, one pair in both branches."""

from __future__ import annotations

from pathlib import Path

import torch.nn.functional as F
from torch import Tensor

from .. import metric_losses
from ..data.depth import DepthSource
from ..objectives import Kind, fidelity_loss, sources_loss
from .alternating_trainer import AlternatingTrainer
from .config import InferenceConfig
from .mixed_samples import MixedBatch, MixedDataset


class InferenceGraphTrainer(AlternatingTrainer):
    """Trains the graph that inference runs, on batches of all tasks; see `AlternatingTrainer`.

    All parameters are trained except the MM branch's gate and the REC branch, which inference does
    not use. `mm_every` trains these as well, because the shared encoder changes.
    """

    config: InferenceConfig

    def load_data(self, data: str | Path, depth: DepthSource | None) -> None:
        super().load_data(data, depth)
        self.mixed = MixedDataset(self.dataset, self.config)

    def losses(self, batch: MixedBatch) -> dict[str, Tensor]:
        """Return the losses of a batch by name."""
        config = self.config
        out = self.wrapped(batch.first, batch.second)
        fused = out.image.float()
        count = len(fused)
        parts = {}
        truth = batch.kind == Kind.TRUTH
        if truth.any():
            loss = fidelity_loss(fused[truth], batch.target[truth], config)
            parts["private"] = loss * (int(truth.sum()) / count)
        rest = ~truth
        if rest.any():
            judged = (batch.judged_first[rest], batch.judged_second[rest])
            missing = sources_loss(fused[rest], *judged, config)
            parts["sources"] = missing.sum() / count
        warm = batch.kind == Kind.WARM
        if warm.any():
            lost = metric_losses.warmth_lost(fused[warm], batch.target[warm])
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
        return row | self.gates()
