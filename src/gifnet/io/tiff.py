"""Reading and writing of TIFF through tifffile: OME, ImageJ, GeoTIFF and plain pages."""

from __future__ import annotations

import dataclasses
import warnings
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt
import tifffile

from ..errors import GifnetWarning, ReadError
from . import tiff_metadata
from .atomic import write_atomically
from .formats import TIFF_HINT
from .geotiff import Georeference, georeference_of, geotiff_tags, has_place
from .image import Image
from .nodata import nodata_tag, read_nodata, without_nodata
from .pixels import alpha, photometric
from .pixels.exif import Photo, append_exif, photo_of, tiff_tags
from .pixels.orientation import TAG, known, turned
from .pixels.tiff_levels import stored_levels

Array = npt.NDArray[np.generic]

#: Uncompressed data above this size are memory-mapped instead of read.
MEMORY_MAP_BYTES = 64 * 2**20
#: Compressed data above this size are decoded tile by tile when they are read.
DECODE_TO_DISK_BYTES = 256 * 2**20
_IMAGEJ_BYTES = 2 * 2**30
#: ImageJ's byte order needs a copy in memory, except for single bytes.
_IMAGEJ_COPY_BYTES = 2**29
_KINDS = tifffile.PHOTOMETRIC
#: Flags of NewSubfileType (TIFF 6.0, tag 254).
_REDUCED, _MASK = 1, 4
_LOOKS = ("thumbnail", "label", "macro", "overview image")


def read_tiff(path: Path) -> list[Image]:
    """Return the images of a TIFF file, one per series, without thumbnails and masks."""
    with _opened(path) as tif:
        kept = [i for i in range(len(tif.series)) if not _is_aside(tif, i)]
        images = [_read_series(path, tif, index, len(kept)) for index in kept]
        if not tif.is_ome and _pages_are_missing(tif):
            raise ReadError(
                f"Cannot read {path}: the file is truncated, and its last pages are missing."
            )
    return images


def read_all_series(path: Path) -> list[Image]:
    """Return the images of a TIFF file, one per series, thumbnails and masks too."""
    with _opened(path) as tif:
        count = len(tif.series)
        return [_read_series(path, tif, index, count) for index in range(count)]


def _opened(path: Path) -> tifffile.TiffFile:
    """Open a file, as OME-TIFF only if its description can be read and its files are there."""
    tif = tifffile.TiffFile(path)
    problem = _ome_problem(path, tif) if tif.is_ome else None
    if problem is None:
        return tif
    tif.close()
    warnings.warn(f"{path}: {problem}", GifnetWarning, stacklevel=2)
    return tifffile.TiffFile(path, is_ome=False)


def _ome_problem(path: Path, tif: tifffile.TiffFile) -> str | None:
    try:
        root = ElementTree.fromstring(str(tif.ome_metadata))
    except ElementTree.ParseError as error:
        return (
            f"its OME description is malformed ({error}). The pixels are read; their place, units "
            "and channel names are lost."
        )
    files = {str(found.get("FileName") or path.name) for found in root.iter() if
             found.tag.endswith("}UUID")}  # fmt: skip
    missing = sorted(name for name in files if not (path.parent / name).is_file())
    # A renamed file still names itself by its old name.
    if missing and files != set(missing) | {path.name} and len(files) == len(missing) == 1:
        return None
    if missing:
        return (
            f"{', '.join(missing)}, which belong{'s' if len(missing) == 1 else ''} to its set of "
            "files, is missing. Only the planes of this file are read."
        )
    return None


def _is_aside(tif: tifffile.TiffFile, index: int) -> bool:
    """Return whether a series is a mask, or a thumbnail or label of another one."""
    if len(tif.series) == 1:
        return False
    series: Any = tif.series[index]
    flags = int(series.keyframe.subfiletype or 0)
    if flags & _MASK or series.keyframe.photometric == _KINDS.MASK:
        return True
    words = str(series.name or "").lower()
    if not (flags & _REDUCED or any(look == words for look in _LOOKS)):
        return False
    # Some programs flag every page. One has to be the image.
    return not all(int(other.keyframe.subfiletype or 0) & _REDUCED for other in tif.series)


def _read_series(path: Path, tif: tifffile.TiffFile, index: int, count: int) -> Image:
    series: Any = tif.series[index]
    page = series.keyframe
    photometric.require_known(path, page)
    own = tif.is_ome or tif.is_imagej
    georeference = Georeference(None) if own else georeference_of(page)
    placed = not own and has_place(page)
    levels = stored_levels(path, index, series, MEMORY_MAP_BYTES, DECODE_TO_DISK_BYTES)
    read = [_pixels(level, series.axes, page, placed) for level in levels]
    axes = read[0][1]
    nodata = _nodata(page, levels[0].dtype)
    mask = None if own else _mask_of(path, tif, page)
    photo, orientation = _photo(path, tif, index, page, placed)
    coloured = "S" in axes
    finished = []
    for data, _ in read:
        if nodata is not None:
            data = without_nodata(data, nodata, coloured)
        if mask is not None and data is read[0][0]:
            data = alpha.with_mask(data, mask, coloured)
        finished.append(turned(data, orientation, coloured) if orientation > 1 else data)
    image = tiff_metadata.describe(tif, index, finished[0], axes, georeference)
    names = georeference.band_names() or georeference.wavelengths()
    if "C" not in axes or image.channel_names or len(names) != image.data.shape[axes.index("C")]:
        names = image.channel_names
    stem = path.stem[: -len(".ome")] if path.stem.lower().endswith(".ome") else path.stem
    return dataclasses.replace(
        image,
        name=f"{stem} [{image.name or index}]" if count > 1 else stem,
        channel_names=names,
        nodata=nodata,
        coarser=tuple(level for level in finished[1:] if level.shape[: len(axes)]),
        georeference=None if georeference.is_empty else georeference,
        photo=photo,
        orientation=orientation,
    )


