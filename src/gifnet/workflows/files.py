"""Fusion of files, for the commands, batches and the plugin.

Large files are never in memory as a whole: sources are read in parts if their format allows it,
and a large result is assembled in a scratch file in its own folder.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from .. import fusion
from ..errors import InvalidInputError, WriteError
from ..geometry import Grid
from ..imaging.arrays import Pixels
from ..io.atomic import require_free
from ..io.files import read_image, write_geotiff, write_image
from ..io.formats import output_format
from ..io.geo.warp import in_system_of
from ..io.geotiff import Georeference
from ..io.image import Image
from ..io.nodata import put_nodata
from ..io.ome_zarr import is_ngff
from ..io.pairs import differs_in_a_number, images_in, natural_order
from ..io.pixels.exif import Photo
from ..io.pixels.orientation import stored_shape, turned, turned_back
from ..options import FuseOptions
from ..progress import Progress
from ..provenance import versions
from .align import register_image, warn_of_misalignment
from .pansharpen import pansharpen
from .scratch import Scratch
from .stacks.fuser import StackFuser

#: Makes a progress bar for a part of the work, from the name of that part.
Bar: TypeAlias = Callable[[str], AbstractContextManager[Progress]]
#: Receives messages for the user, one line each.
Note: TypeAlias = Callable[[str], object]


def no_bar(name: str) -> AbstractContextManager[None]:
    """Show no progress."""
    return nullcontext()


def fuse_files(
    first: Path,
    second: Path,
    output: Path,
    options: FuseOptions | None = None,
    *,
    mask: Path | None = None,
    registration: str = "none",
    measure: str = "edges",
    overwrite: bool = False,
    fuser: fusion.Fuser | None = None,
    bar: Bar = no_bar,
    note: Note | None = None,
) -> None:
    """Fuse two files into one.

    Parameters
    ----------
    first, second : Path
        Image files, or OME-Zarr folders, of one image each.
    output : Path
        The result, on the first source's grid, with its nodata value and the record.
    options : FuseOptions, optional
        `channel_axis` comes from the files unless it is given.
    mask : Path, optional
        The file for the first source's share per pixel, with 8 bits in pictures.
    registration, measure : str
        Register the second source to the first one first; see `gifnet.register`.
    overwrite : bool
        Replace existing files.
    fuser : Fuser, optional
        A loaded network. Its options replace `options`.
    bar, note : callable, optional
        Show progress and messages. With `note`, misaligned sources cause a warning.

    Raises
    ------
    GifnetError
        If a file cannot be read, fused or written. No file is left half-written.
    """
    options = _options(options, fuser)
    _require_outputs(output, mask, overwrite)
    images = [read_image(first), read_image(second)]
    _require_formats(output, mask, images, options.chroma)
    began = time.perf_counter()
    extra: dict[str, object] = {"operation": "fuse"}
    if registration != "none":
        with bar("registering") as progress:
            images[1], extra["registration"], text = register_image(
                images[1], images[0], registration, measure, progress
            )
        if note:
            note(text)
    elif note:
        warn_of_misalignment(images, note)
    with _fusing(options, fuser, images) as used, Scratch(output) as scratch:
        with bar("fusing") as progress:
            done = used.run(
                *(image.data for image in images),
                want_share=mask is not None,
                out=(scratch.array, scratch.array),
                progress=progress,
            )
        record = {**done.record, **extra}
        save_result(output, done.image, images, record)
        if mask is not None:
            save_result(mask, _fit_to_format(done.share, mask), images, record)
        _report(note, output, f"{used.model} on {used.device}", began)


def enhance_file(
    image: Path,
    output: Path,
    options: FuseOptions | None = None,
    *,
    overwrite: bool = False,
    bar: Bar = no_bar,
    note: Note | None = None,
) -> None:
    """Enhance the image of a file. See `fuse_files` for parameters and errors."""
    options = _options(options)
    _require_outputs(output, None, overwrite)
    images = [read_image(image)]
    _require_formats(output, None, images, options.chroma)
    began = time.perf_counter()
    with _fusing(options, None, images) as used, Scratch(output) as scratch:
        with bar("enhancing") as progress:
            done = used.run_enhancement(images[0].data, out=scratch.array, progress=progress)
        save_result(output, done.image, images, {**done.record, "operation": "enhance"})
        _report(note, output, f"{used.model} on {used.device}", began)


def stack_files(
    slices: Sequence[Path],
    output: Path,
    options: FuseOptions | None = None,
    *,
    depth: Path | None = None,
    align: str = "none",
    reference: int | None = None,
    method: str = "network",
    overwrite: bool = False,
    fuser: fusion.Fuser | None = None,
    bar: Bar = no_bar,
    note: Note | None = None,
) -> None:
    """Fuse the slices of a focus stack or exposure bracket into one file.

    The slices are files of one plane each, a folder of them, or one file with a stack axis. Files
    whose names differ in one number are taken in the order of that number. `depth` is the file for
    the number of the slice with the greatest share per pixel. See `gifnet.fuse_stack` and
    `fuse_files` for other parameters and errors.
    """
    options = _options(options, fuser)
    _require_outputs(output, depth, overwrite)
    slices = _slice_files(slices)
    images = [read_image(path) for path in slices]
    images = _in_one_orientation(images, note)
    single = len(images) == 1
    if single and len(images[0].placed_axes) != 3:
        raise InvalidInputError(
            f"{str(slices[0])!r} has axes {images[0].axes}, not one of slices; give a file with a "
            "Z axis, or several files."
        )
    if not single and any(len(image.placed_axes) != 2 for image in images):
        raise InvalidInputError("Several files are given, and not all of them hold one plane.")
    planes = [images[0].without_axis(images[0].axes[0])] if single else images
    _require_formats(output, None, planes, "auto")
    axis = -1 if images[0].channel_axis is not None else None
    began = time.perf_counter()
    with contextlib.ExitStack() as opened:
        owner = fuser or opened.enter_context(fusion.Fuser(options))
        used = owner.with_options(channel_axis=axis)
        with bar("fusing") as progress:
            fused = StackFuser(used).fuse(
                images[0].data if single else [image.data for image in images],
                align=align,
                reference=reference,
                method=method,
                progress=progress,
            )
        computed = method if method != "network" else f"{used.model} on {used.device}"
    record = {**fused.provenance, "sources": [image.name for image in images]}
    save_result(output, fused.image, planes, record)
    if depth is not None:
        save_result(depth, fused.depth, planes, record)
    _report(note, output, computed, began)


def _slice_files(slices: Sequence[Path]) -> list[Path]:
    """Return the files of a stack, from a folder or in the order of their numbers."""
    files = list(slices)
    if len(files) == 1 and files[0].is_dir() and not is_ngff(files[0]):
        files = images_in(files[0])
        if not files:
            raise InvalidInputError(f"{str(slices[0])!r} holds no image.")
    return natural_order(files) if differs_in_a_number(files) else files


def _in_one_orientation(images: Sequence[Image], note: Note | None) -> list[Image]:
    """Turn all slices like the first one, if a camera has turned the same planes differently."""
    orientations = {image.orientation for image in images}
    stored = {stored_shape(image.plane_shape, image.orientation) for image in images}
    if len(orientations) == 1 or len(stored) != 1:
        return list(images)
    wanted = images[0].orientation
    if note:
        note(
            f"note: the slices have the orientations {sorted(orientations)}; all are turned like "
            f"the first one ({wanted})."
        )
    turns = []
    for image in images:
        coloured = image.channel_axis is not None
        flat = turned_back(image.data, image.orientation, coloured)
        data = turned(flat, wanted, coloured)
        turns.append(dataclasses.replace(image, data=data, orientation=wanted, coarser=()))
    return turns


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
    options = dataclasses.replace(_options(options), task="pansharpen")
    _require_outputs(output, None, overwrite)
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
    _report(note, output, method, began)


def _common_grids(
    places: Sequence[Georeference], sharp: tuple[int, ...], coarse: tuple[int, ...]
) -> tuple[Grid | None, Grid | None]:
    """Return both grids if both files have them in the same reference system, else none."""
    systems = [place.reference_system for place in places]
    grids = places[0].grid(sharp), places[1].grid(coarse)
    placed = systems[0] is not None and systems[0] == systems[1] and None not in grids
    return grids if placed else (None, None)


def _options(options: FuseOptions | None, fuser: fusion.Fuser | None = None) -> FuseOptions:
    return fuser.options if fuser else options or FuseOptions()


@contextlib.contextmanager
def _fusing(
    options: FuseOptions, fuser: fusion.Fuser | None, images: Sequence[Image]
) -> Iterator[fusion.Fuser]:
    """Lend a fuser whose options include the files' channel axis."""
    axis = options.channel_axis
    if axis == "auto":
        axis = -1 if any(image.channel_axis is not None for image in images) else None
    with contextlib.ExitStack() as stack:
        owner = fuser or stack.enter_context(fusion.Fuser(options))
        yield owner.with_options(channel_axis=axis)


