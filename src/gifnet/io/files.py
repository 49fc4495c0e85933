"""Reading and writing of image files of any format, with grid and provenance record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
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
    """Read all images of a file: one of a picture, one per series of a TIFF.

    Parameters
    ----------
    path : str or Path
        A file of one of `FORMATS`, or an OME-Zarr folder, whose pixels are read on access.

    Returns
    -------
    list of Image
        At least one.

    Raises
    ------
    ReadError
        If the file is missing, empty, damaged or of an unknown format.
    """
    path, series = split_series(path)
    if series:
        return [_one_series(path, series)]
    found = find_format(path)
    if path.is_dir() and not (found and found.folder):
        if not is_ngff(path):
            raise ReadError(f"{path} is a folder; give the image files in it.")
        found = OME_ZARR
    if found is None:
        if not path.exists():
            raise ReadError(f"There is no file {path}.")
        known = ", ".join(READABLE)
        raise ReadError(
            f"{path} has no known format; use a file with one of these suffixes: {known}."
        )
    return found.read(path)


def split_series(path: str | Path) -> tuple[Path, str]:
    """Return a path and the series that it names after two colons, such as scan.tif::1."""
    whole = Path(path)
    name, mark, series = str(path).rpartition("::")
    return (whole, "") if not mark or not series or whole.exists() else (Path(name), series)


def _one_series(path: Path, series: str) -> Image:
    """Return one image of a file, by its number among all series, or by its name."""
    found = find_format(path)
    if series.isdecimal() and found is not None and found.reader == "tiff:read_tiff":
        everything = replace(found, reader="tiff:read_all_series").read(path)
        if int(series) < len(everything):
            return everything[int(series)]
        raise ReadError(
            f"{path} contains no series {series}; it contains {len(everything)}, from 0."
        )
    images = read_images(path)
    for number, image in enumerate(images):
        if str(number) == series or image.name == series or image.name.endswith(f"[{series}]"):
            return image
    names = ", ".join(image.name for image in images)
    raise ReadError(f"{path} contains no series {series!r}; it contains {names}.")


def read_image(path: str | Path, series: int | str | None = None) -> Image:
    """Return the one image of a file, or of an OME-Zarr folder.

    Parameters
    ----------
    path : str or Path
        As in `read_images`.
    series : int or str, optional
        The number, from 0, or the name of the image to return if the file contains several.

    Raises
    ------
    ReadError
        If it cannot be read; see `read_images`.
    InvalidInputError
        If the file contains several images.
    """
    images = read_images(path)
    if len(images) > 1 and series is not None:
        return _one_series(Path(path), str(series))
    if len(images) > 1:
        shapes = ", ".join(f"{image.name} {image.data.shape}" for image in images)
        raise InvalidInputError(
            f"{str(path)!r} contains {len(images)} images ({shapes}); add the number of the "
            f"one to use to the name, such as {path}::0, or give series=0 (--series 0)."
        )
    return images[0]


def read_ngff(path: str | Path) -> Image:
    """Open an OME-Zarr folder with any name. Its pixels are read on access.

    Raises
    ------
    ReadError
        If the folder contains no OME-Zarr image, or zarr is not installed.
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
    """Write one image. The file appears under its name only when it is complete.

    Parameters
    ----------
    path : str or Path
        The suffix selects one of `FORMATS`: .ome.tif, .tif, .tiff or .zarr (any type, with pixel
        sizes, units and description), .png (8 bits, or grey with 16 bits) or .jpg (8 bits).
    data : Image or array
        The image, or its pixels. dask and zarr arrays are written to OME-Zarr strip by strip.
    axes : str
        tifffile's letters, one per axis; S (RGB(A) samples) is last. This and the following
        parameters apply to arrays only.
    scale, units : sequence, optional
        Pixel sizes and their units, one per axis except S.
    translate : sequence, optional
        World position of the first pixel's centre in `units`, one per axis except S. Stored in
        TIFF and OME-Zarr; in OME-TIFF along X, Y and Z only.
    description : mapping, optional
        A record of JSON values. `read_images` returns it as ``metadata["gifnet"]``.
    nodata : number, optional
        The value of missing pixels in `data`. Stored in TIFF, in GDAL's tag.

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
    """Write an image as OME-Zarr 0.4. See `write_image` for parameters and errors."""
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
    """Write bands as a GeoTIFF. The file appears under its name only when it is complete.

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
        A record of JSON values. `read_images` returns it as ``metadata["gifnet"]``.
    nodata : number, optional
        The value of missing pixels in `bands`.

    Raises
    ------
    WriteError
        If the suffix is not one of these, or the file cannot be written.
    """
    path, data = Path(path), np.asarray(bands)
    if path.suffix.lower() not in (".tif", ".tiff") or data.ndim != 3:
        raise WriteError(
            f"Cannot write bands of shape {data.shape} as {path}; give (B, H, W) and a name ending "
            "in .tif."
        )
    record = None if description is None else dict(description)
    write_image(path, Image(data, "CYX", record=record, nodata=nodata, georeference=place))


def _tuple(values: Sequence[T] | None) -> tuple[T, ...]:
    return () if values is None else tuple(values)
