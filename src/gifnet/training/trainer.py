"""The alternating training of GIFNet (paper, Fig. 3c and d)."""

from __future__ import annotations

import copy
import csv
import dataclasses
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import TrainingError, WeightsError
from ..models.gifnet import Branch, GIFNet, other
from ..models.heads import Fused
from ..models.registry import model_spec
from ..models.weights import load_weights, save_weights
from .config import TrainingConfig
from .data import Batch, JointDataset, read_scene
from .depth import DepthSource
from .information import InformationMeasure, make_information_measure
from .losses import deployed_loss, multi_modal_loss, photography_loss, public_loss, ssim
from .revive import revive_dead_channels

if TYPE_CHECKING:
    from lightning_fabric import Fabric

LOG_FIELDS = (
    "step", "seconds", "learning_rate", "mm_public", "mm_private", "dp_public", "dp_private",
    "dp_deployed", "gate_mm", "gate_dp", "psnr", "ssim",
)  # fmt: skip


def learning_rate_factor(step: int, config: TrainingConfig) -> float:
    """Return what the learning rate is multiplied by at a step."""
    if config.schedule == "constant":
        return 1.0
    warm_up = max(1, config.steps // 50)
    if step < warm_up:
        return (step + 1) / warm_up
    import math

    progress = (step - warm_up) / max(1, config.steps - warm_up)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))


