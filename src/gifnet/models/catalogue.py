"""The list of models, with their weights and cards."""

from __future__ import annotations

from dataclasses import dataclass

from .registry import MODELS
from .spec import ModelSpec
from .weights import load_weights


@dataclass(frozen=True)
class BundledWeights:
    """A file of bundled weights: its name, sha256 and model card."""

    name: str
    sha256: str
    card: dict[str, object]


@dataclass(frozen=True)
class ModelInfo:
    """A model as `list_models` describes it.

    `bundled`, `sha256` and `card` describe weights that serve all tasks. `by_task` has the weights
    of a model with one file per task.
    """

    name: str
    title: str
    paper: str
    has_mask: bool
    bundled: bool
    sha256: str | None
    card: dict[str, object]
    by_task: dict[str, BundledWeights]


def list_models() -> list[ModelInfo]:
    """Return every model, with the sha256 and card of its bundled weights."""
    models = []
    for spec in MODELS.values():
        bundled = spec.has_weights()
        weights = load_weights(None, spec.name) if bundled else None
        models.append(
            ModelInfo(
                spec.name,
                spec.title,
                spec.paper,
                spec.has_share,
                bundled,
                weights.sha256 if weights else None,
                weights.card if weights else {},
                {task: _bundled(spec, task) for task in spec.tasks()},
            )
        )
    return models


def _bundled(spec: ModelSpec, task: str) -> BundledWeights:
    weights = load_weights(None, spec.name, task)
    return BundledWeights(spec.bundled_name(task), weights.sha256, weights.card)
