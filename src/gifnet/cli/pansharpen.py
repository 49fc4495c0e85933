"""``gifnet pansharpen``: PAN and MS files in, sharp bands out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import workflows
from ..options import PANSHARPEN_CHOICES, FuseOptions
from .fuse_options import takes_options
from .outputs import Output, Overwrite, choice
from .terminal import note, progress_bar


@takes_options("task", "channel_axis", "chroma", "overshoot", "balance")
def pansharpen(
    pan: Annotated[Path, typer.Argument(help="The panchromatic image (TIFF, GeoTIFF, PNG).")],
    ms: Annotated[Path, typer.Argument(help="The multispectral image, with any number of bands.")],
    output: Output,
    method: Annotated[
        str,
        choice(
            "--method",
            PANSHARPEN_CHOICES,
            "The network, band by band, or a classical method.",
        ),
    ] = "gifnet",
    match_histograms: Annotated[
        bool,
        typer.Option(
            "--match-histograms/--keep-histograms",
            help="Match the histogram of each band's base to the original band.",
        ),
    ] = True,
    overwrite: Overwrite = False,
    *,
    options: FuseOptions,
) -> None:
    """Sharpen multispectral bands with a panchromatic image.

    GeoTIFFs in the same reference system are placed by their tags. Other files must cover the
    same area.
    """
    workflows.pansharpen_files(
        pan,
        ms,
        output,
        options,
        method=method,
        match_histograms=match_histograms,
        overwrite=overwrite,
        bar=progress_bar,
        note=note(),
    )
