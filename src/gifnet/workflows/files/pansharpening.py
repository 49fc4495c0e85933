"""Pansharpening of files."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...errors import InvalidInputError, WriteError
from ...geometry import Grid
from ...io.files import read_image, write_geotiff
from ...io.geo.warp import in_system_of
from ...io.geotiff import Georeference
from ...io.nodata import put_nodata
from ...options import FuseOptions
from ...provenance import versions
from ..pansharpen import pansharpen
from ..scratch import Scratch
from .results import Bar, Note, no_bar, options_of, report, require_outputs


def pansharpen_files(
    pan: Path,
    ms: Path,
    output: Path,
    options: FuseOptions | None = None,
    *,
    method: str = "gifnet",
    match_histograms: bool = True,
    overwrite: bool = False,
    bar: Bar = no_bar,
    note: Note | None = None,
) -> None:
    """Sharpen the bands of one file with the panchromatic image of another, into a TIFF.

    GeoTIFFs in the same reference system are placed by their tags. Other files must cover the same
    area. See `gifnet.pansharpen` and `fuse_files` for other parameters and errors.
    """
    options = dataclasses.replace(options_of(options), task="pansharpen")
    require_outputs(output, None, overwrite)
    if output.suffix.lower() not in (".tif", ".tiff"):
        raise WriteError(f"{str(output)!r} needs a name ending in .tif, which can hold any bands.")
    images = [read_image(pan), read_image(ms)]
    images[1] = in_system_of(images[1], images[0])
    plane, bands = images[0].data, images[1].data
    plane = plane.squeeze() if hasattr(plane, "squeeze") else plane  # zarr has none
    if plane.ndim != 2:
        raise InvalidInputError(f"{str(pan)!r} has axes {images[0].axes}; give one grey plane.")
    if bands.ndim not in (2, 3):
        raise InvalidInputError(f"{str(ms)!r} has axes {images[1].axes}; give planes of bands.")
    band_axis = 2 if bands.ndim == 3 and images[1].channel_axis is not None else 0
    places = [image.georeference or Georeference(None) for image in images]
    coarse = bands.shape[:2] if band_axis == 2 else bands.shape[-2:]
    grids = _common_grids(places, plane.shape, coarse)
    began = time.perf_counter()
    with Scratch(output) as scratch:
        with bar("sharpening") as progress:
            result = pansharpen(
                plane,
                bands,
                method=method,
                band_axis=band_axis,
                pan_grid=grids[0],
                ms_grid=grids[1],
                match_histograms=match_histograms,
                progress=progress,
                scratch=scratch.array,
                options=options,
            )
        record: dict[str, object] = {
            "operation": "pansharpen",
            "sources": [image.name for image in images],
            "method": method,
            "versions": versions(),
        }
        if method == "gifnet":
            record |= {"options": options.to_dict(), "match_histograms": match_histograms}
        # The names of the bands are those of MS, their place is that of PAN.
        place = dataclasses.replace(places[0], tags={**places[1].tags, **places[0].system_tags})
        if grids[0] is None and places[1].reference_system != places[0].reference_system:
            place = dataclasses.replace(place, matrix=None)
        layers = result[None] if result.ndim == 2 else np.moveaxis(result, band_axis, 0)
        values = [image.nodata for image in images[::-1] if image.nodata is not None]
        layers, nodata = put_nodata(layers, values[0] if values else None)
        write_geotiff(output, layers, place, record, nodata)
    report(note, output, method, began)


def _common_grids(
    places: Sequence[Georeference], sharp: tuple[int, ...], coarse: tuple[int, ...]
) -> tuple[Grid | None, Grid | None]:
    """Return both grids if both files have them in the same reference system, else none."""
    systems = [place.reference_system for place in places]
    grids = places[0].grid(sharp), places[1].grid(coarse)
    placed = systems[0] is not None and systems[0] == systems[1] and None not in grids
    return grids if placed else (None, None)
