"""The options of a fusion: one frozen dataclass for the API, the CLI and the widgets."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, cast

from .errors import InvalidInputError
from .models.registry import model_spec
from .tasks import TASKS, best_model
from .validation import (
    as_integer,
    as_number,
    as_tuples,
    is_auto,
    is_integer,
    require_choice,
    require_path,
)

Range: TypeAlias = tuple[float, float]
ValueRange: TypeAlias = Literal["auto", "dtype"] | Range | tuple[Range | str, Range | str]
Overshoot: TypeAlias = float | Literal["auto"] | None


CHROMA_CHOICES = ("auto", "first", "second", "blend", "none")
PRECISION_CHOICES = ("auto", "float32", "tf32", "bfloat16", "float16")
STATISTICS_CHOICES = ("exact", "sampled")
#: What a single image may overshoot when it is enhanced: invisible at an edge.
ENHANCED_OVERSHOOT = 0.03


def _option(default: Any, help: str) -> Any:
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True)
class FuseOptions:
    """Everything that decides what `fuse` and `enhance` compute, given the images.

    Each field's help text, shown by the CLI and the widgets, is in its metadata.

    Raises
    ------
    InvalidInputError
        If a value is not one of those allowed.
    """

    task: str | None = _option(None, "The fusion task, which puts roles on the two sources.")
    model: str = _option(
        "gifnet",
        "The model's registry name, or best: that of the best measured quality for the task.",
    )
    weights: str | None = _option(
        None, "A .safetensors file or an authors' checkpoint; the bundled weights if left out."
    )
    device: str = _option("auto", "Where to compute: auto, cpu, cuda, cuda:1, mps.")
    precision: str = _option(
        "auto",
        "Number format of the network: auto (bfloat16 for 8-bit images where the hardware has "
        "it, float32 otherwise), float32, tf32 (CUDA: float32 with products rounded to 10 bits), "
        "bfloat16 or float16 (not on the CPU).",
    )
    statistics: str = _option(
        "exact",
        "How the network's whole-image statistics are found for tiled images: exact (every "
        "pixel) or sampled (a subset of tiles; faster, approximate).",
    )
    tile: int | Literal["auto"] = _option(
        "auto", "Side of the tiles in pixels, a multiple of 8; auto chooses, 0 turns tiling off."
    )
    memory: int | Literal["auto"] = _option(
        "auto",
        "Bytes that the network's features may take: with more, larger images are computed in one "
        "piece, which is faster. The result is the same, with frufn and efrufn nearly. For those "
        "two it is all that they take: auto is what is free, and half of it for tiles.",
    )
    value_range: ValueRange = _option(
        "auto",
        "What maps to the network's [0, 1]: auto (the type's range for uint8, each source's own "
        "minimum and maximum otherwise), dtype, (low, high), or one of these per source.",
    )
    channel_axis: int | Literal["auto"] | None = _option(
        "auto", "The axis of RGB(A) channels; None for grey images."
    )
    chroma: str = _option(
        "auto",
        "Whose colour the result has: auto (the coloured source's, blended if both are), "
        "first, second, blend, or none (grey).",
    )
    overshoot: Overshoot = _option(
        "auto",
        "How far the result's luminance may pass what both sources have in the 5 x 5 pixels "
        "around, in parts of their local range; 0 invents no extremes. auto is 0.03 for single "
        "images, which keeps their edges free of halos, and no limit for two.",
    )

    def __post_init__(self) -> None:
        if self.task is not None:
            require_choice("task", self.task, TASKS)
        if not isinstance(self.model, str):
            raise InvalidInputError(f"model is {self.model!r}; give the name of one, or 'best'.")
        if self.model == "best":
            # Resolved here, so that records of a run say which model it was.
            object.__setattr__(self, "model", best_model(self.task))
        model_spec(self.model)
        require_choice("chroma", self.chroma, CHROMA_CHOICES)
        require_choice("precision", self.precision, PRECISION_CHOICES)
        require_choice("statistics", self.statistics, STATISTICS_CHOICES)
        if self.weights is not None:
            path = require_path("weights", self.weights, "None for the bundled weights")
            object.__setattr__(self, "weights", path)
        object.__setattr__(self, "device", str(self.device))  # takes a torch.device too
        for name in ("tile", "memory", "channel_axis"):
            object.__setattr__(self, name, as_integer(getattr(self, name)))
        object.__setattr__(self, "value_range", as_tuples(self.value_range))
        if not _is_size(self.tile):
            raise InvalidInputError(
                f"tile is {self.tile!r}; use 'auto', a side in pixels, or 0 for no tiles."
            )
        if not _is_size(self.memory):
            raise InvalidInputError(
                f"memory is {self.memory!r}; use 'auto' or a number of bytes, such as 2 * 1024**3."
            )
        object.__setattr__(self, "overshoot", _overshoot(self.overshoot))
        axis = self.channel_axis
        if axis is not None and not is_auto(axis) and not is_integer(axis):
            raise InvalidInputError(f"channel_axis is {axis!r}; use 'auto', None or an integer.")

    def for_one_image(self) -> FuseOptions:
        """Return the options with which the fusion of an image with itself enhances it."""
        limit = ENHANCED_OVERSHOOT if self.overshoot == "auto" else self.overshoot
        return dataclasses.replace(self, overshoot=limit)

    def to_dict(self) -> dict[str, Any]:
        """Return the options as plain values, for provenance records."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FuseOptions:
        """Return options from a provenance record, refusing names that do not exist."""
        known = {f.name for f in dataclasses.fields(cls)}
        if unknown := sorted(set(values) - known):
            raise InvalidInputError(f"Unknown options {unknown}; known are {sorted(known)}.")
        return cls(**values)


def _overshoot(value: Any) -> Overshoot:
    if value is None or is_auto(value):
        return cast(Overshoot, value)
    share = as_number(value)
    if not 0 <= share < math.inf:
        raise InvalidInputError(
            f"overshoot is {value!r}; use 'auto', a share of the local range such as 0.03, or None "
            "for no limit."
        )
    return share


def _is_size(value: Any) -> bool:
    return (is_integer(value) and value >= 0) or is_auto(value)
