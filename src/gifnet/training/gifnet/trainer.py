"""The alternating training of GIFNet (paper, Fig. 3c and d)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...errors import TrainingError, WeightsError
from ...models.contract import Fused
from ...models.gifnet.network import Branch, GIFNet, other_branch
from ...models.registry import model_spec
from ..data.depth import DepthSource
from ..data.scenes import Batch, JointDataset, read_scene
from ..model_card import curves
from ..starting_weights import starting_state
from ..trainer import OnStep, Trainer, score_pairs
from .config import TrainingConfig
from .dormant_channels import revive_dead_channels, split_channels
from .information import InformationMeasure, make_information_measure
from .losses import multi_modal_loss, photography_loss, public_loss, unsupervised_loss

LOG_FIELDS = (
    "step", "seconds", "learning_rate", "mm_public", "mm_private", "dp_public", "dp_private",
    "dp_deployed", "gate_mm", "gate_dp", "dp_exposure", "dp_warmth", "psnr", "ssim",
)  # fmt: skip


class GIFNetTrainer(Trainer[GIFNet, TrainingConfig]):
    """Trains GIFNet and leaves everything that happened in a folder.

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
    plotted = ("mm_public", "mm_private", "dp_public", "dp_private", "dp_deployed")

    def __init__(
        self,
        data: str | Path,
        out: str | Path,
        config: TrainingConfig,
        *,
        resume: bool = False,
        on_step: OnStep | None = None,
        depth: DepthSource | None = None,
        information: InformationMeasure | None = None,
    ):
        self.config = config
        self.dataset = JointDataset(data, config, depth)
        self.measure = information or make_information_measure(config.information)
        super().__init__(out, config, resume=resume, on_step=on_step)
        self.wrapped.mark_forward_method("training_forward")

    def make_network(self, resume: bool) -> GIFNet:
        config = self.config
        module = model_spec(config.model).build()
        assert isinstance(module, GIFNet)
        if config.start and not resume:
            module.load_state_dict(starting_state(config.start, config.model, module))
        if not resume:
            self._repair(module)
        for gate in module.gate.values():
            if not config.start and not resume:
                torch.nn.init.constant_(gate, config.gate_start)
            if not config.gate_learned:
                # Freezing it would not last: the branches are frozen and freed in turn.
                gate.register_hook(torch.zeros_like)
        return module

    def training_sets(self) -> Mapping[str, int]:
        return Counter(
            scene.dataset.name for scene in (*self.dataset.pairs, *self.dataset.training_triplets)
        )

    def held_back(self) -> list[str]:
        return [scene.name for scene in self.dataset.validation_triplets]

    def card_details(self) -> dict[str, Any]:
        return {
            "gate": {k: float(v.detach()) for k, v in self.result.gate.items()},
            "curves": curves(self.rows, (*self.plotted, "gate_mm", "gate_dp", "psnr", "ssim")),
        }

    def _repair(self, module: GIFNet) -> None:
        """Put idle decoder channels to work, judged by the first batches, before any update."""
        if not (self.config.revive or self.config.split):
            return
        batches = [self.dataset.sample(step) for step in range(4)]

        def run() -> None:
            for batch in batches:
                pair, auxiliary = _dp_inputs(batch, 1)
                module.training_forward(pair, auxiliary, "dp")
                module.training_forward(
                    (batch.infrared, batch.visible), (batch.first, batch.second), "mm"
                )

        if self.config.revive:
            revive_dead_channels(module.decoder.convs, run)
        if self.config.split:
            split_channels(module.decoder.convs, run)

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
        """Return the REC branch's loss to the modality that both tasks share, if it counts."""
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
            # Adding multi-modal pairs to the batch costs less than a forward of their own.
            extra = 0
            if self.config.unsupervised_weight and self.config.unsupervised_share:
                extra = max(1, round(self.config.unsupervised_share * self.config.batch_size))
            pair, auxiliary = _dp_inputs(batch, extra)
            out = self.wrapped.training_forward(pair, auxiliary, "dp")
            count = self.config.batch_size
            fused, rec = out.fused.image.float(), out.reconstruction.float()
            blend = _blend(out.fused, pair, count)
            parts = {
                "private": photography_loss(fused[:count], batch.target, self.config, blend)
            } | self._public(rec[:count], batch.target)
            if extra:
                unsupervised = unsupervised_loss(fused[count:], pair[0][count:], pair[1][count:])
                parts["deployed"] = self.config.unsupervised_weight * unsupervised
            return parts

        return self._update("dp", losses)

    def train_step(self) -> dict[str, float]:
        rank = self.fabric.global_rank
        updates = 1 + self.config.dp_updates
        draw = (self.dataset.sample(self.step * updates + i, rank) for i in range(updates))
        row = self._update_mm(next(draw).to(self.fabric.device))
        rows = [self._update_dp(batch.to(self.fabric.device)) for batch in draw]
        row |= {name: sum(r[name] for r in rows) / len(rows) for name in rows[0]}
        row["gate_mm"] = float(self.module.gate["mm"].detach())
        row["gate_dp"] = float(self.module.gate["dp"].detach())
        return row

    def validate(self, limit: int | None = None) -> dict[str, float]:
        """Return the mean PSNR (dB) and SSIM on the held-back triplets, or nothing."""
        scenes = self.dataset.validation_triplets[:limit]
        return score_pairs(
            map(read_scene, scenes), lambda a, b: self.result(a, b).image, self.fabric
        )


def _blend(fused: Fused, pair: tuple[Tensor, Tensor], count: int) -> Tensor | None:
    """Return the first samples' blend of both sources without the residual, if there is one."""
    if fused.share is None:
        return None
    first, second = pair[0][:count], pair[1][:count]
    return second + fused.share[:count] * (first - second)


def _dp_inputs(batch: Batch, extra: int) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Return the DP branch's pair and the auxiliary branch's, with `extra` multi-modal pairs."""
    same = batch.same_pair[:, None, None, None]
    auxiliary = (
        torch.where(same, batch.first, batch.infrared),
        torch.where(same, batch.second, batch.visible),
    )
    more = (batch.infrared[:extra], batch.visible[:extra])

    def join(pair: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        return torch.cat((pair[0], more[0])), torch.cat((pair[1], more[1]))

    return join((batch.first, batch.second)), join(auxiliary)


def train_gifnet(
    data: str | Path, out: str | Path, config: TrainingConfig, **keywords: Any
) -> Path:
    """Train GIFNet; see `GIFNetTrainer` for the arguments. Returns the weights' path."""
    from .inference_trainer import InferenceGraphTrainer

    trainer = InferenceGraphTrainer if config.updates == "inference" else GIFNetTrainer
    try:
        return trainer(data, out, config, **keywords).run()
    except WeightsError as error:
        raise TrainingError(f"The starting weights cannot be used: {error}") from error
