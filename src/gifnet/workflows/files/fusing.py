"""Fusion of files, for the commands, batches and the plugin.

Large files are never in memory as a whole: sources are read in parts if their format allows it,
and a large result is assembled in a scratch file in its own folder.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ... import fusion
from ...errors import GifnetError
from ...geometry import Grid
from ...imaging.arrays import Pixels
from ...imaging.common_grid import Reference, in_own_type
from ...imaging.ranges import split_range_spec
from ...io.files import read_image
from ...io.image import Image
from ...options import FuseOptions
from ...progress import Progress, Reporter
from ...registration.api import find_registration, misalignment
from ...registration.transform import Transform
from ..scratch import Scratch
from .grids import Placement, place_images
from .results import (
    Bar,
    Note,
    asked_type,
    fit_to_format,
    no_bar,
    options_of,
    report,
    require_formats,
    require_outputs,
    result_type,
    save_result,
)

#: Larger images are checked only on request, because they may not fit in memory.
_MAX_EXAMINED_BYTES = 256 * 2**20


def fuse_files(
    sources: Sequence[Path],
    output: Path,
    options: FuseOptions | None = None,
    *,
    mask: Path | None = None,
    place: str = "auto",
    reference: Reference = "finer",
    dtype: str | None = None,
    series: int | str | None = None,
    registration: str = "none",
    measure: str = "edges",
    overwrite: bool = False,
    fuser: fusion.Fuser | None = None,
    bar: Bar = no_bar,
    note: Note | None = None,
) -> None:
    """Fuse two or more files into one.

    Parameters
    ----------
    sources : sequence of Path
        Image files, or OME-Zarr folders, of one image each. The default model takes any number,
        the others take two.
    output : Path
        The result, on the reference's grid, with its place, colour profile and EXIF, the first
        source's nodata value, and the record.
    options : FuseOptions, optional
        `channel_axis` comes from the files unless it is given.
    mask : Path, optional
        The file for the first source's share per pixel, with 8 bits in pictures.
    place : {"auto", "world", "same-field", "pixels"}
        How the files are placed on each other: by the positions and pixel sizes that they state,
        by their field of view, which is the same, or pixel by pixel. "auto" is "world" if all
        files state their place, otherwise "pixels".
    reference : {"finer", "first", "second"} or int
        The file, or its number from 0, whose grid the result has. "finer" is the one with the
        most axes, then that with the smallest pixels, then the first.
    dtype : str, optional
        The type of the result, such as "uint8". By default that of the first source, or of the
        first coloured one if the result is coloured. Another integer type gets the value range
        spread over all of the type, floats keep the values.
    series : int or str, optional
        The number, from 0, or the name of the image to take from files that contain several.
    registration, measure : str
        Register the other sources to the reference first; see `gifnet.register`.
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
    options = options_of(options, fuser)
    require_outputs(output, mask, overwrite)
    images = [read_image(path, series) for path in sources]
    placement = place_images(images, place, reference, any_size=registration != "none")
    images = list(placement.images)
    asked, own = asked_type(dtype), result_type(images, options.chroma)
    require_formats(output, mask, images, options.chroma, asked)
    began = time.perf_counter()
    extra: dict[str, object] = {"operation": "fuse", "reference": placement.like.name}
    if registration != "none":
        placement, extra["registration"] = _registered(placement, registration, measure, bar, note)
    with Scratch(output) as scratch, contextlib.ExitStack() as opened:
        with bar("placing") as progress:
            tick = Reporter(progress).check
            found = placement.on_one_grid(options.value_range, tick, scratch.array)
        if registration == "none" and note:
            _warn_of_misalignment(found.images, placement.grids, placement.reference, note)
        if found.value_range != split_range_spec(options.value_range, len(images)):
            options = options.updated(value_range=found.value_range)
        used = opened.enter_context(_fusing(options, fuser, images))
        with bar("fusing") as progress:
            done = used.run(
                *found.images,
                shares="none" if mask is None else "first",
                out=(scratch.array, scratch.array),
                dtype=None if asked == own else asked,
                progress=progress,
            )
        record = {**done.record, **extra, "place": placement.place}
        coloured = done.image.ndim > placement.like.world.ndim
        fused = in_own_type(done.image, own if asked is None else asked, coloured, scratch.array)
        save_result(output, fused, images, record, placement.like)
        if mask is not None:
            save_result(mask, fit_to_format(done.shares, mask), images, record, placement.like)
        report(note, output, f"{used.model} on {used.device}", began)


