"""``gifnet stack``: the slices of a focus stack or exposure bracket into one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .. import workflows
from ..io.formats import NAMES
from ..options import REGISTRATION_CHOICES, STACK_CROPS, STACK_METHODS, FuseOptions
from .fuse_options import takes_options
from .outputs import Overwrite, choice
from .terminal import note, progress_bar


@takes_options("channel_axis", "chroma", "overshoot", "balance")
def stack(
    slices: Annotated[
        list[Path],
        typer.Argument(
            help=f"The slices in the order of focus or exposure ({NAMES}), or one file with "
            "a Z axis."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="The file of the result. TIFF keeps types, pixel sizes and the record.",
        ),
    ] = None,
    depth: Annotated[
        Path | None,
        typer.Option(
            "--depth",
            metavar="OUT_DEPTH",
            help="Also write the depth, measured between the slices, as a TIFF of floats.",
        ),
    ] = None,
    confidence: Annotated[
        Path | None,
        typer.Option(
            "--confidence",
            metavar="FILE",
            help="Also write the confidence of the depth, from 0 to 1, as a TIFF.",
        ),
    ] = None,
    sharpest: Annotated[
        Path | None,
        typer.Option(
            "--sharpest",
            metavar="FILE",
            help="Also write the number of the slice with the greatest share per pixel, from 0, "
            "as a TIFF.",
        ),
    ] = None,
    spacing: Annotated[
        float | None,
        typer.Option(
            "--spacing",
            metavar="DISTANCE",
            help="Distance of neighbouring slices; the depth is in its unit. By default that of "
            "the file's Z axis, otherwise the depth is in slices.",
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
    transforms: Annotated[
        Path | None,
        typer.Option(
            "--transforms",
            metavar="FILE",
            help="Align by the transforms of an earlier run, from a JSON file or the TIFF of its "
            "result. With --align-only, the JSON file to write.",
        ),
    ] = None,
    align_only: Annotated[
        bool,
        typer.Option(
            "--align-only",
            help="Only align: write the transforms and, with --output, the aligned slices.",
        ),
    ] = False,
    crop: Annotated[
        str,
        choice(
            "--crop", STACK_CROPS, "Extent: that of the reference slice, or what all slices cover."
        ),
    ] = "reference",
    overwrite: Overwrite = False,
    *,
    options: FuseOptions,
) -> None:
    """Fuse a focus stack or an exposure bracket into one file."""
    maps = {"depth": depth, "confidence": confidence, "sharpest": sharpest}
    for name, path in maps.items():
        if path is not None and path.suffix.lower() not in (".tif", ".tiff"):
            raise typer.BadParameter(f"--{name} is {str(path)!r}; give a name ending in .tif.")
    common: dict[str, Any] = {
        "reference": reference,
        "crop": crop,
        "overwrite": overwrite,
        "bar": progress_bar,
        "note": note(),
    }
    if align_only:
        if transforms is None:
            raise typer.BadParameter("--align-only needs --transforms, the file to write.")
        kind = "affine" if align == "none" else align
        workflows.align_files(slices, transforms, output, align=kind, **common)
        return
    if output is None:
        raise typer.BadParameter("Name the file of the result with --output (-o).")
    workflows.stack_files(
        slices,
        output,
        options,
        depth=depth,
        confidence=confidence,
        sharpest=sharpest,
        spacing=spacing,
        align=align,
        transforms=None if transforms is None else workflows.read_transforms(transforms),
        method=method,
        **common,
    )
