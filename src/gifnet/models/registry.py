"""The registry of networks: one line per folder. The engine and the API use no names of models."""

from __future__ import annotations

from importlib import import_module

from ..errors import InvalidInputError
from .spec import ModelSpec

#: The folders of networks. Each has its descriptors as `SPECS`.
_FOLDERS = (
    "gifnet",
    "frufn",
    "shares",
)
#: Every network that has weights files.
SPECS: dict[str, ModelSpec] = {
    spec.name: spec
    for folder in _FOLDERS
    for spec in import_module(f".{folder}", __package__).SPECS
}
#: Those that fuse.
MODELS: dict[str, ModelSpec] = {name: spec for name, spec in SPECS.items() if spec.fuses}


def model_spec(name: str) -> ModelSpec:
    """Return the descriptor of a model.

    Raises
    ------
    InvalidInputError
        If there is no model of that name.
    """
    if name not in MODELS:
        raise InvalidInputError(f"There is no model {name!r}; choose one of {sorted(MODELS)}.")
    return MODELS[name]


def require_share(name: str, why: str) -> None:
    """Refuse a model that returns no share of each source, with an `InvalidInputError`."""
    if not model_spec(name).has_share:
        with_share = [spec.name for spec in MODELS.values() if spec.has_share]
        raise InvalidInputError(f"Model {name!r} has no mask; use one of {with_share}, {why}.")
