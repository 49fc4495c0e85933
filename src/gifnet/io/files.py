"""Image files in and out, with pixel size, units, axes and the provenance record.

TIFF goes through tifffile (OME, ImageJ, GeoTIFF and plain pages), PNG, JPEG and BMP through
Pillow. Files are written under a temporary name and renamed when they are complete.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ReadError, WriteError
from . import tiff_metadata
from .atomic import write_atomically
from .nodata import NoData, nodata_tag, read_nodata, without_nodata
from .pictures import read_picture, write_picture

Array = npt.NDArray[Any]

TIFF_SUFFIXES = (".tif", ".tiff", ".btf")
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")

#: Uncompressed TIFF data above this size are memory-mapped instead of read.
MEMORY_MAP_BYTES = 64 * 2**20
#: Compressed TIFF data above this size are decoded into a temporary file.
DECODE_TO_DISK_BYTES = 256 * 2**20
_IMAGEJ_BYTES = 2 * 2**30
#: ImageJ's byte order needs a copy in memory of all but single bytes.
_IMAGEJ_COPY_BYTES = 2**29


@dataclass(frozen=True)
class ImageFile:
    """One image of a file.

    Attributes
    ----------
    name : str
        The file's stem, with the image's own name where the file holds several.
    data : array
        The pixels; memory maps for large TIFF files, dask or zarr for OME-Zarr. Where a TIFF file
        has GDAL's nodata value, they are NaN in floats and masked in integers, and large files
        with such a value are dask.
    axes : str
        tifffile's letters, one per axis of `data`, such as "ZYX" or "YXS"; S, the samples of
        RGB or RGBA, is always last.
    scale : tuple of float
        Pixel sizes, one per axis except S; 1.0 where unknown.
    units : tuple of str
        Units of `scale` such as "um" or "s"; "pixel" where unknown.
    translate : tuple of float
        World position of the first pixel's centre, one per axis except S, in `units`. The
        northing of a GeoTIFF is negated, so that rows run downwards.
    channel_names : tuple of str
        Names along axis C, empty if there are none.
    metadata : dict
        The provenance record under "gifnet", where the file has one.
    nodata : number or None
        What stands for missing pixels in the file, where it says so.
    """

    name: str
    data: Any
    axes: str
    scale: tuple[float, ...]
    units: tuple[str, ...]
    translate: tuple[float, ...] = ()
    channel_names: tuple[str, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    nodata: NoData | None = None

    @property
    def channel_axis(self) -> int | None:
        """The index of the RGB(A) axis, or None for grey images."""
        return self.axes.index("S") if "S" in self.axes else None


def is_readable(path: str | Path) -> bool:
    """Tell by its suffix whether `read_images` reads a file of this name."""
    return Path(path).suffix.lower() in TIFF_SUFFIXES + PICTURE_SUFFIXES


def read_images(path: str | Path) -> list[ImageFile]:
    """Read every image of a file: one for a picture, one per series for TIFF.

    Parameters
    ----------
    path : str or Path
        A TIFF, PNG, JPEG or BMP file.

    Returns
    -------
    list of ImageFile
        At least one.

    Raises
    ------
    ReadError
        If the file is missing, empty, damaged or of another kind.
    """
    path = Path(path)
    if path.is_dir():
        raise ReadError(f"{path} is a folder; give the image files in it.")
    if not path.is_file():
        raise ReadError(f"There is no file {path}.")
    if not is_readable(path):
        known = ", ".join(TIFF_SUFFIXES + PICTURE_SUFFIXES)
        raise ReadError(f"{path} is not of a kind that can be read; known suffixes are {known}.")
    read = _read_tiff if path.suffix.lower() in TIFF_SUFFIXES else _read_picture
    try:
        images = read(path)
    except ReadError:
        raise
    # Decoders report damage with exceptions of many unrelated types.
    except Exception as error:
        raise ReadError(f"Cannot read {path}: {_reason(error)}") from error
    if not images or any(image.data.size == 0 for image in images):
        raise ReadError(f"{path} holds no image.")
    return images


def _reason(error: Exception) -> str:
    text = str(error) or type(error).__name__
    if "decompression bomb" in text:
        return "the picture has more pixels than are read from such files; save it as TIFF"
    return f"{text} (the file may be damaged or cut short)"


def _stem(path: Path) -> str:
    stem = path.stem
    return stem[: -len(".ome")] if stem.lower().endswith(".ome") else stem


def _read_tiff(path: Path) -> list[ImageFile]:
    import tifffile

    with tifffile.TiffFile(path) as tif:
        several = len(tif.series) > 1
        images = []
        for index, series in enumerate(tif.series):
            data, axes = _pixels(tifffile, path, index, series)
            nodata = _nodata(tifffile, series.keyframe, data.dtype)
            if nodata is not None:
                data = without_nodata(data, nodata, "S" in axes)
            found = tiff_metadata.describe(tif, index, axes)
            name = f"{_stem(path)} [{found.name or index}]" if several else _stem(path)
            images.append(
                ImageFile(
                    name,
                    data,
                    axes,
                    found.scale,
                    found.units,
                    found.translate,
                    found.channel_names,
                    found.metadata,
                    nodata,
                )
            )
        if not tif.is_ome and _pages_are_missing(tif):
            raise ReadError(f"Cannot read {path}: the file is cut short, its last pages are lost.")
    return images


def _pixels(tifffile: Any, path: Path, index: int, series: Any) -> tuple[Array, str]:
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
        # ImageJ's palettes are display look-up tables; elsewhere they are the picture itself.
        data, axes = np.moveaxis(page.colormap[:, data] >> 8, 0, -1).astype(np.uint8), axes + "S"
    if "S" in axes:
        position = axes.index("S")
        data = np.moveaxis(data, position, -1)
        axes = axes.replace("S", "") + "S"
        if not _is_colour(tifffile, page, data.shape[-1]):
            # Bands are planes: they come before the two axes of a plane.
            data, axes = np.moveaxis(data, -1, -3), f"{axes[:-3]}C{axes[-3:-1]}"
    return data, axes


def _nodata(tifffile: Any, page: Any, dtype: np.dtype[Any]) -> NoData | None:
    # That of a palette is one of its indices, which are no longer there.
    palette = page.photometric == tifffile.PHOTOMETRIC.PALETTE
    return None if palette else read_nodata(page, dtype)


def _is_colour(tifffile: Any, page: Any, samples: int) -> bool:
    kinds = tifffile.PHOTOMETRIC
    if page.photometric == kinds.PALETTE:
        return True
    alpha = not page.extrasamples or page.extrasamples[0] != tifffile.EXTRASAMPLE.UNSPECIFIED
    return page.photometric in (kinds.RGB, kinds.YCBCR) and (
        samples == 3 or (samples == 4 and alpha)
    )


def _pages_are_missing(tif: Any) -> bool:
    """Tell whether the last page points to a further one, which the file does not hold."""
    handle = tif.filehandle
    handle.seek(tif.pages.next_page_offset)
    return any(handle.read(tif.tiff.offsetsize))


def _read_picture(path: Path) -> list[ImageFile]:
    data, record = read_picture(path)
    axes = "YXS" if data.ndim == 3 else "YX"
    image = ImageFile(path.stem, data, axes, (1.0, 1.0), ("pixel", "pixel"), (0.0, 0.0))
    if record is not None:
        image.metadata["gifnet"] = record
    return [image]


def write_image(
    path: str | Path,
    data: npt.ArrayLike,
    *,
    axes: str,
    scale: Sequence[float] | None = None,
    units: Sequence[str] | None = None,
    translate: Sequence[float] | None = None,
    description: Mapping[str, Any] | None = None,
    nodata: NoData | None = None,
) -> None:
    """Write one image, under its name only when the file is complete.

    Parameters
    ----------
    path : str or Path
        Ends in .ome.tif, .tif, .tiff (any type; pixel sizes, units and the description are
        kept), .png (8 bits, or grey with 16) or .jpg (8 bits).
    data : array
        The pixels.
    axes : str
        tifffile's letters, one per axis; S, RGB(A) samples, last.
    scale, units : sequence, optional
        Pixel sizes and their units, one per axis except S.
    translate : sequence, optional
        World position of the first pixel's centre in `units`, one per axis except S; kept by
        TIFF, by OME-TIFF along X, Y and Z only.
    description : mapping, optional
        A record of JSON values, which `read_images` gives back as ``metadata["gifnet"]``.
    nodata : number, optional
        The value that pixels without data have in `data`; kept by TIFF, as GDAL has it.

    Raises
    ------
    WriteError
        If the suffix is unknown or does not suit the data, or the file cannot be written.
    """
    path, data = Path(path), np.asarray(data)
    if len(axes) != data.ndim:
        raise WriteError(f"axes {axes!r} do not fit data of shape {data.shape}.")
    sized = len(axes.replace("S", ""))
    scale = (1.0,) * sized if scale is None else tuple(float(s) for s in scale)
    units = ("pixel",) * sized if units is None else tuple(map(tiff_metadata.unit_name, units))
    origin = (0.0,) * sized if translate is None else tuple(float(t) for t in translate)
    if {len(scale), len(units), len(origin)} != {sized}:
        raise WriteError(
            f"scale {scale}, units {units} and translate {origin} need {sized} values for axes "
            f"{axes!r}."
        )
    place = tiff_metadata.Place(axes, data.shape, scale, units, origin)
    record = None if description is None else dict(description)
    suffix = path.suffix.lower()
    save: Callable[[Path], None]
    if suffix in (".tif", ".tiff"):
        save = _tiff_writer(path, data, place, record, nodata)
    elif suffix in (".png", ".jpg", ".jpeg"):
        save = _picture_writer(path, data, axes, record)
    else:
        raise WriteError(f"Cannot write {path}; use a name ending in .tif, .ome.tif, .png or .jpg.")
    write_atomically(path, save, hint=".tif takes every kind of image.")


def _tiff_writer(
    path: Path,
    data: Array,
    place: tiff_metadata.Place,
    record: dict[str, Any] | None,
    nodata: NoData | None,
) -> Callable[[Path], None]:
    import tifffile

    coloured = place.axes.endswith("S")
    options: dict[str, Any] = {"photometric": "rgb" if coloured else "minisblack"}
    if coloured and data.shape[-1] == 4:
        options["extrasamples"] = ["unassalpha"]
    if nodata is not None:
        options["extratags"] = [nodata_tag(nodata)]
    if path.stem.lower().endswith(".ome"):
        options["ome"] = True
        options["metadata"] = tiff_metadata.ome(place, record)
    elif _imagej_takes(data) and tiff_metadata.imagej_suits(data.dtype, place):
        options["imagej"] = True
        options.update(tiff_metadata.imagej(place, record))
        data = data.astype(data.dtype.newbyteorder(">"), copy=False)
    else:
        options.update(tiff_metadata.shaped(place, record))

    def save(temporary: Path) -> None:
        tifffile.imwrite(temporary, data, **options)

    return save


def _imagej_takes(data: Array) -> bool:
    return data.nbytes < (_IMAGEJ_BYTES if data.itemsize == 1 else _IMAGEJ_COPY_BYTES)


def check_format(path: str | Path, dtype: np.dtype[Any], axes: str, channels: int) -> None:
    """Refuse a file whose format cannot hold an image; a TIFF holds any.

    Parameters
    ----------
    path : path
        The file to write.
    dtype : dtype
        Of the pixels.
    axes : str
        One letter an axis, S last for colour channels.
    channels : int
        How many colour channels there are, 1 for grey.

    Raises
    ------
    WriteError
        If a picture file cannot hold it.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in PICTURE_SUFFIXES:
        return
    jpeg = suffix != ".png"
    if axes not in ("YX", "YXS"):
        suits = False
    elif dtype == np.uint8:
        suits = channels in ((1, 3) if jpeg else (1, 3, 4))
    else:
        suits = dtype == np.uint16 and channels == 1 and not jpeg
    if not suits:
        kinds = "8-bit grey or RGB" if jpeg else "8-bit grey, RGB or RGBA, or 16-bit grey"
        raise WriteError(
            f"Cannot write {axes} data of type {dtype} with {channels} channel(s) as {path}: the "
            f"format takes {kinds}. Use a name ending in .tif."
        )


def _picture_writer(
    path: Path, data: Array, axes: str, record: dict[str, Any] | None
) -> Callable[[Path], None]:
    jpeg = path.suffix.lower() != ".png"
    check_format(path, data.dtype, axes, data.shape[-1] if axes.endswith("S") else 1)

    def save(temporary: Path) -> None:
        write_picture(temporary, data, record, jpeg)

    return save
