"""Options that several commands share besides those of `FuseOptions`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

Output = Annotated[
    Path,
    typer.Option(
        "--output", "-o", metavar="OUT", help="Where the result goes; TIFF keeps everything."
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")]


def choice(name: str, choices: Iterable[str], help: str) -> Any:
    """Return an option that takes one of a few words and refuses others as wrong usage."""
    known = tuple(choices)

    def require_known(value: str) -> str:
        if value not in known:
            raise typer.BadParameter(f"{name} is {value!r}; use one of {', '.join(known)}.")
        return value

    return typer.Option(name, metavar="|".join(known), help=help, callback=require_known)
