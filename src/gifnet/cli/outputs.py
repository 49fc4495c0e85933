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
DType = Annotated[
    str | None,
    typer.Option(
        "--dtype",
        metavar="TYPE",
        help="The type of the result, such as uint8, uint16 or float32. By default that of the "
        "first source, or of the first coloured one if the result is coloured. Another integer "
        "type gets the value range spread over all of the type, floats keep the values.",
    ),
]
Series = Annotated[
    str | None,
    typer.Option(
        "--series",
        metavar="NUMBER|NAME",
        help="The image to take from files that contain several, by its number from 0 or its "
        "name. For one file only, add it to the name of the file, such as scan.tif::1.",
    ),
]
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
        metavar="finer|first|second|NUMBER",
        help="The file whose grid and place the result has. finer is the one with the smallest "
        "pixels.",
        callback=lambda text: int(text) if text.isdecimal() else text,
    ),
]
