"""The options of a fusion: one frozen dataclass for the API, the CLI and the widgets."""

from __future__ import annotations

import dataclasses
import math
import operator
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from .errors import InvalidInputError, require_choice
from .models.registry import best_model, model_spec

Range: TypeAlias = tuple[float, float]
ValueRange: TypeAlias = Literal["auto", "dtype"] | Range | tuple[Range | str, Range | str]
Overshoot: TypeAlias = float | Literal["auto"] | None


@dataclass(frozen=True)
class Task:
    """A preset: what the two sources of a fusion task are called.

    GIFNet needs no task: one network serves all. The preset says which image is the first
    and which the second source, and how a person would call them.
    """

    name: str
    title: str
    first: str
    second: str


TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Task("ivif", "Infrared and visible", "Infrared", "Visible"),
        Task("nir", "Near-infrared and visible", "Near-infrared", "Visible"),
        Task("medical", "Medical (PET, SPECT or CT and MRI)", "PET, SPECT or CT", "MRI"),
        Task("mfif", "Multi-focus", "Near focus", "Far focus"),
        Task("meif", "Multi-exposure", "Over-exposed", "Under-exposed"),
        Task("pansharpen", "Pansharpening", "Multispectral", "Panchromatic"),
    )
}

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
            require_choice("task", self.task, tuple(TASKS))
        if self.model == "best":
            # Resolved here, so that records of a run say which model it was.
            object.__setattr__(self, "model", best_model(self.task))
        model_spec(self.model)
        require_choice("chroma", self.chroma, CHROMA_CHOICES)
        require_choice("precision", self.precision, PRECISION_CHOICES)
        require_choice("statistics", self.statistics, STATISTICS_CHOICES)
        if self.weights is not None:
            try:
                object.__setattr__(self, "weights", os.fspath(self.weights))
            except TypeError:
                raise InvalidInputError(
                    f"weights is {self.weights!r}; give a path, or None for the bundled weights."
                ) from None
        object.__setattr__(self, "device", str(self.device))  # takes a torch.device too
        for name in ("tile", "memory", "channel_axis"):
            value = getattr(self, name)
            if hasattr(value, "__index__") and not isinstance(value, bool):
                object.__setattr__(self, name, operator.index(value))
        if self.tile != "auto" and (
            isinstance(self.tile, bool) or not isinstance(self.tile, int) or self.tile < 0
        ):
            raise InvalidInputError(
                f"tile is {self.tile!r}; use 'auto', a side in pixels, or 0 for no tiles."
            )
        if self.memory != "auto" and (
            isinstance(self.memory, bool) or not isinstance(self.memory, int) or self.memory < 0
        ):
            raise InvalidInputError(
                f"memory is {self.memory!r}; use 'auto' or a number of bytes, such as 2 * 1024**3."
            )
        object.__setattr__(self, "overshoot", _overshoot(self.overshoot))
        axis = self.channel_axis
        if axis not in ("auto", None) and (isinstance(axis, bool) or not isinstance(axis, int)):
            raise InvalidInputError(f"channel_axis is {axis!r}; use 'auto', None or an integer.")

    def for_one_image(self) -> FuseOptions:
        """Return the options with which the fusion of an image with itself enhances it."""
        limit = ENHANCED_OVERSHOOT if self.overshoot == "auto" else self.overshoot
        return dataclasses.replace(self, overshoot=limit)

    def to_dict(self) -> dict[str, Any]:
        """Return the options as plain values, for provenance records."""
        return {name: _plain(value) for name, value in dataclasses.asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FuseOptions:
        """Return options from a provenance record, refusing names that do not exist."""
        known = {f.name for f in dataclasses.fields(cls)}
        if unknown := sorted(set(values) - known):
            raise InvalidInputError(f"Unknown options {unknown}; known are {sorted(known)}.")
        # JSON knows lists only; a value range is a tuple, perhaps of tuples.
        plain: dict[str, Any] = {name: _tuples(value) for name, value in values.items()}
        return cls(**plain)


def _overshoot(value: Any) -> Any:
    """Return "auto", None, or a share of at least 0."""
    if value is None or (isinstance(value, str) and value == "auto"):
        return value
    try:
        share = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        share = math.nan
    if not 0 <= share < math.inf:
        raise InvalidInputError(
            f"overshoot is {value!r}; use 'auto', a share of the local range such as 0.03, or None "
            "for no limit."
        )
    return share


def _plain(value: Any) -> Any:
    """Return NumPy's numbers, and tuples of them, as Python's own."""
    if isinstance(value, tuple | list):
        return tuple(_plain(item) for item in value)
    return value.tolist() if hasattr(value, "tolist") else value


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
