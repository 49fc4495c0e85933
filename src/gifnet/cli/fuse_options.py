"""The options of `FuseOptions` on the command line, in one place for all commands.

Names, defaults and help texts come from the dataclass, which also checks the values. This module
only converts text to numbers where possible.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, get_type_hints

import typer

from ..ct_windows import CT_WINDOWS, windows_in_words
from ..options import (
    CHROMA_CHOICES,
    PRECISION_CHOICES,
    STATISTICS_CHOICES,
    FuseOptions,
    ValueRange,
)
from ..tasks import TASKS

DEFAULTS = {field.name: field.default for field in dataclasses.fields(FuseOptions)}
_HELP = {field.name: field.metadata["help"] for field in dataclasses.fields(FuseOptions)}


_METAVARS = {
    "task": "|".join(TASKS),
    "model": "NAME",
    "weights": "FILE",
    "device": "NAME",
    "precision": "|".join(PRECISION_CHOICES),
    "statistics": "|".join(STATISTICS_CHOICES),
    "tile": "auto|PIXELS",
    "memory": "auto|BYTES",
    "value_range": "auto|dtype|LOW,HIGH|1%,99.9%|WINDOW",
    "channel_axis": "auto|none|AXIS",
    "chroma": "|".join(CHROMA_CHOICES),
    "overshoot": "auto|none|SHARE",
    "balance": "NUMBER,NUMBER,...",
}
_HINTS = {
    "model": "See gifnet info.",
    "memory": "Takes units too: 800MB, 2GiB.",
    "value_range": "Give it once for all sources, or once per source in their order.",
}


def _option(name: str) -> Any:
    text = f"{_HELP[name]} {_HINTS.get(name, '')}".strip()
    return typer.Option(f"--{name.replace('_', '-')}", metavar=_METAVARS[name], help=text)


Model = Annotated[str | None, _option("model")]
Weights = Annotated[str | None, _option("weights")]


def takes_options(*left_out: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of `FuseOptions`, except some.

    The command receives them as its argument ``options``. The excluded ones have their defaults.
    """
    names = [name for name in _METAVARS if name not in left_out]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        hints = get_type_hints(command, include_extras=True)
        own = [
            parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[name])
            for name, parameter in inspect.signature(command).parameters.items()
            if name != "options"
        ]
        offered = [_parameter(name) for name in names]

        @functools.wraps(command)
        def run(**arguments: Any) -> None:
            texts = {name: arguments.pop(name) for name in names}
            options = FuseOptions(**{name: _parse(name, text) for name, text in texts.items()})
            command(**arguments, options=options)

        run.__signature__ = inspect.Signature([*own, *offered])  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in (*own, *offered)}
        return run

    return decorate


def _parameter(name: str) -> inspect.Parameter:
    kind: Any
    default: Any = DEFAULTS[name]
    if name == "value_range":
        kind, default = list[str] | None, None
    elif default is None:
        kind = str | None
    else:
        kind, default = str, str(default)
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[kind, _option(name)],
    )


def _parse(name: str, text: Any) -> Any:
    """Return the number in a text, or the text itself, which `FuseOptions` checks."""
    if name == "tile":
        return _integer(text)
    if name == "memory":
        return _bytes(text)
    if name in ("channel_axis", "overshoot") and text.lower() == "none":
        return None
    if name == "channel_axis":
        return _integer(text)
    if name == "balance":
        return text and tuple(text.split(","))
    if name == "value_range":
        return parse_value_range(text)
    return text


def parse_value_range(texts: Sequence[str] | None) -> ValueRange:
    """Return the value range of one or more ``--value-range`` options.

    Raises
    ------
    typer.BadParameter
        If one is neither a word nor two limits.
    """
    ranges = [_one_range(text) for text in texts or ()]
    if not ranges:
        return "auto"
    if len(ranges) == 1:
        return ranges[0]  # type: ignore[return-value]
    return tuple(ranges)


def _one_range(text: str) -> tuple[float | str, float | str] | str:
    if text in ("auto", "dtype", *CT_WINDOWS):
        return text
    try:
        low, high = map(_limit, text.split(","))
    except ValueError:
        raise typer.BadParameter(
            f"--value-range is {text!r}; use auto, dtype, two numbers such as 0,4095, percentiles "
            f"such as 1%,99.9%, or a CT window: {windows_in_words()}."
        ) from None
    return (low, high)


def _limit(text: str) -> float | str:
    """Return a number, or a percentile as it is written, which `FuseOptions` checks."""
    text = text.strip()
    if not text.endswith("%"):
        return float(text)
    return f"{float(text[:-1]):g}%"


def _integer(text: str) -> int | str:
    try:
        return int(text)
    except ValueError:
        return text


def _bytes(text: str) -> int | str:
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([kKMGT]?)(i?)B?", text.strip())
    if not found:
        return text
    number, prefix, binary = found.groups()
    base = 1024 if binary else 1000
    return int(float(number) * base ** " kMGT".index(prefix.replace("K", "k") or " "))
