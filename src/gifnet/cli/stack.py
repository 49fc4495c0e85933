"""``gifnet stack``: the slices of a focus stack or exposure bracket into one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .. import io, workflows
from ..io.formats import NAMES
from ..options import REGISTRATION_CHOICES, STACK_CROPS, STACK_GAINS, STACK_METHODS, FuseOptions
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
    equalise: Annotated[
        str,
        choice(
            "--equalise",
            STACK_GAINS,
            "Give all slices of a focus stack the brightness, or the brightness and white balance "
            "(colour), of the reference slice. Not for brackets.",
        ),
    ] = "none",
    decide_on: Annotated[
        str | None,
        typer.Option(
            "--decide-on",
            metavar="CHANNEL",
            help="Name or number of the channel in which the slices are registered and compared, "
            "for all channels; luminance is the mean of all.",
        ),
    ] = None,
    shares: Annotated[
        Path | None,
        typer.Option(
            "--shares",
            metavar="FILE",
            help="Apply an earlier decision: the map that --sharpest wrote.",
        ),
    ] = None,
    retouch: Annotated[
        Path | None,
        typer.Option(
            "--retouch",
            metavar="FILE",
            help="A painted map of slice numbers, from 0, to blend into the result. Pixels below "
            "0, or of the greatest number of an unsigned type, stay.",
        ),
    ] = None,
    feather: Annotated[
        float,
        typer.Option(
            "--feather",
            metavar="PIXELS",
            help="Softness of the borders between the slices of --shares and --retouch.",
        ),
    ] = 1.5,
    like: Annotated[
        Path | None,
        typer.Option(
            "--like",
            metavar="FILE",
            help="Make a result again: take all settings, transforms and maps from the record in "
            "its file.",
        ),
    ] = None,
    overwrite: Overwrite = False,
    *,
    options: FuseOptions,
) -> None:
    """Fuse a focus stack or an exposure bracket into one file."""
    maps: dict[str, Any] = {"depth": depth, "confidence": confidence, "sharpest": sharpest}
    for name, path in maps.items():
        if path is not None and path.suffix.lower() not in (".tif", ".tiff"):
            raise typer.BadParameter(f"--{name} is {str(path)!r}; give a name ending in .tif.")
    channel = int(decide_on) if decide_on and decide_on.isdecimal() else decide_on
    shared: dict[str, Any] = {"overwrite": overwrite, "bar": progress_bar, "note": note()}
    if align_only:
        if transforms is None:
            raise typer.BadParameter("--align-only needs --transforms, the file to write.")
        kind = "affine" if align == "none" else align
        settings = workflows.StackSettings(
            align=kind, reference=reference, crop=crop, decide_on=channel
        )
        workflows.align_files(slices, transforms, output, settings=settings, **shared)
        return
    if output is None:
        raise typer.BadParameter("Name the file of the result with --output (-o).")
    if like is not None:
        workflows.restack_files(slices, output, like, **maps, **shared)
        return
    workflows.stack_files(
        slices,
        output,
        options,
        settings=workflows.StackSettings(
            align=align,
            reference=reference,
            transforms=None if transforms is None else workflows.read_transforms(transforms),
            crop=crop,
            method=method,
            equalise=equalise,
            decide_on=channel,
            shares=_map_in(shares),
            retouching=_map_in(retouch),
            feather=feather,
            spacing=spacing,
        ),
        **maps,
        **shared,
    )


def _map_in(path: Path | None) -> Any:
    """Return the map in a file."""
    return None if path is None else io.read_image(path).data