class GIFNetTrainer:
    """Trains GIFNet and leaves everything that happened in a folder.

    Parameters
    ----------
    data : path
        The training images, see `gifnet.training.data`.
    out : path
        Where `config.json`, `log.csv`, `loss.png`, `checkpoint.ckpt` and, at the end,
        `weights.safetensors` go.
    config : TrainingConfig
    resume : bool
        Go on from the checkpoint in `out`, which must stem from the same configuration.
    on_step : callable, optional
        Called with (steps done, steps in all, the latest log row) after every step.
    depth, information : optional
        Replace the configuration's depth source and information measure.
    """

    def __init__(
        self,
        data: str | Path,
        out: str | Path,
        config: TrainingConfig,
        *,
        resume: bool = False,
        on_step: Callable[[int, int, dict[str, float]], None] | None = None,
        depth: DepthSource | None = None,
        information: InformationMeasure | None = None,
    ):
        self.config, self.out, self.on_step = config, Path(out), on_step
        self.dataset = JointDataset(data, config, depth)
        self.measure = information or make_information_measure(config.information)
        self.fabric = _make_fabric(config)
        self.fabric.seed_everything(config.seed, verbose=False)
        self.step = 0
        self.seconds = 0.0
        self.rows: list[dict[str, Any]] = []

        module = model_spec(config.model).build()
        assert isinstance(module, GIFNet)
        if config.start and not resume:
            module.load_state_dict(load_weights(config.start, config.model).state)
        if config.revive and not resume:
            self._revive(module)
        module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.module: GIFNet = module
        self.average = copy.deepcopy(module).requires_grad_(False) if config.ema else None
        optimizer = torch.optim.Adam(module.parameters(), lr=config.learning_rate)
        self.wrapped, self.optimizer = self.fabric.setup(module, optimizer)
        self.wrapped.mark_forward_method("training_forward")
        if self.average is not None:
            self.average.to(self.fabric.device)
        self._prepare_folder(resume)

    def _revive(self, module: GIFNet) -> None:
        """Revive decoder channels that are silent on the first batches, before any update."""
        batches = [self.dataset.sample(step) for step in range(4)]

        def run() -> None:
            for batch in batches:
                pair, auxiliary = _dp_inputs(batch, 1)
                module.training_forward(pair, auxiliary, "dp")
                module.training_forward(
                    (batch.infrared, batch.visible), (batch.first, batch.second), "mm"
                )

        revive_dead_channels(module.decoder.convs, run)

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
                f"{str(self.out)!r} already holds a run: pass resume to go on with it, or "
                "choose another folder."
            )
        (self.out / "config.json").write_text(self.config.to_json() + "\n", encoding="utf-8")

    def _load_checkpoint(self) -> None:
        path = self.checkpoint_path
        if not path.exists():
            raise TrainingError(f"There is no checkpoint {str(path)!r} to resume from.")
        try:
            state = torch.load(path, map_location=self.fabric.device, weights_only=True)
            saved, current = state["config"], dataclasses.asdict(self.config)
        except Exception as error:  # a damaged pickle raises nearly anything
            raise TrainingError(
                f"The checkpoint {str(path)!r} is damaged: {error}. Start again in another folder."
            ) from error
        # What says where and how often, and not what is computed, may change.
        free = {"checkpoint_every", "validate_every", "device", "devices"}
        if changed := sorted(k for k in current if k not in free and saved.get(k) != current[k]):
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
        temporary = self.checkpoint_path.with_suffix(".tmp")
        torch.save(state, temporary)
        os.replace(temporary, self.checkpoint_path)
        with (self.out / "log.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, LOG_FIELDS, restval="")
            writer.writeheader()
            writer.writerows(self.rows)

    # -- one step ---------------------------------------------------------------------

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
        self.optimizer.zero_grad(set_to_none=True)
        with self._frozen(other(main)):
            parts = losses()
            total = torch.stack(list(parts.values())).sum()
            if not torch.isfinite(total):
                values = {name: float(part.detach()) for name, part in parts.items()}
                raise TrainingError(
                    f"The {main} loss is not finite at step {self.step}: {values}. Lower "
                    "learning_rate or set clip_norm, and resume from the last checkpoint."
                )
            self.fabric.backward(total)
        if self.config.clip_norm:
            self.fabric.clip_gradients(
                self.wrapped, self.optimizer, max_norm=self.config.clip_norm,
                error_if_nonfinite=False,
            )  # fmt: skip
        self.optimizer.step()
        return {f"{main}_{name}": float(value.detach()) for name, value in parts.items()}

    def _update_mm(self, batch: Batch) -> dict[str, float]:
        def losses() -> dict[str, Tensor]:
            pair = (batch.infrared, batch.visible)
            out = self.wrapped.training_forward(pair, (batch.first, batch.second), "mm")
            fused = out.fused.image.float()
            return {
                "public": public_loss(out.reconstruction.float(), batch.visible),
                "private": multi_modal_loss(fused, *pair, self.measure),
            }

        return self._update("mm", losses)

    def _update_dp(self, batch: Batch) -> dict[str, float]:
        def losses() -> dict[str, Tensor]:
            # Adding multi-modal pairs to the batch costs less than a forward of their own.
            extra = 0
            if self.config.deployed_weight and self.config.deployed_share:
                extra = max(1, round(self.config.deployed_share * self.config.batch_size))
            pair, auxiliary = _dp_inputs(batch, extra)
            out = self.wrapped.training_forward(pair, auxiliary, "dp")
            count = self.config.batch_size
            fused, rec = out.fused.image.float(), out.reconstruction.float()
            parts = {
                "public": public_loss(rec[:count], batch.target),
                "private": photography_loss(
                    fused[:count], batch.target, self.config, _blend(out.fused, pair, count)
                ),
            }
            if extra:
                unsupervised = deployed_loss(fused[count:], pair[0][count:], pair[1][count:])
                parts["deployed"] = self.config.deployed_weight * unsupervised
            return parts

        return self._update("dp", losses)

    def _average_weights(self) -> None:
        if self.average is None:
            return
        # A young average follows faster, so the random start is soon forgotten.
        decay = min(self.config.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(
                list(self.average.parameters()), list(self.module.parameters()), 1 - decay
            )

    def _train_step(self) -> dict[str, float]:
        rate = self.config.learning_rate * learning_rate_factor(self.step, self.config)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        rank = self.fabric.global_rank
        updates = 1 + self.config.dp_updates
        draw = (self.dataset.sample(self.step * updates + i, rank) for i in range(updates))
        row = self._update_mm(next(draw).to(self.fabric.device))
        rows = [self._update_dp(batch.to(self.fabric.device)) for batch in draw]
        row |= {name: sum(r[name] for r in rows) / len(rows) for name in rows[0]}
        self._average_weights()
        row["learning_rate"] = rate
        row["gate_mm"] = float(self.module.gate["mm"].detach())
        row["gate_dp"] = float(self.module.gate["dp"].detach())
        return row

    # -- the run ----------------------------------------------------------------------

    @property
    def result(self) -> GIFNet:
        """The module to deploy: the averaged one where there is an average."""
        return self.module if self.average is None else self.average

    @torch.no_grad()
    def validate(self, limit: int | None = None) -> dict[str, float]:
        """Return the mean PSNR (dB) and SSIM on the held-back triplets, or nothing."""
        scores = []
        for scene in self.dataset.validation_triplets[:limit]:
            near, far, target = (
                torch.from_numpy(plane).to(self.fabric.device).float()[None, None] / 255
                for plane in read_scene(scene)
            )
            with self.fabric.autocast():
                fused = self.result(near, far).image
            fused = (fused.float().clamp(0, 1) * 255).round() / 255
            mse = max(float(F.mse_loss(fused, target)), 1e-10)
            scores.append((-10 * torch.log10(torch.tensor(mse)), ssim(fused, target).cpu()))
        if not scores:
            return {}
        psnr, similarity = torch.tensor(scores).mean(dim=0).tolist()
        return {"psnr": psnr, "ssim": similarity}

    def run(self) -> Path:
        """Train to the last step and return the path of the weights."""
        config = self.config
        began, before = time.perf_counter(), self.seconds
        try:
            while self.step < config.steps:
                row: dict[str, Any] = self._train_step()
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
        from .card import make_card
        from .plot import plot_log

        path = self.out / "weights.safetensors"
        if self.fabric.is_global_zero:
            plot_log(self.rows, self.out / "loss.png")
            save_weights(self.result, path, make_card(self))
        return path


def _blend(fused: Fused, pair: tuple[Tensor, Tensor], count: int) -> Tensor | None:
    """Return the first samples' blend of both sources without the residual, if there is one."""
    if fused.mask is None:
        return None
    first, second = pair[0][:count], pair[1][:count]
    return second + fused.mask[:count] * (first - second)


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


def _make_fabric(config: TrainingConfig) -> Fabric:
    try:
        from lightning_fabric import Fabric
        from lightning_fabric.strategies.ddp import DDPStrategy
    except ImportError as error:
        raise TrainingError(
            "Training needs extra packages: pip install 'napari-gifnet[training]'."
        ) from error
    # A frozen branch takes no part in an update; DDP must expect that.
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


def train_gifnet(
    data: str | Path, out: str | Path, config: TrainingConfig, **keywords: Any
) -> Path:
    """Train GIFNet; see `GIFNetTrainer` for the arguments. Returns the weights' path."""
    try:
        return GIFNetTrainer(data, out, config, **keywords).run()
    except WeightsError as error:
        raise TrainingError(f"The starting weights cannot be used: {error}") from error
