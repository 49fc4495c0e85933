"""Results of workflows as files: what is refused before the work, and what is written."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ... import fusion
from ...errors import GifnetWarning, InvalidInputError, WriteError
from ...imaging.arrays import Pixels
from ...imaging.common_grid import type_source
from ...io.atomic import require_free
from ...io.files import write_image
from ...io.formats import FORMATS, in_words, output_format
from ...io.image import Image
from ...io.nodata import put_nodata
from ...io.pixels.exif import Photo
from ...options import FuseOptions
from ...progress import Progress

#: Makes a progress bar for a part of the work, from the name of that part.
Bar: TypeAlias = Callable[[str], AbstractContextManager[Progress]]
#: Receives messages for the user, one line each.
Note: TypeAlias = Callable[[str], object]


def no_bar(name: str) -> AbstractContextManager[None]:
    """Show no progress."""
    return nullcontext()


def options_of(options: FuseOptions | None, fuser: fusion.Fuser | None = None) -> FuseOptions:
    return fuser.options if fuser else options or FuseOptions()


def report(note: Note | None, output: Path, computed: str, began: float) -> None:
    if note:
        note(f"{output}: {computed}, {time.perf_counter() - began:.1f} s")


def require_outputs(output: Path, extra: Path | None, overwrite: bool) -> None:
    """Refuse equal names, existing files and unknown formats before the work."""
    if extra is not None and extra.resolve() == output.resolve():
        raise WriteError(f"The result and the mask are both {str(output)!r}; name them apart.")
    for path in (output, extra):
        if path is not None:
            require_free(path, overwrite)
            output_format(path)


def result_type(images: Sequence[Image], chroma: str) -> np.dtype[np.generic]:
    """Return the type of the source whose type and value range the result has."""
    coloured = [image.channel_axis is not None for image in images]
    return np.dtype(images[type_source(coloured, chroma)].data.dtype)


def asked_type(dtype: str | None) -> np.dtype[np.generic] | None:
    """Return the type that is asked for.

    Raises
    ------
    InvalidInputError
        If there is no such type of numbers.
    """
    if dtype is None:
        return None
    try:
        found: np.dtype[np.generic] = np.dtype(dtype)
    except TypeError:
        found = np.dtype(object)
    if found.kind not in "biuf" or found.itemsize > 8:
        raise InvalidInputError(
            f"dtype is {dtype!r}; give the name of a type of numbers, such as uint8, uint16 or "
            "float32."
        )
    return found


def require_formats(
    output: Path,
    mask: Path | None,
    images: Sequence[Image],
    chroma: str,
    dtype: np.dtype[np.generic] | None = None,
) -> None:
    """Refuse formats that cannot hold the results before the work."""
    axes = max((image.placed_axes for image in images), key=len)
    coloured = [image for image in images if image.channel_axis is not None and chroma != "none"]
    samples = max((image.samples for image in coloured), default=1)
    kind = result_type(images, chroma) if dtype is None else dtype
    output_format(output).require(output, kind, f"{axes}S" if coloured else axes, samples)
    if mask is not None:
        output_format(mask).require(mask, np.dtype(np.uint8), axes, 1)


def fit_to_format(share: npt.NDArray[np.float32], path: Path) -> npt.NDArray[np.generic]:
    """Return a mask unchanged for formats that hold any type, and in 8 bits for the others."""
    if output_format(path).pixels is None:
        return share
    return (share * 255).round().astype(np.uint8)


def save_result(
    path: Path,
    data: Pixels,
    images: Sequence[Image],
    record: Mapping[str, object],
    like: Image | None = None,
) -> None:
    """Write a result at the place of one of its sources, with its record.

    Missing pixels get the first source's nodata value, if it has one. OME-Zarr keeps NaN.

    Parameters
    ----------
    path : Path
    data : array
    images : sequence of Image
        The sources.
    record : mapping
    like : Image, optional
        The source whose grid, place, profile and EXIF the result has; the first by default.

    Raises
    ------
    WriteError
        If the format cannot hold it, or the file cannot be written.
    """
    like = like or images[0]
    lossless = not output_format(path).nodata and data.dtype.kind == "f"
    data, nodata = put_nodata(data, None if lossless else images[0].nodata)
    coloured = data.ndim > len(like.placed_axes)
    photos = [image.photo for image in (like, *images)]
    profiles = (photo.profile for photo in photos if photo.fits(coloured))
    exifs = (photo.exif for photo in photos if photo.exif)
    place = like.georeference
    result = Image(
        data,
        like.placed_axes + "S" * coloured,
        like.scale,
        like.units,
        like.translate,
        record={"sources": [image.name for image in images], **record},
        nodata=nodata,
        georeference=None if place is None or "C" in like.axes else place.without_bands(),
        direction=like.direction,
        photo=Photo(next(profiles, b""), next(exifs, b"")),
    )
    _warn_of_lost_place(path, result)
    write_image(path, result)


def _warn_of_lost_place(path: Path, image: Image) -> None:
    """Say what of a place a format loses that has places, but not such ones."""
    form = output_format(path)
    lost = {
        "reference system": image.georeference is not None,
        "direction": image.direction is not None and image.georeference is None,
    }
    names = [name for name, there in lost.items() if there and name not in form.keeps]
    if form.place and names:
        able = [f.written[0] for f in FORMATS if f.written and set(names) <= set(f.keeps)]
        warnings.warn(
            f"{path.name}: {form.name} does not keep the {' and '.join(names)} of the reference. "
            f"Use a name ending in {in_words(able)}.",
            GifnetWarning,
            stacklevel=2,
        )
