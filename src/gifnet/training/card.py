"""The model card that a training run writes into its weights."""

from __future__ import annotations

import dataclasses
import platform
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import WeightsError
from ..models.weights import load_weights

if TYPE_CHECKING:
    from .config import TrainingConfig
    from .trainer import GIFNetTrainer


def make_card(trainer: GIFNetTrainer) -> dict[str, Any]:
    """Return what is known about a run: data, recipe, time, machine, measured quality."""
    import torch

    dataset = trainer.dataset
    sets = Counter(scene.dataset.name for scene in (*dataset.pairs, *dataset.training_triplets))
    device = trainer.fabric.device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    return {
        "model": trainer.config.model,
        # Paths say something of the machine and nothing of the recipe.
        "recipe": dataclasses.asdict(trainer.config)
        | {name: Path(getattr(trainer.config, name)).name for name in ("start", "depth")},
        "steps_done": trainer.step,
        "training_scenes": dict(sets),
        "held_back": [scene.name for scene in dataset.validation_triplets],
        "seconds": round(trainer.seconds),
        "device": f"{device.type}: {name}",
        "torch": torch.__version__,
        "date": datetime.now(UTC).date().isoformat(),
        "validation": {k: v for k, v in trainer.rows[-1].items() if k in ("psnr", "ssim")}
        if trainer.rows
        else {},
        "gate": {k: float(v.detach()) for k, v in trainer.result.gate.items()},
        "started_from": _parent(trainer.config),
    }


def _parent(config: TrainingConfig) -> dict[str, Any]:
    """Return the hash and card of the weights that a run started from; empty for none."""
    if not config.start:
        return {}
    try:
        weights = load_weights(config.start, config.model)
    except WeightsError:
        # A resumed run no longer needs them.
        return {"source": Path(config.start).name}
    return {"sha256": weights.sha256, "card": weights.card}
