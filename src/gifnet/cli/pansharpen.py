"""``gifnet pansharpen``: PAN and MS files in, sharp bands out."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InvalidInputError, WriteError
from ..options import FuseOptions
from .fuse_options import takes_options
from .outputs import Output, Overwrite, check_outputs
from .terminal import progress_bar, say

if TYPE_CHECKING:
    from ..io.geotiff import Georeference

_METHODS = ("gifnet", "brovey", "gram-schmidt")


@takes_options("task", "channel_axis", "chroma", "overshoot")
def pansharpen(
    pan: Annotated[Path, typer.Argument(help="The panchromatic image (TIFF, GeoTIFF, PNG).")],
    ms: Annotated[Path, typer.Argument(help="The multispectral image, of any number of bands.")],
    output: Output,
    method: Annotated[
        str,
        typer.Option(
            "--method",
            metavar="|".join(_METHODS),
            help="The network, band by band, or a classical method.",
        ),
    ] = "gifnet",
    match_histograms: Annotated[
        bool,
        typer.Option(
            "--match-histograms/--keep-histograms",
            help="Give the coarse part of each band the histogram of the original.",
        ),
    ] = True,
    overwrite: Overwrite = False,
    *,
    options: FuseOptions,
) -> None:
    """Sharpen multispectral bands with a panchromatic image.

    GeoTIFFs of one reference system are placed by their tags; other files cover the same area.
    """
    if method not in _METHODS:
        raise typer.BadParameter(f"--method is {method!r}; use one of {', '.join(_METHODS)}.")
    check_outputs([output], overwrite)
    if output.suffix.lower() not in (".tif", ".tiff"):
        raise WriteError(f"{str(output)!r} needs a name ending in .tif, which holds any bands.")
    from ..workflows.files import Scratch, open_image

    images = [open_image(pan), open_image(ms)]
    plane = images[0].data
    plane = plane.squeeze() if hasattr(plane, "squeeze") else plane  # zarr has none
    if plane.ndim != 2:
        raise InvalidInputError(f"{str(pan)!r} has axes {images[0].axes}; give one grey plane.")
    bands = images[1].data
    band_axis = bands.ndim - 1 if images[1].channel_axis is not None else 0
    if bands.ndim not in (2, 3):
        raise InvalidInputError(f"{str(ms)!r} has axes {images[1].axes}; give planes of bands.")
    options = dataclasses.replace(options, task="pansharpen")
    import numpy as np

    from ..io.geotiff import read_georeference, write_geotiff
    from ..io.nodata import put_nodata
    from ..provenance import versions
    from ..workflows.pansharpen import pansharpen as sharpen

    began = time.perf_counter()
    places = [read_georeference(pan), read_georeference(ms)]
    coarse = bands.shape[:2] if band_axis == 2 else bands.shape[-2:]
    grids = _grids(places, plane.shape, coarse)
    with Scratch(output) as scratch:
        with progress_bar("sharpening", "step") as bar:
            result = sharpen(
                plane,
                bands,
                method=method,
                band_axis=band_axis if bands.ndim == 3 else 0,
                pan_grid=grids[0],
                ms_grid=grids[1],
                match_histograms=match_histograms,
                progress=bar,
                scratch=scratch.array,
                options=options,
            )
        record: dict[str, Any] = {
            "operation": "pansharpen",
            "sources": [image.name for image in images],
            "method": method,
            "versions": versions(),
        }
        if method == "gifnet":
            record |= {"options": options.to_dict(), "match_histograms": match_histograms}
        # What the bands are is said by MS, where they now lie by PAN.
        place = dataclasses.replace(places[0], tags={**places[0].tags, **places[1].tags})
        if grids[0] is None and places[1].system != places[0].system:
            place = dataclasses.replace(place, matrix=None)
        layers = result[None] if result.ndim == 2 else np.moveaxis(result, band_axis, 0)
        values = [image.nodata for image in images[::-1] if image.nodata is not None]
        layers, nodata = put_nodata(layers, values[0] if values else None)
        write_geotiff(output, layers, place, record, nodata)
    say(f"{output}: {method}, {time.perf_counter() - began:.1f} s")


def _grids(places: list[Georeference], sharp: Any, coarse: Any) -> tuple[Any, Any]:
    """Return both grids if both files tell them in one reference system, else none."""
    systems = [place.system for place in places]
    if systems[0] is None or systems[0] != systems[1]:
        return None, None
    grids = places[0].grid(sharp), places[1].grid(coarse)
    return (None, None) if grids[0] is None or grids[1] is None else grids
