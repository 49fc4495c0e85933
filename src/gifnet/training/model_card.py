"""The model card that a training run writes into its weights."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import WeightsError
from .starting_weights import read_start

if TYPE_CHECKING:
    from .settings import RunSettings
    from .trainer import Trainer

#: columns of the log that are scores on held-back scenes
SCORES = ("psnr", "ssim", "held_back_loss")


def make_card(trainer: Trainer[Any, Any]) -> dict[str, object]:
    """Return the model card of a run: data, recipe, time, machine, measured quality."""
    import torch

    device = trainer.fabric.device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    return {
        "model": trainer.config.model,
        # Paths are properties of the machine, not of the recipe.
        "recipe": dataclasses.asdict(trainer.config)
        | {
            name: Path(getattr(trainer.config, name)).name
            for name in ("start", "depth", "teacher")
            if hasattr(trainer.config, name)
        },
        "steps_done": trainer.step,
        "training_scenes": dict(trainer.training_sets()),
        "held_back": trainer.held_back(),
        "seconds": round(trainer.seconds),
        "device": f"{device.type}: {name}",
        "torch": torch.__version__,
        "date": datetime.now(UTC).date().isoformat(),
        "validation": {k: v for k, v in trainer.rows[-1].items() if k in SCORES}
        if trainer.rows
        else {},
        "started_from": _parent(trainer.config),
        **trainer.card_details(),
    }


def curves(
    rows: Sequence[Mapping[str, float]], names: Sequence[str], points: int = 40
) -> dict[str, list[list[float]]]:
    """Return a log's columns as [step, mean] over about `points` intervals of the run."""
    found: dict[str, list[list[float]]] = {}
    for name in names:
        logged = [
            (row["step"], row[name]) for row in rows if isinstance(row.get(name), (int, float))
        ]
        width = max(1, -(-len(logged) // points))
        stretches = [logged[start : start + width] for start in range(0, len(logged), width)]
        if stretches:
            found[name] = [
                [part[-1][0], float(f"{sum(value for _, value in part) / len(part):.4g}")]
                for part in stretches
            ]
    return found


def _parent(config: RunSettings) -> dict[str, object]:
    """Return the hash and card of the weights that a run started from; empty for none."""
    if not config.parent:
        return {}
    try:
        weights = read_start(config.parent, config.model)
    except WeightsError:
        # A resumed run no longer needs them.
        return {"source": Path(config.parent).name}
    return {"sha256": weights.sha256, "card": weights.card}
