"""``gifnet fuse`` and ``gifnet enhance``: files in, one file out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import workflows
from ..io.formats import NAMES
from ..options import MEASURE_CHOICES, REGISTRATION_CHOICES, FuseOptions
from .fuse_options import takes_options
from .outputs import DType, Output, Overwrite, Place, Reference, Series, choice
from .terminal import note, progress_bar


@takes_options()
def fuse(
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="FIRST SECOND ...",
            help="Two or more files of one scene. The functional or spectral source comes first: "
            "infrared, PET, over-exposed, multispectral. Then the structural one: visible, MRI, "
            "under-exposed, panchromatic. The default model takes any number in any order. Grey "
            "results have the type and value range of the first. Sources on different grids are "
            f"resampled; see --place. Formats: {NAMES}.",
        ),
    ],
    output: Output,
    mask: Annotated[
        Path | None,
        typer.Option(
            "--mask",
            metavar="OUT_MASK",
            help="Also write the first source's share per pixel: 0 to 1 in a TIFF, 0 to 255 in "
            "other formats.",
        ),
    ] = None,
    place: Place = "auto",
    reference: Reference = "finer",
    dtype: DType = None,
    series: Series = None,
    registration: Annotated[
        str,
        choice(
            "--register",
            REGISTRATION_CHOICES,
            "Register the other sources to the reference first, with this class of transform.",
        ),
    ] = "none",
    register_by: Annotated[
        str,
        choice(
            "--register-by",
            MEASURE_CHOICES,
            "The measure that registration compares. mutual-information suits PET and SPECT, and "
            "needs SimpleITK.",
        ),
    ] = "edges",
    overwrite: Overwrite = False,
    *,
    options: FuseOptions,
) -> None:
    """Fuse two or more images of one scene into one file."""
    workflows.fuse_files(
        sources,
        output,
        options,
        mask=mask,
        place=place,
        reference=reference,  # type: ignore[arg-type]
        dtype=dtype,
        series=series,
        registration=registration,
        measure=register_by,
        overwrite=overwrite,
        bar=progress_bar,
        note=note(),
    )


@takes_options("task", "balance")
def enhance(
    image: Annotated[Path, typer.Argument(help=f"The image ({NAMES}).")],
    output: Output,
    dtype: DType = None,
    series: Series = None,
    overwrite: Overwrite = False,
    *,
    options: FuseOptions,
) -> None:
    """Enhance one image."""
    workflows.enhance_file(
        image,
        output,
        options,
        dtype=dtype,
        series=series,
        overwrite=overwrite,
        bar=progress_bar,
        note=note(),
    )