def _nodata(page: Any, dtype: np.dtype[np.generic]) -> Any:
    # The nodata value of a palette is an index, and colours have replaced the indices.
    if page.photometric in (_KINDS.PALETTE, _KINDS.SEPARATED, _KINDS.YCBCR):
        return None
    value = read_nodata(page, dtype)
    if value is None or not photometric.is_negative(page):
        return value
    return np.asarray(photometric.inverted(np.array(value, dtype), page.bitspersample)).item()


def _pixels(data: Any, axes: str, page: Any, placed: bool) -> tuple[Any, str]:
    """Return pixels and axes, with RGB samples last and other samples as C."""
    if page.photometric == _KINDS.PALETTE and not page.parent.is_imagej:
        # In ImageJ a palette is a display look-up table, in other files it is part of the image.
        return photometric.coloured_by_palette(page, data), axes + "S"
    if not page.parent.is_imagej:
        data = photometric.positive(data, page)
    if "S" not in axes:
        return data, axes
    data, axes = _moved_last(data, axes.index("S")), axes.replace("S", "") + "S"
    samples = data.shape[-1]
    if page.photometric == _KINDS.YCBCR or photometric.is_separated(page):
        return photometric.to_rgb(data, page), axes
    flagged = bool(page.extrasamples) and page.extrasamples[-1] in (1, 2)
    if samples == 2 and flagged and page.photometric in (_KINDS.MINISBLACK, _KINDS.MINISWHITE):
        return alpha.without_alpha(data), axes[:-1]
    if _is_colour(page, samples) and not (placed and samples == 4 and alpha.is_band(data[..., 3])):
        return data, axes
    # Bands are planes: they come before the two axes of a plane.
    order = (*range(data.ndim - 3), data.ndim - 1, data.ndim - 3, data.ndim - 2)
    return data.transpose(order), f"{axes[:-3]}C{axes[-3:-1]}"


def _moved_last(data: Any, axis: int) -> Any:
    order = [index for index in range(data.ndim) if index != axis]
    return data if axis == data.ndim - 1 else data.transpose([*order, axis])


def _is_colour(page: Any, samples: int) -> bool:
    flagged = not page.extrasamples or page.extrasamples[0] != tifffile.EXTRASAMPLE.UNSPECIFIED
    return page.photometric in (_KINDS.RGB, _KINDS.YCBCR) and (
        samples == 3 or (samples == 4 and flagged)
    )


def _mask_of(path: Path, tif: tifffile.TiffFile, page: Any) -> Any:
    """Return the mask of a page that the file, or a .msk file of GDAL, holds."""
    shape = (page.imagelength, page.imagewidth)
    pages: list[Any] = list(tif.pages)[:16]
    for other in pages:
        flags = int(getattr(other, "subfiletype", 0) or 0)
        if flags & _MASK and (other.imagelength, other.imagewidth) == shape:
            return other.asarray()
    beside = path.with_name(f"{path.name}.msk")
    if beside.is_file():
        mask = tifffile.imread(beside, series=0)
        return mask if mask.shape == shape else None
    return None


def _photo(
    path: Path, tif: tifffile.TiffFile, index: int, page: Any, placed: bool
) -> tuple[Photo, int]:
    """Return the profile, EXIF, and orientation of a page."""
    if tif.is_ome or tif.is_imagej:
        return Photo(), 1
    tag = page.tags.get(TAG)
    orientation = 1 if tag is None or placed else known(tag.value)
    profile = page.tags.get(34675)
    icc = bytes(profile.value) if profile is not None and profile.value else b""
    if photometric.is_separated(page):
        icc = b""  # the pixels have become RGB
    exif = b""
    if index == 0 and any(code in page.tags for code in (34665, 271, 272, 306)):
        import PIL.Image

        try:
            with PIL.Image.open(path) as picture:
                exif = photo_of(picture)[0].exif
        except Exception:  # kinds of TIFF that Pillow does not open
            exif = b""
    return Photo(icc, exif), orientation


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
    tags += tiff_tags(image.photo)
    if path.stem.lower().endswith(".ome"):
        options["ome"] = True
        options["metadata"] = tiff_metadata.ome(image)
    elif image.georeference is not None:
        options["metadata"] = tiff_metadata.shaped(image)["metadata"]
        options["planarconfig"] = "separate" if "C" in image.axes and len(data) > 1 else None
    elif not image.photo.exif and _imagej_takes(data) and tiff_metadata.imagej_suits(image):
        options["imagej"] = True
        options.update(tiff_metadata.imagej(image))
        data = data.astype(data.dtype.newbyteorder(">"), copy=False)
    else:
        options.update(tiff_metadata.shaped(image))

    def save(temporary: Path) -> None:
        tifffile.imwrite(temporary, data, extratags=tags, **options)
        if image.photo.exif:
            append_exif(temporary, image.photo)

    write_atomically(path, save, hint=TIFF_HINT)


def _imagej_takes(data: Array) -> bool:
    return data.nbytes < (_IMAGEJ_BYTES if data.itemsize == 1 else _IMAGEJ_COPY_BYTES)
