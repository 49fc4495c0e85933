"""Reading and writing of TIFF through tifffile: OME, ImageJ, GeoTIFF and plain pages."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile

from ..errors import ReadError
from . import tiff_metadata
from .atomic import write_atomically
from .formats import TIFF_HINT
from .geotiff import georeference_of, geotiff_tags
from .image import Image
from .nodata import nodata_tag, read_nodata, without_nodata

Array = npt.NDArray[np.generic]

#: Uncompressed data above this size are memory-mapped instead of read.
MEMORY_MAP_BYTES = 64 * 2**20
#: Compressed data above this size are decoded into a temporary file.
DECODE_TO_DISK_BYTES = 256 * 2**20
_IMAGEJ_BYTES = 2 * 2**30
#: ImageJ's byte order needs a copy in memory, except for single bytes.
_IMAGEJ_COPY_BYTES = 2**29


def read_tiff(path: Path) -> list[Image]:
    """Return the images of a TIFF file, one per series."""
    with tifffile.TiffFile(path) as tif:
        images = [_read_series(path, tif, index) for index in range(len(tif.series))]
        if not tif.is_ome and _pages_are_missing(tif):
            raise ReadError(
                f"Cannot read {path}: the file is truncated, and its last pages are missing."
            )
    return images


def _read_series(path: Path, tif: tifffile.TiffFile, index: int) -> Image:
    series = tif.series[index]
    page = series.keyframe
    data, axes = _pixels(path, index, series)
    # The nodata value of a palette is an index, and colours have replaced the indices.
    palette = page.photometric == tifffile.PHOTOMETRIC.PALETTE
    nodata = None if palette else read_nodata(page, data.dtype)
    if nodata is not None:
        data = without_nodata(data, nodata, "S" in axes)
    georeference = georeference_of(page)
    image = tiff_metadata.describe(tif, index, data, axes, georeference)
    names = georeference.band_names() or georeference.wavelengths()
    if "C" not in axes or image.channel_names or len(names) != data.shape[axes.index("C")]:
        names = image.channel_names
    stem = path.stem[: -len(".ome")] if path.stem.lower().endswith(".ome") else path.stem
    return dataclasses.replace(
        image,
        name=f"{stem} [{image.name or index}]" if len(tif.series) > 1 else stem,
        channel_names=names,
        nodata=nodata,
        georeference=None if georeference.is_empty else georeference,
    )


def _pixels(path: Path, index: int, series: Any) -> tuple[Array, str]:
    """Return a series' pixels and axes, with RGB samples last and other samples as C."""
    page = series.keyframe
    if (
        series.nbytes > MEMORY_MAP_BYTES
        and series.dataoffset is not None
        and page.is_memmappable
        and not series.is_multifile
    ):
        data = tifffile.memmap(path, series=index, mode="r")
    elif series.nbytes > DECODE_TO_DISK_BYTES:
        data = series.asarray(out="memmap")
    else:
        data = series.asarray()
    axes: str = series.axes
    if page.photometric == tifffile.PHOTOMETRIC.PALETTE and not page.parent.is_imagej:
        # In ImageJ a palette is a display look-up table, in other files it is part of the image.
        data, axes = np.moveaxis(page.colormap[:, data] >> 8, 0, -1).astype(np.uint8), axes + "S"
    if "S" in axes:
        position = axes.index("S")
        data = np.moveaxis(data, position, -1)
        axes = axes.replace("S", "") + "S"
        if not _is_colour(page, data.shape[-1]):
            # Bands are planes: they come before the two axes of a plane.
            data, axes = np.moveaxis(data, -1, -3), f"{axes[:-3]}C{axes[-3:-1]}"
    return data, axes


def _is_colour(page: Any, samples: int) -> bool:
    kinds = tifffile.PHOTOMETRIC
    if page.photometric == kinds.PALETTE:
        return True
    alpha = not page.extrasamples or page.extrasamples[0] != tifffile.EXTRASAMPLE.UNSPECIFIED
    return page.photometric in (kinds.RGB, kinds.YCBCR) and (
        samples == 3 or (samples == 4 and alpha)
    )


def _pages_are_missing(tif: Any) -> bool:
    """Return whether the last page points to a page beyond the end of the file."""
    handle = tif.filehandle
    handle.seek(tif.pages.next_page_offset)
    return any(handle.read(tif.tiff.offsetsize))


def write_tiff(path: Path, image: Image) -> None:
    """Write an image as TIFF, in the dialect that stores most of its metadata."""
    data = np.asarray(image.data)
    tags = [] if image.georeference is None else geotiff_tags(image.georeference)
    coloured = image.channel_axis is not None
    options: dict[str, Any] = {"photometric": "rgb" if coloured else "minisblack"}
    if image.samples == 4:
        options["extrasamples"] = ["unassalpha"]
    if image.nodata is not None:
        tags.append(nodata_tag(image.nodata))
    if path.stem.lower().endswith(".ome"):
        options["ome"] = True
        options["metadata"] = tiff_metadata.ome(image)
    elif image.georeference is not None:
        options["metadata"] = tiff_metadata.shaped(image)["metadata"]
        options["planarconfig"] = "separate" if "C" in image.axes and len(data) > 1 else None
    elif _imagej_takes(data) and tiff_metadata.imagej_suits(image):
        options["imagej"] = True
        options.update(tiff_metadata.imagej(image))
        data = data.astype(data.dtype.newbyteorder(">"), copy=False)
    else:
        options.update(tiff_metadata.shaped(image))

    def save(temporary: Path) -> None:
        tifffile.imwrite(temporary, data, extratags=tags, **options)

    write_atomically(path, save, hint=TIFF_HINT)


def _imagej_takes(data: Array) -> bool:
    return data.nbytes < (_IMAGEJ_BYTES if data.itemsize == 1 else _IMAGEJ_COPY_BYTES)
