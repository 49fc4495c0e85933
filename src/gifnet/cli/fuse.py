"""``gifnet fuse`` and ``gifnet enhance``: files in, one file out."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..options import FuseOptions
from .fuse_options import takes_options
from .outputs import FORMATS, Output, Overwrite, check_formats, check_outputs, fit_to_format
from .registration import check_registration, registered, warn_of_misalignment
from .terminal import progress_bar, say

if TYPE_CHECKING:
    from ..fusion.fuser import Fuser


@takes_options()
def fuse(
    first: Annotated[
        Path,
        typer.Argument(
            help="The functional or spectral source: infrared, PET, over-exposed, multispectral "
            f"({FORMATS}). The result has its type, value range and pixel size."
        ),
    ],
    second: Annotated[
        Path,
        typer.Argument(
            help="The structural source, of the same size: visible, MRI, under-exposed, "
            "panchromatic."
        ),
    ],
    output: Output,
    mask: Annotated[
        Path | None,
        typer.Option(
            "--mask",
            metavar="OUT_MASK",
            help="Also write the first source's share of every pixel: 0 to 1 in a TIFF, 0 to 255 "
            "in other formats.",
        ),
    ] = None,
    registration: Annotated[
        str,
        typer.Option(
            "--register",
            metavar="none|translation|rigid|affine",
            help="Register the second source to the first before fusion; what the transform may be "
            "made of.",
        ),
    ] = "none",
    register_by: Annotated[
        str,
        typer.Option(
            "--register-by",
            metavar="edges|mutual-information",
            help="What registration goes by; mutual information suits PET and SPECT, and needs "
            "SimpleITK.",
        ),
    ] = "edges",
    overwrite: Overwrite = False,
    *,
    options: FuseOptions,
) -> None:
    """Fuse two images of one scene into one file."""
    check_registration(registration, register_by)
    check_outputs([output] if mask is None else [output, mask], overwrite)
    from ..fusion.fuser import Fuser
    from ..workflows.files import Scratch, channel_axis, open_image, save_result

    images = [open_image(first), open_image(second)]
    check_formats(output, mask, images, options.chroma)
    began = time.perf_counter()
    extra: dict[str, Any] = {}
    if registration != "none":
        images[1], extra["registration"] = registered(
            images[1], images[0], registration, register_by
        )
    else:
        warn_of_misalignment(images)
    options = dataclasses.replace(options, channel_axis=channel_axis(images, options))
    with Fuser(options) as fuser, Scratch(output) as scratch:
        data = [image.data for image in images]
        places = (scratch.array, scratch.array)
        with progress_bar("fusing", "step") as bar:
            done = fuser.run(*data, want_share=mask is not None, out=places, progress=bar)
        record = {**done.record, "operation": "fuse", **extra}
        save_result(output, done.image, images, record)
        if mask is not None:
            save_result(mask, fit_to_format(done.share, mask), images, record)
        _report(output, fuser, began)


@takes_options("task")
def enhance(
    image: Annotated[Path, typer.Argument(help=f"The image ({FORMATS}).")],
    output: Output,
    overwrite: Overwrite = False,
    *,
    options: FuseOptions,
) -> None:
    """Enhance one image: fuse it with itself."""
    check_outputs([output], overwrite)
    from ..fusion.fuser import Fuser
    from ..workflows.files import Scratch, channel_axis, open_image, save_result

    images = [open_image(image)]
    check_formats(output, None, images, options.chroma)
    began = time.perf_counter()
    options = dataclasses.replace(options, channel_axis=channel_axis(images, options))
    with Fuser(options) as fuser, Scratch(output) as scratch:
        with progress_bar("enhancing", "step") as bar:
            done = fuser.run_enhancement(images[0].data, out=scratch.array, progress=bar)
        save_result(output, done.image, images, {**done.record, "operation": "enhance"})
        _report(output, fuser, began)


def _report(path: Path, fuser: Fuser, began: float) -> None:
    seconds = time.perf_counter() - began
    say(f"{path}: {fuser.model} on {fuser.device}, {seconds:.1f} s")
