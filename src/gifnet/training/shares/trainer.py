"""The training of Shares, on all tasks at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ...errors import TrainingError, WeightsError
from ...models.registry import model_spec
from ...models.shares.network import MULTIPLE, SharesNet
from ..data.scenes import read_scene
from ..model_card import SCORES, curves
from ..objectives import sources_loss
from ..starting_weights import starting_state
from ..trainer import OnStep, Trainer, score_by_loss, score_pairs
from .config import SharesConfig
from .losses import batch_losses
from .samples import SharesDataset


class SharesTrainer(Trainer[SharesNet, SharesConfig]):
    """Trains Shares, and writes weights, log and checkpoints to a folder.

    Parameters
    ----------
    data : path
        The training images, see `gifnet.training.shares.samples`.
    out, config, resume, on_step
        See `Trainer`.
    """

    plotted = ("truth", "sources", "exposure", "warmth", "outside")
    log_fields = ("step", "seconds", "learning_rate", *plotted, "psnr", "ssim", "held_back_loss")

    def __init__(
        self,
        data: str | Path,
        out: str | Path,
        config: SharesConfig,
        *,
        resume: bool = False,
        on_step: OnStep | None = None,
    ):
        self.config = config
        self.dataset = SharesDataset(data, config)
        super().__init__(out, config, resume=resume, on_step=on_step)

    def make_network(self, resume: bool) -> SharesNet:
        config = self.config
        module = model_spec(config.model).build()
        assert isinstance(module, SharesNet)
        if config.start and not resume:
            module.load_state_dict(starting_state(config.start, config.model, module))
        return module

    def train_step(self) -> dict[str, float]:
        batch = self.dataset.sample(self.step, self.fabric.global_rank).to(self.fabric.device)

        def losses() -> dict[str, Tensor]:
            fused, _ = self.wrapped(batch.planes)
            return batch_losses(fused.float(), batch, self.config)

        return self.update(losses)

    def validate(self, limit: int | None = None) -> dict[str, float]:
        """Return PSNR (dB) and SSIM on the held-back triplets, or the loss of held-back pairs."""
        scenes = self.dataset.images.held_back[:limit]
        pairs = [planes for planes in map(read_scene, scenes) if len(planes) == 2]
        if pairs:
            return score_by_loss(pairs, self._fuse, self._loss, self.fabric)
        return score_pairs(map(read_scene, scenes), self._fuse, self.fabric)

    def _loss(self, fused: Tensor, first: Tensor, second: Tensor) -> Tensor:
        return sources_loss(fused, first, second, self.config)

    def _fuse(self, first: Tensor, second: Tensor) -> Tensor:
        height, width = first.shape[-2:]
        ends = (0, -width % MULTIPLE, 0, -height % MULTIPLE)
        planes = F.pad(torch.cat((first, second), dim=1), ends, mode="replicate")
        fused: Tensor = self.result(planes)[0][..., :height, :width]
        return fused

    def training_sets(self) -> Mapping[str, int]:
        return self.dataset.images.sets()

    def held_back(self) -> list[str]:
        return [scene.name for scene in self.dataset.images.held_back]

    def card_details(self) -> dict[str, object]:
        return {"curves": curves(self.rows, (*self.plotted, *SCORES))}


def train_shares(
    data: str | Path,
    out: str | Path,
    config: SharesConfig,
    *,
    resume: bool = False,
    on_step: OnStep | None = None,
) -> Path:
    """Train Shares and return the weights' path; see `SharesTrainer` for the arguments."""
    try:
        return SharesTrainer(data, out, config, resume=resume, on_step=on_step).run()
    except WeightsError as error:
        raise TrainingError(f"The starting weights cannot be used: {error}") from error