def _registered(
    placement: Placement, kind: str, measure: str, bar: Bar, note: Note | None
) -> tuple[Placement, object]:
    """Return a placement with the other images registered to the reference, and the record.

    The record is a list if several images are registered.
    """
    fixed, grids = placement.like, placement.grids
    records: list[dict[str, object]] = []
    for number, image in enumerate(placement.images):
        if number == placement.reference:
            continue
        with bar("registering") as progress:
            pair = grids[number], grids[placement.reference]
            found = _find_transform((image.data, fixed.data), pair, kind, measure, progress)
        placement = placement.moved(number, found)
        records.append({"moving": image.name, "reference": fixed.name, **found.to_dict()})
        if note:
            note(found.describe())
    return placement, records[0] if len(records) == 1 else records


def _find_transform(
    data: Sequence[Pixels], grids: Sequence[Grid], kind: str, measure: str, progress: Progress
) -> Transform:
    """Return the transform of a moving image onto a reference, given in this order.

    Colours are on the last axis of either.
    """
    return find_registration(
        *data,
        kind=kind,
        measure=measure,
        channel_axis=_channel_axis(data, grids),
        moving_grid=grids[0].trailing(2),
        reference_grid=grids[1].trailing(2),
        progress=progress,
    )


def _warn_of_misalignment(
    data: Sequence[Pixels],
    grids: Sequence[Grid],
    reference: int,
    note: Callable[[str], object],
) -> None:
    """Report images on one grid that look misaligned with the reference, unless they are large."""
    if any(each.nbytes > _MAX_EXAMINED_BYTES for each in data):
        return
    axis = _channel_axis(data, grids)
    for number, image in enumerate(data):
        if number == reference:
            continue
        pair = (image, data[reference]) if number < reference else (data[reference], image)
        try:
            found = misalignment(*pair, channel_axis=axis)
        except GifnetError:  # the fusion itself reports what is wrong
            continue
        if found.found:
            which = f"Source {number + 1}: " if len(data) > 2 else ""
            note(f"warning: {which}{found.warning} See --register.")


def _channel_axis(data: Sequence[Pixels], grids: Sequence[Grid]) -> int | None:
    pairs = zip(data, grids, strict=True)
    return -1 if any(each.ndim > grid.ndim for each, grid in pairs) else None


def enhance_file(
    image: Path,
    output: Path,
    options: FuseOptions | None = None,
    *,
    dtype: str | None = None,
    series: int | str | None = None,
    overwrite: bool = False,
    bar: Bar = no_bar,
    note: Note | None = None,
) -> None:
    """Enhance the image of a file. See `fuse_files` for parameters and errors."""
    options = options_of(options)
    require_outputs(output, None, overwrite)
    images, asked = [read_image(image, series)], asked_type(dtype)
    require_formats(output, None, images, options.chroma, asked)
    began = time.perf_counter()
    with _fusing(options, None, images) as used, Scratch(output) as scratch:
        with bar("enhancing") as progress:
            done = used.run_enhancement(
                images[0].data, out=scratch.array, dtype=asked, progress=progress
            )
        save_result(output, done.image, images, {**done.record, "operation": "enhance"})
        report(note, output, f"{used.model} on {used.device}", began)


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
        yield owner.with_options(options, channel_axis=axis)