def _report(note: Note | None, output: Path, computed: str, began: float) -> None:
    if note:
        note(f"{output}: {computed}, {time.perf_counter() - began:.1f} s")


def _require_outputs(output: Path, extra: Path | None, overwrite: bool) -> None:
    """Refuse equal names, existing files and unknown formats before the work."""
    if extra is not None and extra.resolve() == output.resolve():
        raise WriteError(f"The result and the mask are both {str(output)!r}; name them apart.")
    for path in (output, extra):
        if path is not None:
            require_free(path, overwrite)
            output_format(path)


def _require_formats(output: Path, mask: Path | None, images: Sequence[Image], chroma: str) -> None:
    """Refuse formats that cannot hold the results before the work."""
    axes = max((image.placed_axes for image in images), key=len)
    coloured = [image for image in images if image.channel_axis is not None and chroma != "none"]
    samples = max((image.samples for image in coloured), default=1)
    kind = images[0].data.dtype
    output_format(output).require(output, kind, f"{axes}S" if coloured else axes, samples)
    if mask is not None:
        output_format(mask).require(mask, np.dtype(np.uint8), axes, 1)


def _fit_to_format(share: npt.NDArray[np.float32], path: Path) -> npt.NDArray[np.generic]:
    """Return a mask unchanged for formats that hold any type, and in 8 bits for the others."""
    if output_format(path).pixels is None:
        return share
    return (share * 255).round().astype(np.uint8)


def save_result(
    path: Path, data: Pixels, images: Sequence[Image], record: Mapping[str, object]
) -> None:
    """Write a result on the first source's grid, with its record.

    Missing pixels get the first source's nodata value, if it has one. OME-Zarr keeps NaN.

    Raises
    ------
    WriteError
        If the format cannot hold it, or the file cannot be written.
    """
    # A plane fused with a stack gives a stack.
    rank = max(len(image.placed_axes) for image in images)
    full = [image for image in images if len(image.placed_axes) == rank]
    # The sources share one grid. If the first has no pixel size, the second's is used.
    placed = (image for image in full if set(image.units) != {"pixel"})
    like = next(placed, full[0])
    lossless = not output_format(path).nodata and data.dtype.kind == "f"
    data, nodata = put_nodata(data, None if lossless else images[0].nodata)
    coloured = data.ndim > rank
    photos = (image.photo for image in (like, *images))
    photo = next((photo for photo in photos if photo.fits(coloured)), Photo(b"", like.photo.exif))
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
        photo=Photo(photo.profile, like.photo.exif),
    )
    write_image(path, result)
