"""``gifnet stack``: the slices of a focus stack or exposure bracket into one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import workflows
from ..io.formats import NAMES
from ..options import REGISTRATION_CHOICES, STACK_METHODS, FuseOptions
from .fuse_options import takes_options
from .outputs import Output, Overwrite, choice
from .terminal import note, progress_bar


@takes_options("channel_axis", "chroma", "overshoot")
def stack(
    slices: Annotated[
        list[Path],
        typer.Argument(
            help=f"The slices in the order of focus or exposure ({NAMES}), or one file with "
            "a Z axis."
        ),
    ],
    output: Output,
    depth: Annotated[
        Path | None,
        typer.Option(
            "--depth",
            metavar="OUT_DEPTH",
            help="Also write the number of the slice with the greatest share per pixel, from 0, "
            "as a TIFF.",
        ),
    ] = None,
    align: Annotated[
        str,
        choice(
            "--align", REGISTRATION_CHOICES, "Register all slices to the reference slice first."
        ),
    ] = "none",
    reference: Annotated[
        int | None,
        typer.Option(
            "--reference",
            metavar="NUMBER",
            help="Number of the reference slice, from 0. By default the middle one.",
        ),
    ] = None,
    method: Annotated[
        str,
        choice(
            "--method",
            STACK_METHODS,
            "What fuses: the network, or a classical method for focus stacks (pyramid, depth-map) "
            "or exposures (mertens).",
        ),
    ] = "network",
    overwrite: Overwrite = False,
    *,
    options: FuseOptions,
) -> None:
    """Fuse a focus stack or an exposure bracket into one file."""
    if depth is not None and depth.suffix.lower() not in (".tif", ".tiff"):
        raise typer.BadParameter(f"--depth is {str(depth)!r}; give a name ending in .tif.")
    workflows.stack_files(
        slices,
        output,
        options,
        depth=depth,
        align=align,
        reference=reference,
        method=method,
        overwrite=overwrite,
        bar=progress_bar,
        note=note(),
    )
