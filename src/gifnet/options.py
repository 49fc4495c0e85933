"""The options of a fusion: one frozen dataclass for the API, the CLI and the widgets."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, cast, get_args

from .ct_windows import CTWindow, windows_in_words
from .errors import InvalidInputError
from .models.registry import model_spec
from .tasks import DEFAULT_MODEL, TASKS, best_model
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
#: Limits of a value range may be percentiles such as "99.9%".
ValueRange: TypeAlias = (
    Literal["auto", "dtype"]
    | CTWindow
    | Range
    | tuple[Range | str, Range | str]
    | tuple[Range | str | tuple[float | str, float | str], ...]
)
Overshoot: TypeAlias = float | Literal["auto"] | None
Precision: TypeAlias = Literal["auto", "float32", "tf32", "bfloat16", "float16"]
PRECISION_CHOICES: tuple[Precision, ...] = get_args(Precision)
Statistics: TypeAlias = Literal["exact", "sampled"]
STATISTICS_CHOICES: tuple[Statistics, ...] = get_args(Statistics)
Chroma: TypeAlias = Literal["auto", "first", "second", "blend", "none"]
CHROMA_CHOICES: tuple[Chroma, ...] = get_args(Chroma)
#: The shares to return: none, the first source's, or those of all.
Wanted: TypeAlias = Literal["none", "first", "all"]
RegistrationKind: TypeAlias = Literal["none", "translation", "rigid", "similarity", "affine"]
REGISTRATION_CHOICES: tuple[RegistrationKind, ...] = get_args(RegistrationKind)
#: The measures that registration can compare.
MEASURE_CHOICES = ("edges", "mutual-information")
PANSHARPEN_CHOICES = ("gifnet", "brovey", "gram-schmidt")
#: How files are placed on each other.
PLACE_CHOICES = ("auto", "world", "same-field", "pixels")
#: What can fuse a stack: the network, or a classical method (`gifnet.classical`).
STACK_METHODS = ("network", "pyramid", "depth-map", "mertens")
#: Equal brightness of slices: off, one gain per slice, or one per slice and colour.
STACK_GAINS = ("none", "brightness", "colour")
#: The extent of a fused stack: that of the reference slice, or what all slices cover.
STACK_CROPS = ("reference", "common")
#: The overshoot of an enhanced image: invisible at an edge.
ENHANCED_OVERSHOOT = 0.03


def _option(default: Any, help: str, kind: str) -> Any:
    return field(default=default, metadata={"help": help, "kind": kind})


def _choices(names: Iterable[str]) -> str:
    return "{" + ", ".join(f'"{name}"' for name in names) + "}"


@dataclass(frozen=True)
class FuseOptions:
    """The options of `fuse` and `enhance`.

    Each field's help text and type in words are in its metadata, from which the command line, the
    widgets and the documentation of `fuse` are made.

    Raises
    ------
    InvalidInputError
        If a value is not one of those allowed.
    """

    task: str | None = _option(
        None,
        "The fusion task. It names the roles of both sources, and the weights of some models.",
        f"{_choices(TASKS)}, optional",
    )
    model: str | None = _option(
        None,
        "Name of the model, or best: the best-scoring model for the task. By default the model of "
        "the given weights, or shares.",
        "str, optional",
    )
    weights: str | None = _option(
        None,
        "A .safetensors file or an authors' checkpoint. By default the bundled weights.",
        "path, optional",
    )
    device: str = _option("auto", "Where to compute: auto, cpu, cuda, cuda:1, mps.", "str")
    precision: Precision = _option(
        "auto",
        "Number format of the network: auto (bfloat16 for 8-bit images if the hardware supports "
        "it, float32 otherwise), float32, tf32 (CUDA: float32 with products rounded to 10 bits), "
        "bfloat16 or float16 (not on the CPU).",
        _choices(PRECISION_CHOICES),
    )
    statistics: Statistics = _option(
        "exact",
        "How the network's whole-image statistics are measured in tiled images: exact (every "
        "pixel) or sampled (some places; faster, approximate).",
        _choices(STATISTICS_CHOICES),
    )
    tile: int | Literal["auto"] = _option(
        "auto",
        "Side of the tiles in pixels, a multiple of 8; auto chooses, 0 turns tiling off.",
        'int or "auto"',
    )
    memory: int | Literal["auto"] = _option(
        "auto",
        "Maximum bytes of the network's feature maps. An image that fits is computed in one piece, "
        "which is faster. A larger one is computed in tiles. The result is the same, or nearly the "
        "same for models with approximate tiles. auto depends on the device and the model.",
        'int or "auto"',
    )
    value_range: ValueRange = _option(
        "auto",
        "The values that map to the network's [0, 1]: auto (the type's range for uint8, each "
        "source's own finite minimum and maximum over the whole stack otherwise), dtype, "
        "(low, high), percentiles such as ('1%', '99.9%'), a window of CT images in Hounsfield "
        f"units: {windows_in_words()}, or one of these per source.",
        '"auto", "dtype", (low, high), a window, or one of these per source',
    )
    channel_axis: int | Literal["auto"] | None = _option(
        "auto",
        "The axis of RGB(A) channels; None for grey images. auto takes a last axis of 3 or 4 in "
        "uint8 images.",
        'int, "auto" or None',
    )
    chroma: Chroma = _option(
        "auto",
        "Source of the result's colour: auto, first, second, blend, or none (grey). auto takes the "
        "coloured source, and blends two coloured ones. For task meif some models use a network "
        "instead of the blend.",
        _choices(CHROMA_CHOICES),
    )
    overshoot: Overshoot = _option(
        "auto",
        "Maximum overshoot of the fused luminance beyond the local minimum and maximum of both "
        "sources (5 x 5 window), as a fraction of their 9 x 9 range. 0 allows none. auto is 0.03 "
        "for single images, which avoids halos at edges, and no limit for two.",
        'float, "auto" or None',
    )

    balance: tuple[float, ...] | None = _option(
        None,
        "A factor of each source's shares, one number per source. Equal numbers change nothing. "
        "Only for models of any number of images.",
        "tuple of float, optional",
    )

    def __post_init__(self) -> None:
        if self.task is not None:
            require_choice("task", self.task, TASKS)
        if self.model is not None and not isinstance(self.model, str):
            raise InvalidInputError(f"model is {self.model!r}; give the name of one, or 'best'.")
        # Resolved here where possible, so that records of a run name the model.
        if self.model == "best":
            object.__setattr__(self, "model", best_model(self.task))
        elif self.model is None and self.weights is None:
            object.__setattr__(self, "model", DEFAULT_MODEL)
        if self.model is not None:
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
        object.__setattr__(self, "balance", _balance(self.balance))
        axis = self.channel_axis
        if axis is not None and not is_auto(axis) and not is_integer(axis):
            raise InvalidInputError(f"channel_axis is {axis!r}; use 'auto', None or an integer.")

    @property
    def overshoot_limit(self) -> float | None:
        """The overshoot limit for two images; None for no limit."""
        return None if self.overshoot == "auto" else self.overshoot

    def updated(self, **values: Any) -> FuseOptions:
        """Return a copy with some options replaced. Unknown names are an error."""
        _require_known(values)
        default = self.model == DEFAULT_MODEL and self.weights is None
        if default and values.get("weights") is not None:
            values = {"model": None, **values}
        return dataclasses.replace(self, **values)

    def for_one_image(self) -> FuseOptions:
        """Return the options for enhancing one image."""
        limit = ENHANCED_OVERSHOOT if self.overshoot == "auto" else self.overshoot
        return dataclasses.replace(self, overshoot=limit)

    def to_dict(self) -> dict[str, object]:
        """Return the options as plain values, for provenance records."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FuseOptions:
        """Return the options of a provenance record. Unknown names are an error."""
        _require_known(values)
        return cls(**values)


def _require_known(names: Iterable[str]) -> None:
    known = [field.name for field in dataclasses.fields(FuseOptions)]
    if unknown := sorted(set(names) - set(known)):
        raise InvalidInputError(f"Unknown options {unknown}; known are {known}.")


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


def _balance(value: Any) -> tuple[float, ...] | None:
    if value is None:
        return None
    try:
        factors = tuple(map(as_number, value))
    except TypeError:
        factors = ()
    if not factors or not all(0 <= each < math.inf for each in factors) or not any(factors):
        raise InvalidInputError(
            f"balance is {value!r}; use one number of at least 0 per source, such as (1, 0.5), and "
            "at least one above 0."
        )
    return factors


def _is_size(value: Any) -> bool:
    return (is_integer(value) and value >= 0) or is_auto(value)
