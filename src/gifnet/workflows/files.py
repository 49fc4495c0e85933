"""Files in, one file out: what the commands and batches have in common.

Large files are never in memory as a whole: sources are read by parts where their format
allows it, and a large result is put together in a scratch file beside its own.
"""

from __future__ import annotations

import contextlib
import math
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InvalidInputError, WriteError
from ..io.files import ImageFile, read_images, write_image
from ..io.nodata import put_nodata
from ..io.ome_zarr import SUFFIX, is_ngff, read_ngff, write_ngff
from ..options import FuseOptions

#: Results above this size are put together on disk.
SCRATCH_BYTES = 256 * 2**20


def open_image(path: str | Path) -> ImageFile:
    """Return the one image of a file, or of an OME-Zarr folder.

    Parameters
    ----------
    path : path
        What `gifnet.io.files.read_images` reads, or a folder that ends in .zarr, whose finest level
        is read by parts when it is used.

    Raises
    ------
    ReadError
        If it cannot be read.
    InvalidInputError
        If it holds several images.
    """
    path = Path(path)
    if path.suffix.lower() == SUFFIX or (path.is_dir() and is_ngff(path)):
        return _open_stored(path)
    images = read_images(path)
    if len(images) > 1:
        shapes = ", ".join(f"{image.name} {image.data.shape}" for image in images)
        raise InvalidInputError(
            f"{str(path)!r} holds {len(images)} images ({shapes}); save the one to use in a file "
            "of its own."
        )
    return images[0]


def _open_stored(path: Path) -> ImageFile:
    stored = read_ngff(path)
    data, axes = stored.levels[0], stored.axes
    if "S" in axes[:-1]:
        import dask.array as da

        data = da.moveaxis(da.from_array(data), axes.index("S"), -1)
        axes = axes.replace("S", "") + "S"
    return ImageFile(
        stored.name,
        data,
        axes,
        stored.scale,
        stored.units,
        stored.translate,
        stored.channel_names,
        stored.metadata,
    )


class Scratch:
    """Makes arrays for results: in memory if they are small, in deleted files otherwise.

    Parameters
    ----------
    beside : Path
        The file that the result goes to; its folder has to have room for it twice.
    """

    def __init__(self, beside: str | Path):
        self._folder = Path(beside).absolute().parent
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Scratch:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def array(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """Return an array to write into, valid until the scratch is left.

        Raises
        ------
        WriteError
            If there is no room for it.
        """
        dtype = np.dtype(dtype)
        if math.prod(shape) * dtype.itemsize <= SCRATCH_BYTES:
            return np.empty(shape, dtype)
        try:
            # Without a name: nothing is left behind, whatever happens.
            file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115
            self._stack.callback(file.close)
            return np.memmap(file, dtype, "w+", shape=shape)
        except OSError as error:
            raise WriteError(
                f"There is no room for the result in {str(self._folder)!r}: {error.strerror}. "
                "Write to another folder."
            ) from error


def channel_axis(images: Sequence[ImageFile], options: FuseOptions) -> Any:
    """Return the option of this name: files tell where their colour channels are."""
    if options.channel_axis != "auto":
        return options.channel_axis
    return -1 if any(image.channel_axis is not None for image in images) else None


def save_result(
    path: str | Path, data: Any, images: Sequence[ImageFile], record: Mapping[str, Any]
) -> None:
    """Write a result on the first source's grid, with the record of how it came about.

    Where it lacks data it gets the first source's nodata value, if that has one; OME-Zarr keeps
    NaN.

    Raises
    ------
    WriteError
        If the format cannot hold it, or the file cannot be written.
    """
    grids = [(i.axes.replace("S", ""), i.scale, i.units, i.translate) for i in images]
    # A plane fused with a stack gives a stack.
    rank = max(len(grid[0]) for grid in grids)
    grids = [grid for grid in grids if len(grid[0]) == rank]
    # The sources share one grid: where the first knows no pixel size, the second's holds.
    known = (grid for grid in grids if set(grid[2]) != {"pixel"})
    axes, scale, units, translate = next(known, grids[0])
    if data.ndim > rank:
        axes += "S"
    stored = Path(path).suffix.lower() == SUFFIX
    nodata = None if stored and data.dtype.kind == "f" else images[0].nodata
    data, nodata = put_nodata(data, nodata)
    arguments: dict[str, Any] = {
        "axes": axes,
        "scale": scale,
        "units": units,
        "translate": translate or None,
        "description": {"sources": [image.name for image in images], **record},
    }
    if stored:
        write_ngff(path, data, **arguments)
    else:
        write_image(path, data, **arguments, nodata=nodata)
