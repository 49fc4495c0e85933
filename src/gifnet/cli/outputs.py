"""Options that several commands share, except those of `FuseOptions`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from ..options import PLACE_CHOICES


def choice(name: str, choices: Iterable[str], help: str) -> Any:
    """Return an option with a few allowed words; others are wrong usage."""
    known = tuple(choices)

    def require_known(value: str | None) -> str | None:
        if value is not None and value not in known:
            raise typer.BadParameter(f"{name} is {value!r}; use one of {', '.join(known)}.")
        return value

    return typer.Option(name, metavar="|".join(known), help=help, callback=require_known)


Output = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        metavar="OUT",
        help="The file of the result. TIFF keeps types, pixel sizes and the record.",
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")]
Place = Annotated[
    str,
    choice(
        "--place",
        PLACE_CHOICES,
        "How files are placed on each other: by the positions and pixel sizes that they state "
        "(world), by their field of view, which is the same (same-field), or pixel by pixel. auto "
        "is world if all files state their place, otherwise pixels.",
    ),
]
Reference = Annotated[
    str,
    typer.Option(
        "--reference",
        metavar="finer|first|second",
        help="The file whose grid and place the result has. finer is the one with the smallest "
        "pixels.",
        callback=lambda text: int(text) if text.isdecimal() else text,
    ),
]
