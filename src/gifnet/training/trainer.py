"""The base class of all trainers.

The trainer of a network is a subclass of `Trainer` and defines one step. `Trainer` has the output
folder, checkpoints, averaged weights, validation, log and model card.
"""

from __future__ import annotations

import copy
import csv
import dataclasses
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import TrainingError
from ..io.atomic import write_atomically
from ..models.weights import save_weights
from .log_plot import plot_log
from .losses import ssim
from .model_card import make_card
from .settings import RunSettings, learning_rate_factor

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Config = TypeVar("Config", bound=RunSettings)
Network = TypeVar("Network", bound=nn.Module)
#: Called with (steps done, total steps, latest log row) after every step.
OnStep = Callable[[int, int, dict[str, float]], None]

WEIGHTS_FILE = "weights.safetensors"
#: Settings that do not change the result.
FREE = {"checkpoint_every", "validate_every", "device", "devices"}


class Trainer(ABC, Generic[Network, Config]):
    """Trains a network, and writes weights, log and checkpoints to a folder.

    Parameters
    ----------
    out : path
        The folder of `config.json`, `log.csv`, `loss.png`, `checkpoint.ckpt` and, at the end,
        `weights.safetensors`.
    config : RunSettings
    resume : bool
        Continue from the checkpoint in `out`, which must have the same configuration.
    on_step : callable, optional
    """

    #: columns of the log
    log_fields: tuple[str, ...]
    #: names of the losses that the plot shows
    plotted: tuple[str, ...]

    def __init__(
        self,
        out: str | Path,
        config: Config,
        *,
        resume: bool = False,
        on_step: OnStep | None = None,
    ):
        self.config, self.out, self.on_step = config, Path(out), on_step
        self.fabric = make_fabric(config)
        self.fabric.seed_everything(config.seed, verbose=False)
        self.step = 0
        self.seconds = 0.0
        self.rows: list[dict[str, float]] = []

        module = self.make_network(resume)
        module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.module: Network = module
        self.average = copy.deepcopy(module).requires_grad_(False) if config.ema else None
        optimizer = torch.optim.Adam(module.parameters(), lr=config.learning_rate)
        self.wrapped, self.optimizer = self.fabric.setup(module, optimizer)
        if self.average is not None:
            self.average.to(self.fabric.device)
        self._prepare_folder(resume)

    # -- for subclasses ----------------------------------------------------------------

    @abstractmethod
    def make_network(self, resume: bool) -> Network:
        """Return the module to train, with its starting weights unless a run is resumed."""

    @abstractmethod
    def train_step(self) -> dict[str, float]:
        """Update the network once and return the step's part of the log row."""

    @abstractmethod
    def validate(self, limit: int | None = None) -> dict[str, float]:
        """Return scores on held-back scenes, at most `limit` of them."""

    @abstractmethod
    def training_sets(self) -> Mapping[str, int]:
        """Return the number of training scenes of each data set."""

    @abstractmethod
    def held_back(self) -> list[str]:
        """Return the names of the held-back scenes."""

    def card_details(self) -> dict[str, object]:
        """Return the entries of the model card that are specific to the network."""
        return {}

    def save_result(self, path: Path) -> None:
        """Write the trained weights."""
        save_weights(self.result, path, make_card(self))

    # -- the folder -------------------------------------------------------------------

    @property
    def checkpoint_path(self) -> Path:
        return self.out / "checkpoint.ckpt"

    def _prepare_folder(self, resume: bool) -> None:
        self.out.mkdir(parents=True, exist_ok=True)
        if resume:
            self._load_checkpoint()
        elif self.checkpoint_path.exists():
            raise TrainingError(
                f"{str(self.out)!r} already contains a run: pass resume to continue it, or "
                "choose another folder."
            )
        (self.out / "config.json").write_text(self.config.to_json() + "\n", encoding="utf-8")

    def _load_checkpoint(self) -> None:
        path = self.checkpoint_path
        if not path.exists():
            raise TrainingError(f"There is no checkpoint {str(path)!r} to resume from.")
        try:
            state = torch.load(path, map_location=self.fabric.device, weights_only=True)
            # Settings that are newer than the checkpoint have their defaults.
            saved = dataclasses.asdict(type(self.config)()) | state["config"]
            current = dataclasses.asdict(self.config)
        except Exception as error:  # a damaged pickle raises nearly anything
            raise TrainingError(
                f"The checkpoint {str(path)!r} is damaged: {error}. Start again in another folder."
            ) from error
        if changed := sorted(k for k in current if k not in FREE and saved.get(k) != current[k]):
            raise TrainingError(
                f"The checkpoint {str(path)!r} was made with other settings of {changed}; "
                "resume with its config.json."
            )
        self.module.load_state_dict(state["module"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.step, self.seconds, self.rows = state["step"], state["seconds"], state["rows"]

    def _save_checkpoint(self) -> None:
        if not self.fabric.is_global_zero:
            return
        state = {
            "config": dataclasses.asdict(self.config),
            "module": self.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.state_dict() if self.average is not None else {},
            "step": self.step,
            "seconds": self.seconds,
            "rows": self.rows,
        }
        write_atomically(self.checkpoint_path, lambda path: torch.save(state, path))
        with (self.out / "log.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self.log_fields, restval="")
            writer.writeheader()
            writer.writerows(self.rows)

    # -- one step ---------------------------------------------------------------------

    def update(self, losses: Callable[[], dict[str, Tensor]], what: str = "") -> dict[str, float]:
        """Take one optimiser step down the sum of the losses and return their values."""
        self.optimizer.zero_grad(set_to_none=True)
        parts = losses()
        total = torch.stack(list(parts.values())).sum()
        if not torch.isfinite(total):
            values = {name: float(part.detach()) for name, part in parts.items()}
            raise TrainingError(
                f"The {what} loss is not finite at step {self.step}: {values}. Lower "
                "learning_rate or set clip_norm, and resume from the last checkpoint."
            )
        self.fabric.backward(total)
        if self.config.clip_norm:
            self.fabric.clip_gradients(
                self.wrapped, self.optimizer, max_norm=self.config.clip_norm,
                error_if_nonfinite=False,
            )  # fmt: skip
        self.optimizer.step()
        return {name: float(value.detach()) for name, value in parts.items()}

    def _average_weights(self) -> None:
        if self.average is None:
            return
        # At the start the average follows faster, so the random weights lose their influence.
        decay = min(self.config.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(
                list(self.average.parameters()), list(self.module.parameters()), 1 - decay
            )

    def advance(self) -> dict[str, float]:
        """Do one step: learning rate, updates, average."""
        rate = self.config.learning_rate * learning_rate_factor(self.step, self.config)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        row = self.train_step()
        self._average_weights()
        return row | {"learning_rate": rate}

    # -- the run ----------------------------------------------------------------------

    @property
    def result(self) -> Network:
        """The trained module: the averaged one if there is an average."""
        return self.module if self.average is None else self.average

    def run(self) -> Path:
        """Train to the last step, and return the path of the weights."""
        config = self.config
        weights = self.out / WEIGHTS_FILE
        if self.step >= config.steps and weights.exists():
            return weights  # a finished run, whose weights stay as they are
        began, before = time.perf_counter(), self.seconds
        try:
            while self.step < config.steps:
                row = self.advance()
                self.step += 1
                last = self.step == config.steps
                if last or self.step % config.validate_every == 0:
                    row |= self.validate(None if last else 12)
                self.seconds = before + time.perf_counter() - began
                row |= {"step": self.step, "seconds": round(self.seconds, 1)}
                self.rows.append(row)
                if self.on_step is not None and self.fabric.is_global_zero:
                    self.on_step(self.step, config.steps, row)
                if last or self.step % config.checkpoint_every == 0:
                    self._save_checkpoint()
        except KeyboardInterrupt:
            self._save_checkpoint()
            raise
        return self._finish()

    def _finish(self) -> Path:
        path = self.out / WEIGHTS_FILE
        if self.fabric.is_global_zero:
            plot_log(self.rows, self.out / "loss.png", self.plotted)
            self.save_result(path)
        return path


@torch.no_grad()
def score_pairs(
    scenes: Iterable[tuple[np.ndarray, ...]],
    fuse: Callable[[Tensor, Tensor], Tensor],
    fabric: Fabric,
) -> dict[str, float]:
    """Return the mean PSNR (dB) and SSIM of fused uint8 pairs to a third plane, in 8 bits."""
    scores = []
    for planes in scenes:
        first, second, target = (
            torch.from_numpy(plane).to(fabric.device).float()[None, None] / 255 for plane in planes
        )
        with fabric.autocast():
            fused = fuse(first, second)
        fused = (fused.float().clamp(0, 1) * 255).round() / 255
        mse = max(float(F.mse_loss(fused, target)), 1e-10)
        scores.append((-10 * torch.log10(torch.tensor(mse)), ssim(fused, target).cpu()))
    if not scores:
        return {}
    psnr, similarity = torch.tensor(scores).mean(dim=0).tolist()
    return {"psnr": psnr, "ssim": similarity}


@torch.no_grad()
def score_by_loss(
    pairs: Iterable[tuple[np.ndarray, ...]],
    fuse: Callable[[Tensor, Tensor], Tensor],
    loss: Callable[[Tensor, Tensor, Tensor], Tensor],
    fabric: Fabric,
    size: int = 192,
) -> dict[str, float]:
    """Return the mean loss of fused uint8 pairs, of (fused, first, second) in their middle."""
    losses = []
    for planes in pairs:
        top, left = (max(0, (length - size) // 2) for length in planes[0].shape)
        middles = (plane[top : top + size, left : left + size] for plane in planes)
        first, second = (
            torch.from_numpy(np.ascontiguousarray(each)).to(fabric.device).float()[None, None] / 255
            for each in middles
        )
        with fabric.autocast():
            fused = fuse(first, second).float()
        losses.append(float(loss(fused, first, second)))
    return {"held_back_loss": sum(losses) / len(losses)} if losses else {}


def make_fabric(config: RunSettings) -> Fabric:
    """Return lightning-fabric for a run, launched.

    Raises
    ------
    TrainingError
        If it is not installed, or cannot compute with these settings.
    """
    try:
        from lightning_fabric import Fabric
        from lightning_fabric.strategies.ddp import DDPStrategy
    except ImportError as error:
        raise TrainingError(
            "Training needs extra packages: pip install 'napari-gifnet[training]'."
        ) from error
    # Frozen parameters get no gradient; DDP must expect that.
    strategy: Any = DDPStrategy(find_unused_parameters=True) if config.devices > 1 else "auto"
    try:
        fabric = Fabric(
            accelerator=config.device, devices=config.devices, strategy=strategy,
            precision=config.precision,  # type: ignore[arg-type]
        )  # fmt: skip
        fabric.launch()
    except (ValueError, RuntimeError) as error:
        raise TrainingError(
            f"Cannot train on device {config.device!r} with {config.devices} device(s) in "
            f"precision {config.precision!r}: {error}"
        ) from error
    return fabric
