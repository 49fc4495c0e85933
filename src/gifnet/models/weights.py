"""Reading and writing of weights: safetensors, and pickled state dicts of the authors.

The header of a safetensors file contains the model card as JSON, so weights and card stay
together.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from ..errors import InvalidInputError, WeightsError
from ..io.atomic import write_atomically
from ..tasks import DEFAULT_MODEL
from .registry import MODELS, SPECS, model_spec
from .spec import ModelSpec


@dataclass(frozen=True)
class Weights:
    """A state dict with its origin.

    Attributes
    ----------
    model : str
        The registry name of the model that they belong to.
    state : dict of str to Tensor
        Tensors under this package's names.
    source : str
        The file's path, or "bundled:NAME".
    sha256 : str
        The hash of the file's bytes.
    card : dict
        The model card; empty for files without one.
    """

    model: str
    state: dict[str, Tensor]
    source: str
    sha256: str
    card: dict[str, object]


def recognise(state: Mapping[str, Tensor]) -> str:
    """Return the registry name of the model with a state dict's keys and shapes.

    Raises
    ------
    WeightsError
        If they belong to no known model.
    """
    shapes = {key: tuple(value.shape) for key, value in state.items()}
    known = {}
    for name in SPECS:
        known[name] = _expected_shapes(name)
        if shapes == known[name]:
            return name
    nearest = known[max(known, key=lambda name: len(shapes.items() & known[name].items()))]
    missing = sorted(set(nearest) - set(shapes))
    unexpected = sorted(set(shapes) - set(nearest))
    wrong = sorted(k for k in set(nearest) & set(shapes) if nearest[k] != shapes[k])
    raise WeightsError(
        f"The weights belong to no known model ({', '.join(MODELS)}). Compared with the "
        f"nearest one: missing {_some(missing)}; unexpected {_some(unexpected)}; of another shape "
        f"{_some(wrong)}. Use weights of one of these models."
    )


def _some(names: list[str], limit: int = 3) -> str:
    if not names:
        return "none"
    rest = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + rest


def _build(name: str) -> nn.Module:
    """Return a network with random weights, without a change of the caller's random state."""
    with torch.random.fork_rng(devices=[]):
        return SPECS[name].build()


@lru_cache
def _expected_shapes(name: str) -> dict[str, tuple[int, ...]]:
    # On the CPU, because the meta device imports PyTorch's compiler, which takes seconds.
    state = _build(name).state_dict()
    return {key: tuple(value.shape) for key, value in state.items()}


def load_weights(
    weights: str | Path | None, model: str | None = None, task: str | None = None
) -> Weights:
    """Load weights, of a given model or of the one that the file belongs to.

    Parameters
    ----------
    weights : None, str or Path
        None for the bundled weights, or a path to a safetensors file or to an authors'
        checkpoint (a pickled state dict, loaded without running any code in it).
    model : str, optional
        The registry name. By default the model is recognised from the file, and bundled weights
        are those of the default model.
    task : str, optional
        The task, for models with bundled weights per task.

    Raises
    ------
    WeightsError
        If the file is missing, unreadable, or belongs to another model.
    """
    if model is not None and model not in SPECS:
        model_spec(model)
    if weights is None:
        model = model or DEFAULT_MODEL
        data, source = _bundled(SPECS[model], task)
    else:
        path = Path(weights).expanduser()
        source = str(path)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise WeightsError(
                f"There is no weights file {source!r}. Give the path of a .safetensors file or "
                "of the authors' checkpoint, or leave weights out to use the bundled ones."
            ) from None
        except OSError as error:
            raise WeightsError(f"Cannot read the weights file {source!r}: {error}") from error
    state, card = _parse(data, source)
    found = recognise(state)
    if model not in (None, found):
        raise WeightsError(
            f"The weights {source!r} belong to model {found!r}, not {model!r}; "
            f"pass model={found!r}."
        )
    bad = [key for key, value in state.items() if not bool(value.isfinite().all())]
    if bad:
        raise WeightsError(f"The weights {source!r} are not finite in {_some(bad)}.")
    return Weights(found, state, source, hashlib.sha256(data).hexdigest(), card)


def _bundled(spec: ModelSpec, task: str | None) -> tuple[bytes, str]:
    path = spec.bundled_weights(task)
    if path is not None:
        return path.read_bytes(), f"bundled:{spec.bundled_name(task)}"
    if spec.tasks():
        raise WeightsError(
            f"Model {spec.name!r} has weights of its own for every task, and none for task "
            f"{task!r}: pass task=, one of {list(spec.tasks())}, or weights=PATH."
        )
    with_weights = [s.name for s in MODELS.values() if s.has_weights() or s.tasks()]
    raise WeightsError(
        f"No weights are bundled for model {spec.name!r}: pass weights=PATH, for instance of "
        f"the authors' checkpoint. Models with bundled weights: {with_weights}."
    )


def _parse(data: bytes, source: str) -> tuple[dict[str, Tensor], dict[str, object]]:
    # A safetensors file begins with its header's length, which may equal the first bytes of a
    # pickle or a zip archive. Its ninth byte is always the header's brace.
    if data[8:9] != b"{" and (data[:2] == b"PK" or data[:1] == b"\x80"):
        return _parse_pickle(data, source), {}
    try:
        state = load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        card = json.loads(header.get("__metadata__", {}).get("card", "{}"))
    except (SafetensorError, ValueError, KeyError) as error:
        raise WeightsError(
            f"The weights file {source!r} is damaged or no weights file: {error}"
        ) from error
    return state, card


def _parse_pickle(data: bytes, source: str) -> dict[str, Tensor]:
    try:
        state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle raises nearly anything
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(
            f"The checkpoint {source!r} is damaged or contains more than tensors: {reason}"
        ) from error
    if not isinstance(state, dict) or not all(
        isinstance(key, str) and torch.is_tensor(value) for key, value in state.items()
    ):
        raise WeightsError(f"The checkpoint {source!r} contains no state dict of tensors.")
    for spec in SPECS.values():
        if spec.checkpoint is not None and spec.checkpoint.is_published(state):
            return spec.checkpoint.translate(state)
    return dict(state)


def build_model(weights: Weights) -> nn.Module:
    """Return the model with its weights, in evaluation mode on the CPU."""
    module = _build(weights.model)
    module.load_state_dict(weights.state)
    return module.eval().requires_grad_(False)


def load_for_inference(weights: Weights) -> nn.Module:
    """Return the model with its weights, wrapped as its model card requires."""
    return SPECS[weights.model].for_inference(build_model(weights), weights.card)


def save_weights(module: nn.Module, path: str | Path, card: Mapping[str, object]) -> str:
    """Write a module's weights and model card as safetensors, and return their sha256.

    The file appears under its name only when it is complete.

    Raises
    ------
    InvalidInputError
        If the module belongs to no registered model.
    WriteError
        If the file cannot be written.
    """
    state = {key: value.detach().cpu().contiguous() for key, value in module.state_dict().items()}
    try:
        recognise(state)
    except WeightsError as error:
        raise InvalidInputError(f"Only registered models can be saved: {error}") from error
    # A single entry, because safetensors writes several in random order, and equal weights should
    # have equal hashes.
    data = save(state, {"card": json.dumps(dict(card))})

    def write(temporary: Path) -> None:
        temporary.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data)

    write_atomically(Path(path), write)
    return hashlib.sha256(data).hexdigest()
