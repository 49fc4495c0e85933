"""``gifnet export``: a network as a file for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..io.atomic import require_free
from ..tasks import DEFAULT_MODEL
from . import fuse_options as p
from .outputs import Overwrite
from .terminal import say


def export(
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="OUT", help="The file, ending in .onnx or .pt2."),
    ],
    format: Annotated[
        str, typer.Option("--format", metavar="onnx|torch-export", help="The file's format.")
    ] = "onnx",
    check: Annotated[
        bool,
        typer.Option(
            "--check/--no-check", help="Run the file on two sizes and compare it with PyTorch."
        ),
    ] = True,
    overwrite: Overwrite = False,
    model: p.Model = None,
    weights: p.Weights = None,
) -> None:
    """Write a network for ONNX Runtime or PyTorch, for planes of any size."""
    require_free(output, overwrite)
    from ..export import export as write

    difference = write(output, format=format, model=model, weights=weights, check=check)
    found = "" if difference is None else f", within {difference:.1e} of PyTorch"
    say(f"{output}: {model or weights or DEFAULT_MODEL}{found}")
