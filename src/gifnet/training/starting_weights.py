"""Starting weights, also from a smaller network."""

from __future__ import annotations

import re

import torch
from torch import Tensor, nn

from ..models.frufn.frufn import FRUFN
from ..models.weights import Weights, load_weights

#: Stands for the path of the weights in the package.
BUNDLED = "bundled"
_UNIT = re.compile(r"unit\.(.+)")
_TRANSFORM_END = "transform.layers.2.weight"


def read_start(start: str, model: str) -> Weights:
    """Return the weights of a path, or the model's bundled ones for `BUNDLED`."""
    return load_weights(None, model) if start == BUNDLED else load_weights(start)


def starting_state(path: str, model: str, module: nn.Module) -> dict[str, Tensor]:
    """Return the state dict of a weights file, or `BUNDLED`, for a model to start from.

    It is the file's own state dict. EFRUFN's weights can also start a FRUFN, see `untied`.

    Raises
    ------
    WeightsError
        If the file cannot be read, or its model cannot start this one.
    """
    found = read_start(path, model)
    if found.model == model:
        return found.state
    if isinstance(module, FRUFN) and found.model == model.replace("frufn", "efrufn"):
        return untied(found.state, len(module.units))
    return load_weights(path, model).state  # which refuses them


def untied(state: dict[str, Tensor], units: int) -> dict[str, Tensor]:
    """Return the state of a FRUFN whose units are copies of the one unit of an EFRUFN.

    The last layer of the transformation is zero in all units except the last. So the features are
    F2 until the last unit, and the units equal `units` steps of plain iteration from a mask of
    zeros: M = G(F1 - F2, last M).
    """
    changed = {}
    for name, value in state.items():
        if name.startswith("unread."):  # only EFRUFN's published form has it
            continue
        if (inside := _UNIT.fullmatch(name)) is None:
            changed[name] = value
            continue
        for index in range(units):
            ends = inside[1] == _TRANSFORM_END and index < units - 1
            changed[f"units.{index}.{inside[1]}"] = torch.zeros_like(value) if ends else value
    return changed
