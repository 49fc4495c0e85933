"""What models there are, with their weights and cards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .models.registry import MODELS


@dataclass(frozen=True)
class ModelInfo:
    """A model as `list_models` describes it."""

    name: str
    title: str
    paper: str
    has_mask: bool
    bundled: bool
    sha256: str | None
    card: dict[str, Any]


def list_models() -> list[ModelInfo]:
    """Return every model, with the sha256 and card of its bundled weights."""
    from .models.weights import load_weights

    models = []
    for spec in MODELS.values():
        bundled = spec.bundled_weights() is not None
        weights = load_weights(None, spec.name) if bundled else None
        models.append(
            ModelInfo(
                spec.name,
                spec.title,
                spec.paper,
                spec.has_mask,
                bundled,
                weights.sha256 if weights else None,
                weights.card if weights else {},
            )
        )
    return models
