"""Image files in and out, whatever their format, with place and provenance record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from ..errors import InvalidInputError, ReadError, WriteError
from ..imaging.arrays import Pixels
from .formats import OME_ZARR, READABLE, find_format, output_format
from .geotiff import Georeference
from .image import Image
from .nodata import NoData
from .ome_zarr import is_ngff

T = TypeVar("T")


def read_images(path: str | Path) -> list[Image]:
    """Read every image of a file: one for a picture, one per series for TIFF.

    Parameters
    ----------
    path : str or Path
        A file of one of `FORMATS`, or an OME-Zarr folder, whose pixels are read when they are
        used.

    Returns
    -------
    list of Image
        At least one.

    Raises
    ------
    ReadError
        If the file is missing, empty, damaged or of another kind.
    """
    path = Path(path)
    found = find_format(path)
    if path.is_dir() and not (found and found.folder):
        if not is_ngff(path):
            raise ReadError(f"{path} is a folder; give the image files in it.")
        found = OME_ZARR
    if found is None:
        if not path.exists():
            raise ReadError(f"There is no file {path}.")
        known = ", ".join(READABLE)
        raise ReadError(f"{path} is not of a kind that can be read; known suffixes are {known}.")
    return found.read(path)


def read_image(path: str | Path) -> Image:
    """Return the one image of a file, or of an OME-Zarr folder.

    Raises
    ------
    ReadError
        If it cannot be read; see `read_images`.
    InvalidInputError
        If the file holds several images.
    """
    images = read_images(path)
    if len(images) > 1:
        shapes = ", ".join(f"{image.name} {image.data.shape}" for image in images)
        raise InvalidInputError(
            f"{str(path)!r} holds {len(images)} images ({shapes}); save the one to use in a file "
            "of its own."
        )
    return images[0]


def read_ngff(path: str | Path) -> Image:
    """Open an OME-Zarr image of any name; its pixels are read when they are used.

    Raises
    ------
    ReadError
        If the folder holds no such image, or zarr is not installed.
    """
    return OME_ZARR.read(Path(path))[0]


def write_image(
    path: str | Path,
    data: Image | Pixels | npt.ArrayLike,
    *,
    axes: str | None = None,
    scale: Sequence[float] | None = None,
    units: Sequence[str] | None = None,
    translate: Sequence[float] | None = None,
    description: Mapping[str, object] | None = None,
    nodata: NoData | None = None,
) -> None:
    """Write one image, under its name only when the file is complete.

    Parameters
    ----------
    path : str or Path
        Its suffix chooses one of `FORMATS`: .ome.tif, .tif, .tiff or .zarr (any type; pixel sizes,
        units and the description are kept), .png (8 bits, or grey with 16) or .jpg (8 bits).
    data : Image or array
        The image, or its pixels; OME-Zarr also takes dask and zarr, strip by strip.
    axes : str
        tifffile's letters, one per axis; S, RGB(A) samples, last. For an array only, like all
        that follow.
    scale, units : sequence, optional
        Pixel sizes and their units, one per axis except S.
    translate : sequence, optional
        World position of the first pixel's centre in `units`, one per axis except S; kept by
        TIFF and OME-Zarr, by OME-TIFF along X, Y and Z only.
    description : mapping, optional
        A record of JSON values, which `read_images` gives back as ``metadata["gifnet"]``.
    nodata : number, optional
        The value that pixels without data have in `data`; kept by TIFF, as GDAL has it.

    Raises
    ------
    WriteError
        If the suffix is unknown or does not suit the data, or the file cannot be written.
    """
    path = Path(path)
    target = output_format(path)
    if not isinstance(data, Image):
        pixels: Any = data if hasattr(data, "ndim") else np.asarray(data)
        place = _tuple(scale), _tuple(units), _tuple(translate)
        record = None if description is None else dict(description)
        try:
            data = Image(pixels, axes or "", *place, record=record, nodata=nodata)
        except InvalidInputError as error:
            raise WriteError(str(error)) from None
    target.write(path, data)


def write_ngff(path: str | Path, data: Image | Pixels | npt.ArrayLike, **place: Any) -> None:
    """Write an image as OME-Zarr 0.4; parameters and errors are those of `write_image`."""
    if find_format(path) is not OME_ZARR:
        raise WriteError(
            f"Cannot write {path} as OME-Zarr: its name does not end in .zarr. Save it as .tif "
            "instead."
        )
    write_image(path, data, **place)


def write_geotiff(
    path: str | Path,
    bands: npt.ArrayLike,
    place: Georeference,
    description: Mapping[str, object] | None = None,
    nodata: NoData | None = None,
) -> None:
    """Write bands as a GeoTIFF, under its name only when the file is complete.

    Parameters
    ----------
    path : str or Path
        Ends in .tif or .tiff.
    bands : (B, H, W) array
        Of any type.
    place : Georeference
        Written as ModelPixelScale and ModelTiepoint, or as ModelTransformation if rotated, with
        its reference system, band names and wavelengths.
    description : mapping, optional
        A record of JSON values, which `read_images` gives back as ``metadata["gifnet"]``.
    nodata : number, optional
        The value that pixels without data have in `bands`.

    Raises
    ------
    WriteError
        If the suffix is another, or the file cannot be written.
    """
    path, data = Path(path), np.asarray(bands)
    if path.suffix.lower() not in (".tif", ".tiff") or data.ndim != 3:
        raise WriteError(
            f"Cannot write bands of shape {data.shape} as {path}; give (B, H, W) and a name ending "
            "in .tif."
        )
    scale, units = place.pixel_size()
    record = None if description is None else dict(description)
    write_image(
        path, Image(data, "CYX", scale, units, record=record, nodata=nodata, georeference=place)
    )


def _tuple(values: Sequence[T] | None) -> tuple[T, ...]:
    return () if values is None else tuple(values)
