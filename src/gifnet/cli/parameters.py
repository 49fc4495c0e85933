"""The options of `FuseOptions` on the command line.

Names, defaults and help texts are those of the dataclass, which also judges the values; here
text only becomes numbers where it can.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from ..options import (
    CHROMA_CHOICES,
    PRECISION_CHOICES,
    STATISTICS_CHOICES,
    TASKS,
    FuseOptions,
    Range,
    ValueRange,
)

DEFAULTS = FuseOptions()
_HELP = {field.name: field.metadata["help"] for field in dataclasses.fields(FuseOptions)}


def _option(name: str, metavar: str, hint: str = "") -> Any:
    return typer.Option(
        f"--{name.replace('_', '-')}", metavar=metavar, help=f"{_HELP[name]} {hint}".strip()
    )


Task = Annotated[str | None, _option("task", "|".join(TASKS))]
Model = Annotated[str, _option("model", "NAME", "See gifnet info.")]
Weights = Annotated[str | None, _option("weights", "FILE")]
Device = Annotated[str, _option("device", "NAME")]
Precision = Annotated[str, _option("precision", "|".join(PRECISION_CHOICES))]
Statistics = Annotated[str, _option("statistics", "|".join(STATISTICS_CHOICES))]
Tile = Annotated[str, _option("tile", "auto|PIXELS")]
ValueRanges = Annotated[
    list[str] | None,
    _option(
        "value_range",
        "auto|dtype|LOW,HIGH",
        "Give it twice for the first and the second source, once for both.",
    ),
]
ChannelAxis = Annotated[str, _option("channel_axis", "auto|none|AXIS")]
Chroma = Annotated[str, _option("chroma", "|".join(CHROMA_CHOICES))]


def parse_tile(text: str) -> Any:
    """Return a side in pixels, or the text itself for `FuseOptions` to judge."""
    return _integer(text)


def parse_channel_axis(text: str) -> Any:
    """Return an axis, None for "none", or the text itself for `FuseOptions` to judge."""
    return None if text.lower() == "none" else _integer(text)


def parse_value_range(texts: Sequence[str] | None) -> ValueRange:
    """Return the value range that one or two ``--value-range`` options stand for.

    Raises
    ------
    typer.BadParameter
        If there are more than two, or one is neither a word nor two numbers.
    """
    ranges = [_one_range(text) for text in texts or ()]
    if not ranges:
        return DEFAULTS.value_range
    if len(ranges) == 1:
        return ranges[0]  # type: ignore[return-value]
    if len(ranges) > 2:
        raise typer.BadParameter(f"--value-range is given {len(ranges)} times; at most 2 count.")
    return (ranges[0], ranges[1])


def _one_range(text: str) -> Range | str:
    if text in ("auto", "dtype"):
        return text
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(
            f"--value-range is {text!r}; use auto, dtype, or two numbers such as 0,4095."
        ) from None
    return (low, high)


def _integer(text: str) -> Any:
    try:
        return int(text)
    except ValueError:
        return text
