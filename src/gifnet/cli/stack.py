"""``gifnet stack``: the slices of a focus stack or exposure bracket into one file."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InvalidInputError
from ..options import FuseOptions
from .fuse_options import takes_options
from .outputs import FORMATS, Output, Overwrite, check_formats, check_outputs
from .registration import check_registration
from .terminal import progress_bar, say

if TYPE_CHECKING:
    from ..io.files import ImageFile


@takes_options("channel_axis", "chroma", "overshoot")
def stack(
    slices: Annotated[
        list[Path],
        typer.Argument(
            help=f"The slices, neighbours in focus or exposure side by side ({FORMATS}); or one "
            "file that holds them along Z."
        ),
    ],
    output: Output,
    depth: Annotated[
        Path | None,
        typer.Option(
            "--depth",
            metavar="OUT_DEPTH",
            help="Also write the number of the slice that each pixel is taken from, from 0, as "
            "a TIFF.",
        ),
    ] = None,
    align: Annotated[
        str,
        typer.Option(
            "--align",
            metavar="none|translation|rigid|affine",
            help="Register the slices to the reference slice first.",
        ),
    ] = "none",
    reference: Annotated[
        int | None,
        typer.Option(
            "--reference",
            metavar="NUMBER",
            help="The slice whose frame the result has, from 0; the middle one if left out.",
        ),
    ] = None,
    overwrite: Overwrite = False,
    *,
    options: FuseOptions,
) -> None:
    """Fuse a focus stack or an exposure bracket into one file."""
    check_registration(align, "edges")
    if depth is not None and depth.suffix.lower() not in (".tif", ".tiff"):
        raise typer.BadParameter(f"--depth is {str(depth)!r}; give a name ending in .tif.")
    check_outputs([output] if depth is None else [output, depth], overwrite)
    from ..workflows.files import open_image, save_result

    images = [open_image(path) for path in slices]
    axes = images[0].axes.replace("S", "")
    single = len(images) == 1
    if single and len(axes) != 3:
        raise InvalidInputError(
            f"{str(slices[0])!r} has axes {images[0].axes}, not one of slices; give a file with a "
            "Z axis, or several files."
        )
    if not single and any(len(image.axes.replace("S", "")) != 2 for image in images):
        raise InvalidInputError("Several files are given, and not all of them hold one plane.")
    shown = [_plane(images[0])] if single else images
    check_formats(output, None, shown, "auto")
    options = dataclasses.replace(
        options, channel_axis=-1 if images[0].channel_axis is not None else None
    )
    from ..fusion.fuser import Fuser
    from ..workflows.stack import StackFuser

    began = time.perf_counter()
    with Fuser(options) as fuser, progress_bar("fusing", "step") as bar:
        fused = StackFuser(fuser).fuse(
            images[0].data if single else [image.data for image in images],
            align=align,
            reference=reference,
            progress=bar,
        )
        made_by = f"{fuser.model} on {fuser.device}"
    record = {**fused.provenance, "sources": [image.name for image in images]}
    save_result(output, fused.image, shown, record)
    if depth is not None:
        save_result(depth, fused.depth, shown, record)
    say(f"{output}: {made_by}, {time.perf_counter() - began:.1f} s")


def _plane(image: ImageFile) -> ImageFile:
    """Return the first slice of a file that holds a stack."""
    return dataclasses.replace(
        image,
        data=image.data[0],
        axes=image.axes[1:],
        scale=image.scale[1:],
        units=image.units[1:],
        translate=image.translate[1:],
        channel_names=(),
    )
