"""The three stages of sequential gradient transfer (Wang et al., Sec. 3.1, Fig. 4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...errors import TrainingError, WeightsError
from ...models.frufn.color_net import ColorNet
from ...models.frufn.efrufn import EFRUFN
from ...models.frufn.frufn import FRUFN
from ...models.registry import model_spec
from ...models.weights import build_model, load_weights, save_weights
from ..losses import log_error
from ..model_card import make_card
from ..settings import Value
from ..starting_weights import starting_state
from ..trainer import WEIGHTS_FILE, OnStep, Trainer, score_by_loss, score_pairs
from .config import STAGES, FrufnConfig, stage_recipe
from .losses import (
    blend_loss,
    colour_loss,
    gradient_transfer_loss,
    reconstruction_loss,
    similarity_loss,
)
from .samples import StageBatch, StageDataset

COLOUR_FILE = "color_net.safetensors"


class StageNetwork(nn.Module):
    """The networks of a stage: the fusion network, and in stage two ColorNet."""

    def __init__(self, fusion: EFRUFN | FRUFN, colour: ColorNet | None):
        super().__init__()
        self.fusion, self.colour = fusion, colour

    def forward(self, batch: StageBatch, warm_up: bool) -> dict[str, Tensor]:
        """Return the inputs of the losses by name, in float32."""
        if warm_up and self.fusion.blend is not None:
            return {"mask": self.fusion.shares(batch.first, batch.second).float()}
        if warm_up:
            first, second = self.fusion.reconstruct(batch.first, batch.second)
            return {"first": first.float(), "second": second.float()}
        fused = self.fusion(batch.first, batch.second)
        found = {"image": fused.image.float(), "mask": fused.share.float()}
        if self.colour is not None:
            # No gradient: ColorNet must not change the fused image.
            luminance = fused.image.detach().clamp(0, 1)
            chroma = self.colour(luminance, batch.first_chroma, batch.second_chroma)
            found["chroma"] = chroma.float()
        if isinstance(self.fusion, EFRUFN):
            found["residual"] = torch.tensor(fused.convergence.residual)
        return found


class StageTrainer(Trainer[StageNetwork, FrufnConfig]):
    """Trains one stage of FRUFN or EFRUFN.

    Parameters
    ----------
    data : path
        The training images, see `gifnet.training.data`.
    out, config, resume, on_step
        See `Trainer`.
    """

    log_fields = (
        "step", "seconds", "learning_rate", "warm_up", "similarity", "fidelity", "log", "blend",
        "reconstruction", "transfer", "colour", "residual", "psnr", "ssim", "held_back_loss",
    )  # fmt: skip
    plotted = log_fields[3:11]

    def __init__(
        self,
        data: str | Path,
        out: str | Path,
        config: FrufnConfig,
        *,
        resume: bool = False,
        on_step: OnStep | None = None,
    ):
        self.config = config
        self.dataset = StageDataset(data, config)
        super().__init__(out, config, resume=resume, on_step=on_step)
        self.teacher = self._load_teacher() if config.transfer else None

    def build_fusion(self) -> EFRUFN | FRUFN:
        """Return the fusion network with random weights."""
        fusion = model_spec(self.config.model).build()
        assert isinstance(fusion, (EFRUFN, FRUFN))
        return fusion

    def make_network(self, resume: bool) -> StageNetwork:
        config = self.config
        fusion = self.build_fusion()
        if config.parent and not resume:
            fusion.load_state_dict(starting_state(config.parent, config.model, fusion))
        if isinstance(fusion, EFRUFN):
            fusion.steps = config.iterations
        colour = ColorNet() if config.stage == "meif" and config.colour else None
        return StageNetwork(fusion, colour)

    def _load_teacher(self) -> nn.Module:
        config = self.config
        teacher = build_model(load_weights(config.teacher, config.model))
        if isinstance(teacher, EFRUFN):
            teacher.steps = config.iterations
        # Training mode only suppresses the warning about masks that have not converged.
        return teacher.train().to(self.fabric.device)

    # -- one step ---------------------------------------------------------------------

    def train_step(self) -> dict[str, float]:
        batch = self.dataset.sample(self.step, self.fabric.global_rank).to(self.fabric.device)
        warm_up = self.step < self.config.warm_up
        seen: dict[str, float] = {}

        def losses() -> dict[str, Tensor]:
            found = self.wrapped(batch, warm_up)
            if "image" not in found and "mask" in found:
                assert batch.target is not None
                blend = blend_loss(
                    found["mask"],
                    batch.first,
                    batch.second,
                    batch.target,
                    self.config.fidelity_log,
                )
                return {"warm_up": blend}
            if warm_up:
                error = F.l1_loss(found["first"], batch.first)
                return {"warm_up": error + F.l1_loss(found["second"], batch.second)}
            if "residual" in found:
                seen["residual"] = float(found["residual"])
            return self.losses(batch, found)

        return self.update(losses, self.config.stage) | seen

    def losses(self, batch: StageBatch, found: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the weighted parts of Eq. 1 for a batch, and the network's output."""
        config, fused = self.config, found["image"]
        parts = {}
        if batch.target is None:
            parts["reconstruction"] = self.reconstruction(fused, batch.first, batch.second)
        else:
            parts["similarity"] = config.similarity * similarity_loss(fused, batch.target)
            if config.fidelity:
                parts["fidelity"] = config.fidelity * F.l1_loss(fused, batch.target)
            if config.fidelity_log:
                parts["log"] = config.fidelity_log * log_error(fused, batch.target)
            if config.blend and config.stage == "mfif":
                parts["blend"] = config.blend * blend_loss(
                    found["mask"], batch.first, batch.second, batch.target, config.fidelity_log
                )
        if self.teacher is not None:
            with torch.no_grad(), self.fabric.autocast():
                teacher = self.teacher(batch.first, batch.second).image.float()
            parts["transfer"] = config.transfer * gradient_transfer_loss(fused, teacher)
        if "chroma" in found:
            assert batch.target_chroma is not None
            parts["colour"] = config.colour * colour_loss(found["chroma"], batch.target_chroma)
        return parts

    def reconstruction(self, fused: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """Return the loss of infrared-visible pairs with the weights of the configuration."""
        config = self.config
        return reconstruction_loss(
            fused,
            first,
            second,
            texture=config.texture,
            structure=config.structure,
            differences=config.differences,
        )

    # -- held-back scenes -------------------------------------------------------------

    def validate(self, limit: int | None = None) -> dict[str, float]:
        """Return PSNR (dB) and SSIM to the ground truth, or the loss without ground truth."""
        count = len(self.dataset.validation[:limit])
        pairs = [self.dataset.validation_pair(index) for index in range(count)]
        fuse: Callable[[Tensor, Tensor], Tensor] = lambda a, b: self.result.fusion(a, b).image  # noqa: E731
        if self.config.stage != "ivif":
            return score_pairs(pairs, fuse, self.fabric)
        return score_by_loss(pairs, fuse, self.reconstruction, self.fabric)

    # -- the end ----------------------------------------------------------------------

    def training_sets(self) -> Mapping[str, int]:
        return self.dataset.sets()

    def held_back(self) -> list[str]:
        return [scene.name for scene in self.dataset.validation]

    def card_details(self) -> dict[str, object]:
        return {"stage": self.config.stage}

    def save_result(self, path: Path) -> None:
        card = make_card(self)
        save_weights(self.result.fusion, path, card)
        if self.result.colour is not None:
            colour_card = card | {"model": "color-net"}
            save_weights(self.result.colour, path.with_name(COLOUR_FILE), colour_card)


def train_stage(
    data: str | Path,
    out: str | Path,
    config: FrufnConfig,
    *,
    resume: bool = False,
    on_step: OnStep | None = None,
) -> Path:
    """Train one stage, and return the weights' path. See `StageTrainer` for the arguments."""
    try:
        return StageTrainer(data, out, config, resume=resume, on_step=on_step).run()
    except WeightsError as error:
        raise TrainingError(
            f"The weights to start or learn from cannot be used: {error}"
        ) from error


def train_all_stages(
    data: str | Path,
    out: str | Path,
    recipe: str = "cpu",
    *,
    model: str = "efrufn",
    changes: Mapping[str, Value] | None = None,
    resume: bool = False,
    on_step: OnStep | None = None,
) -> list[Path]:
    """Train all stages in order, each in a folder of its name below `out`.

    Parameters
    ----------
    changes : mapping, optional
        Settings that override the recipe's in every stage.
    resume : bool
        Continue the interrupted stage. Finished stages are unchanged.

    Returns
    -------
    list of Path
        The weights of every stage.
    """
    paths: list[Path] = []
    for stage in STAGES:
        folder = Path(out) / stage
        weights = folder / WEIGHTS_FILE
        if resume and weights.exists():
            paths.append(weights)
            continue
        begun = resume and (folder / "checkpoint.ckpt").exists()
        if begun:
            config = FrufnConfig.from_file(folder / "config.json")
        else:
            teacher = paths[-1] if paths else None
            config = stage_recipe(recipe, stage, model=model, teacher=teacher, changes=changes)
        paths.append(train_stage(data, folder, config, resume=begun, on_step=on_step))
    return paths
