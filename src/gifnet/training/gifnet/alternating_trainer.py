"""The alternating training of GIFNet (paper, Fig. 3c and d)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from ...models.gifnet.network import Branch, GIFNet, other_branch
from ...models.registry import model_spec
from ..data.depth import DepthSource
from ..data.scenes import read_scene
from ..model_card import curves
from ..objectives import fidelity_loss
from ..starting_weights import starting_state
from ..trainer import OnStep, Trainer, score_pairs
from .config import GifnetConfig
from .information import InformationMeasure, make_information_measure
from .losses import multi_modal_loss, public_loss
from .samples import Batch, JointDataset

LOG_FIELDS = (
    "step", "seconds", "learning_rate", "mm_public", "mm_private", "dp_public", "dp_private",
    "gate_mm", "gate_dp", "dp_sources", "dp_exposure", "dp_warmth", "psnr", "ssim",
)  # fmt: skip


class AlternatingTrainer(Trainer[GIFNet, GifnetConfig]):
    """Trains GIFNet, and writes weights, log and checkpoints to a folder.

    Parameters
    ----------
    data : path
        The training images, see `gifnet.training.data`.
    out, config, resume, on_step
        See `Trainer`.
    depth, information : optional
        Replace the configuration's depth source and information measure.
    """

    log_fields = LOG_FIELDS
    plotted = ("mm_public", "mm_private", "dp_public", "dp_private", "dp_sources")

    def __init__(
        self,
        data: str | Path,
        out: str | Path,
        config: GifnetConfig,
        *,
        resume: bool = False,
        on_step: OnStep | None = None,
        depth: DepthSource | None = None,
        information: InformationMeasure | None = None,
    ):
        self.config = config
        self.load_data(data, depth)
        self.measure = information or make_information_measure(config.information)
        super().__init__(out, config, resume=resume, on_step=on_step)
        self.wrapped.mark_forward_method("training_forward")

    def load_data(self, data: str | Path, depth: DepthSource | None) -> None:
        """Find the training images before anything is written."""
        self.dataset = JointDataset(data, self.config, depth)

    def make_network(self, resume: bool) -> GIFNet:
        config = self.config
        module = model_spec(config.model).build()
        assert isinstance(module, GIFNet)
        if config.start and not resume:
            module.load_state_dict(starting_state(config.start, config.model, module))
        for gate in module.gate.values():
            if not config.start and not resume:
                torch.nn.init.constant_(gate, config.gate_start)
            if not config.gate_learned:
                # Freezing it here would not last: both branches are frozen and unfrozen in turn.
                gate.register_hook(torch.zeros_like)
        return module

    def training_sets(self) -> Mapping[str, int]:
        return Counter(
            scene.dataset.name for scene in (*self.dataset.pairs, *self.dataset.training_triplets)
        )

    def held_back(self) -> list[str]:
        return [scene.name for scene in self.dataset.validation_triplets]

    def card_details(self) -> dict[str, object]:
        return {
            "gate": {k: float(v.detach()) for k, v in self.result.gate.items()},
            "curves": curves(self.rows, (*self.plotted, "gate_mm", "gate_dp", "psnr", "ssim")),
        }

    @contextmanager
    def _frozen(self, branch: Branch) -> Iterator[None]:
        """Freeze a branch while the other one is updated."""
        parameters = self.module.branch_parameters(branch)
        for parameter in parameters:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter in parameters:
                parameter.requires_grad_(True)

    def _update(self, main: Branch, losses: Callable[[], dict[str, Tensor]]) -> dict[str, float]:
        with self._frozen(other_branch(main)):
            parts = self.update(losses, main)
        return {f"{main}_{name}": value for name, value in parts.items()}

    def _public(self, reconstruction: Tensor, shared: Tensor) -> dict[str, Tensor]:
        """Return the REC branch's loss to the modality of both tasks, if it has a weight."""
        if not (weight := self.config.public_weight):
            return {}
        return {"public": weight * public_loss(reconstruction, shared)}

    def _update_mm(self, batch: Batch) -> dict[str, float]:
        def losses() -> dict[str, Tensor]:
            pair = (batch.infrared, batch.visible)
            out = self.wrapped.training_forward(pair, (batch.first, batch.second), "mm")
            fused = out.fused.image.float()
            parts = {"private": multi_modal_loss(fused, *pair, self.measure)}
            return parts | self._public(out.reconstruction.float(), batch.visible)

        return self._update("mm", losses)

    def _update_dp(self, batch: Batch) -> dict[str, float]:
        def losses() -> dict[str, Tensor]:
            pair, auxiliary = (batch.first, batch.second), (batch.infrared, batch.visible)
            out = self.wrapped.training_forward(pair, auxiliary, "dp")
            fused = out.fused.image.float()
            parts = {"private": fidelity_loss(fused, batch.target, self.config)}
            return parts | self._public(out.reconstruction.float(), batch.target)

        return self._update("dp", losses)

    def train_step(self) -> dict[str, float]:
        draw = (self.dataset.sample(2 * self.step + i, self.fabric.global_rank) for i in range(2))
        mm, dp = (batch.to(self.fabric.device) for batch in draw)
        return self._update_mm(mm) | self._update_dp(dp) | self.gates()

    def gates(self) -> dict[str, float]:
        """Return lambda of both cross-fusion gates for the log."""
        return {f"gate_{name}": float(gate.detach()) for name, gate in self.module.gate.items()}

    def validate(self, limit: int | None = None) -> dict[str, float]:
        """Return the mean PSNR (dB) and SSIM on the held-back triplets, if there are any."""
        scenes = self.dataset.validation_triplets[:limit]
        return score_pairs(
            map(read_scene, scenes), lambda a, b: self.result(a, b).image, self.fabric
        )
