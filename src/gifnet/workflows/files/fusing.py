"""Fusion of files, for the commands, batches and the plugin.

Large files are never in memory as a whole: sources are read in parts if their format allows it,
and a large result is assembled in a scratch file in its own folder.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from ... import fusion
from ...io.files import read_image
from ...io.image import Image
from ...options import FuseOptions
from ..align import register_image, warn_of_misalignment
from ..scratch import Scratch
from .results import (
    Bar,
    Note,
    fit_to_format,
    no_bar,
    options_of,
    report,
    require_formats,
    require_outputs,
    save_result,
)


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
    options = options_of(options, fuser)
    require_outputs(output, mask, overwrite)
    images = [read_image(first), read_image(second)]
    require_formats(output, mask, images, options.chroma)
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
                shares="none" if mask is None else "first",
                out=(scratch.array, scratch.array),
                progress=progress,
            )
        record = {**done.record, **extra}
        save_result(output, done.image, images, record)
        if mask is not None:
            save_result(mask, fit_to_format(done.shares, mask), images, record)
        report(note, output, f"{used.model} on {used.device}", began)


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
    options = options_of(options)
    require_outputs(output, None, overwrite)
    images = [read_image(image)]
    require_formats(output, None, images, options.chroma)
    began = time.perf_counter()
    with _fusing(options, None, images) as used, Scratch(output) as scratch:
        with bar("enhancing") as progress:
            done = used.run_enhancement(images[0].data, out=scratch.array, progress=progress)
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
        yield owner.with_options(channel_axis=axis)
