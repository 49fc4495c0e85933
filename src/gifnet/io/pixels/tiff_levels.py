"""The levels of a TIFF series: in memory, mapped, or read tile by tile."""

from __future__ import annotations

import weakref
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import tifffile

#: Side of the chunks, at least, in which compressed files are read.
_SIDE = 1024
#: Coarser levels of a pyramid, until one has at most this side.
_COARSEST = 512


def stored_levels(
    path: Path, index: int, series: Any, map_above: int, lazy_above: int
) -> list[Any]:
    """Return the pixels of a series, followed by the coarser levels of a large pyramid.

    Parameters
    ----------
    map_above : int
        Uncompressed series above this number of bytes are memory maps.
    lazy_above : int
        Other series above it are dask arrays, whose tiles are decoded on access.
    """
    page = series.keyframe
    if (
        series.nbytes > map_above
        and series.dataoffset is not None
        and page.is_memmappable
        and not series.is_multifile
        and len(series.levels) == 1
    ):
        return [tifffile.memmap(path, series=index, mode="r")]
    if series.nbytes <= lazy_above:
        return [series.asarray()]
    if find_spec("zarr") is None:
        return [series.asarray(out="memmap")]
    return _lazy_levels(path, index, is_ome=series.kind == "ome")


def _lazy_levels(path: Path, index: int, is_ome: bool) -> list[Any]:
    import dask.array as da
    import zarr

    # The file stays open as long as the arrays are used.
    tif = tifffile.TiffFile(path, is_ome=None if is_ome else False)
    series: Any = tif.series[index]
    levels = []
    for number, level in enumerate(series.levels):
        store = series.aszarr(level=number)
        weakref.finalize(store, tif.close)
        stored = zarr.open_array(store=store, mode="r")
        if stored.shape != tuple(level.shape):
            break
        levels.append(da.from_array(stored, chunks=_chunks(stored.shape, stored.chunks)))
        if max(_plane(level)) <= _COARSEST:
            break
    # A pyramid has the same axes at every level; other reduced pages are thumbnails.
    finest = levels[0]
    return [level for level in levels if level.ndim == finest.ndim]


def _plane(series: Any) -> tuple[int, ...]:
    return tuple(side for axis, side in zip(series.axes, series.shape, strict=True) if axis in "YX")


def _chunks(shape: tuple[int, ...], stored: tuple[int, ...]) -> tuple[int, ...]:
    """Return whole multiples of the stored tiles along the planes' axes."""
    chunks = []
    for side, tile in zip(shape, stored, strict=True):
        count = max(1, _SIDE // tile) if tile > 1 or side > _SIDE else 1
        chunks.append(min(side, tile * count))
    return tuple(chunks)
