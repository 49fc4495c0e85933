"""Reading of rasters that GDAL knows and tifffile does not: JPEG 2000 and VRT."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from ...imaging.arrays import with_missing
from ..geotiff import Georeference
from ..image import Image
from ..pixels.alpha import mark_missing

#: Larger rasters are read block by block.
LAZY_BYTES = 256 * 2**20
_SIDE = 1024


def read_raster(path: Path) -> list[Image]:
    """Return the bands of a raster, with its place on Earth, nodata value, masks and overviews."""
    import rasterio

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(path) as opened:
            return [_image(path, opened)]


def _image(path: Path, opened: Any) -> Image:
    from rasterio.enums import ColorInterp, MaskFlags

    alphas = [i for i, kind in enumerate(opened.colorinterp) if kind == ColorInterp.alpha]
    bands = [index + 1 for index in range(opened.count) if index not in alphas]
    dtype = np.dtype(opened.dtypes[bands[0] - 1])
    has_mask = any(
        flag in flags
        for flags in opened.mask_flag_enums
        for flag in (MaskFlags.nodata, MaskFlags.per_dataset, MaskFlags.alpha)
    )
    kinds = tuple(opened.colorinterp)[:3]
    coloured = len(bands) == 3 and kinds == (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
    lazy = len(bands) * opened.height * opened.width * dtype.itemsize > LAZY_BYTES
    read = _lazy if lazy else _whole
    data, *coarser = (
        _arranged(read(path, bands, factor, dtype, has_mask), coloured)
        for factor in (1, *(opened.overviews(bands[0]) if lazy else ()))
    )
    place = georeference_of_raster(opened)
    axes = "YXS" if coloured else ("CYX" if len(bands) > 1 else "YX")
    lead = axes.startswith("C")
    scale, units = ((1.0, 1.0), ("pixel",) * 2)
    origin: tuple[float, ...] = (0.0, 0.0)
    direction = None
    if place is not None and (found := place.place()):
        scale, units, origin = (tuple(found[axis][i] for axis in "YX") for i in range(3))  # type: ignore[assignment]
        turn = place.direction()
        if turn is not None:
            direction = np.eye(2 + lead)
            direction[-2:, -2:] = turn
    names = tuple(opened.descriptions[band - 1] or "" for band in bands)
    return Image(
        data,
        axes,
        (1.0,) * lead + tuple(scale),
        ("pixel",) * lead + tuple(units),
        (0.0,) * lead + tuple(origin),
        path.stem,
        names if lead and all(names) else (),
        nodata=_nodata(opened, dtype),
        coarser=tuple(coarser),
        georeference=place,
        direction=direction,
    )


def _nodata(opened: Any, dtype: np.dtype[np.generic]) -> Any:
    value = opened.nodata
    if value is None:
        return None
    return int(value) if dtype.kind in "iu" and value == int(value) else float(value)


def georeference_of_raster(opened: Any) -> Georeference | None:
    """Return the place of a raster as the tags that a GeoTIFF has for it."""
    import rasterio

    if opened.crs is None or opened.transform.is_identity:
        return None
    with rasterio.MemoryFile() as held:
        with held.open(driver="GTiff", width=1, height=1, count=1, dtype="uint8", crs=opened.crs):
            pass
        with tifffile.TiffFile(io.BytesIO(held.read())) as tif:
            page: Any = tif.pages.first
            tags = {code: page.tags[code].value for code in (34735, 34736, 34737)
                    if code in page.tags}  # fmt: skip
    return Georeference.from_corner(tuple(opened.transform)[:6], tags)


def _arranged(data: Any, coloured: bool) -> Any:
    if coloured:
        return data.transpose((1, 2, 0))
    return data[0] if data.shape[0] == 1 else data


def _whole(path: Path, bands: list[int], factor: int, dtype: Any, has_mask: bool) -> Any:
    import rasterio

    with rasterio.open(path) as opened:
        data = opened.read(bands)
        missing = opened.read_masks(bands) == 0 if has_mask else np.zeros(1, bool)
    return with_missing(data, missing)


def _lazy(path: Path, bands: list[int], factor: int, dtype: Any, has_mask: bool) -> Any:
    import dask.array as da
    import rasterio
    from rasterio.windows import Window

    level = {}
    if factor > 1:
        with rasterio.open(path) as opened:
            level = {"overview_level": opened.overviews(bands[0]).index(factor)}
    with rasterio.open(path, **level) as opened:
        height, width = opened.height, opened.width

    def block(block_info: Any = None) -> Any:
        (_, (top, bottom), (left, right)) = block_info[None]["array-location"]
        window = Window(left, top, right - left, bottom - top)
        with rasterio.open(path, **level) as opened:
            data = opened.read(bands, window=window)
            if not has_mask:
                return data
            return mark_missing(data, opened.read_masks(bands, window=window) == 0)

    chunks = ((len(bands),), _sides(height), _sides(width))
    empty: Any = np.empty((0, 0, 0), dtype)
    meta = np.ma.MaskedArray(empty) if has_mask and dtype.kind != "f" else empty
    return da.map_blocks(block, chunks=chunks, dtype=dtype, meta=meta)


def _sides(length: int) -> tuple[int, ...]:
    return tuple(min(_SIDE, length - start) for start in range(0, length, _SIDE))
