"""Stacks of files: slices in, one image, its depth and its transforms out."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ... import fusion
from ...errors import InvalidInputError, WriteError
from ...geometry.region import Region
from ...imaging.arrays import lazy
from ...io.atomic import require_free
from ...io.files import read_image
from ...io.formats import output_format
from ...io.image import Image
from ...io.ome_zarr import is_ngff
from ...io.pairs import differs_in_a_number, images_in, natural_order
from ...io.pixels.orientation import stored_shape, turned, turned_back
from ...options import FuseOptions
from ..stacks.alignment import align_stack
from ..stacks.api import recorded_options, require_recorded_weights
from ..stacks.fuser import StackFuser
from ..stacks.settings import StackSettings
from ..stacks.slices import LUMINANCE
from ..stacks.transforms import write_transforms
from .results import (
    Bar,
    Note,
    no_bar,
    options_of,
    report,
    require_formats,
    require_outputs,
    save_result,
)


@dataclass(frozen=True, eq=False)
class _Stack:
    """The files of a stack: what is fused, and the planes that the result is placed like."""

    data: Any
    channel_axis: int | None
    planes: tuple[Image, ...]
    names: tuple[str, ...]
    decide_on: int | str | None = None
    spacing: float | None = None


def stack_files(
    slices: Sequence[Path],
    output: Path,
    options: FuseOptions | None = None,
    *,
    depth: Path | None = None,
    confidence: Path | None = None,
    sharpest: Path | None = None,
    settings: StackSettings | None = None,
    overwrite: bool = False,
    fuser: fusion.Fuser | None = None,
    bar: Bar = no_bar,
    note: Note | None = None,
    **overrides: Any,
) -> None:
    """Fuse the slices of a focus stack or exposure bracket into one file.

    Parameters
    ----------
    slices : sequence of Path
        Files of one plane each, a folder of them, or one file with a stack axis. Files whose names
        differ in one number are taken in the order of that number.
    output : Path
        The result.
    options : FuseOptions, optional
        As in `fuse_files`.
    depth, confidence : Path, optional
        The files for the measured depth and its confidence. The depth is in the unit of the
        spacing: that of the settings, otherwise of the file's Z axis, otherwise in slices.
    sharpest : Path, optional
        The file for the number of the slice with the greatest share per pixel.
    settings : StackSettings, optional
        How to fuse.
    overwrite, fuser, bar, note
        As in `fuse_files`.
    **overrides
        Single settings by name, as in `gifnet.fuse_stack`.

    Raises
    ------
    GifnetError
        If a file cannot be read, fused or written. No file is left half-written.
    """
    settings = (settings or StackSettings()).updated(**overrides)
    options = options_of(options, fuser)
    maps = {"depth": depth, "confidence": confidence, "sharpest": sharpest}
    _require_maps(output, maps, overwrite)
    stack = _read_stack(slices, note, settings.decide_on)
    settings = settings.updated(decide_on=stack.decide_on)
    if depth is not None or confidence is not None:
        settings = settings.updated(depth=True, spacing=settings.spacing or stack.spacing)
    require_formats(output, None, stack.planes, "auto")
    began = time.perf_counter()
    with contextlib.ExitStack() as opened:
        owner = fuser or opened.enter_context(fusion.Fuser(options))
        used = owner.with_options(channel_axis=stack.channel_axis)
        with bar("fusing") as progress:
            fused = StackFuser(used).fuse(stack.data, settings=settings, progress=progress)
        network = settings.method == "network" and settings.shares is None
        method = settings.method if settings.shares is None else "a given decision"
        computed = f"{used.model} on {used.device}" if network else method
    record = {**fused.provenance, "sources": list(stack.names)}
    planes = [_cropped(image, fused.region) for image in stack.planes]
    save_result(output, fused.image, planes, record)
    flat = [image.without_axis("C") if "C" in image.axes else image for image in planes]
    for name, path in maps.items():
        if path is not None:
            save_result(path, getattr(fused, name), flat, {**record, "values": name})
    report(note, output, computed, began)


def restack_files(
    slices: Sequence[Path], output: Path, like: Path, *, shares: Any = None, **files: Any
) -> None:
    """Fuse the slices of files again, as the record in a result's file says.

    Parameters
    ----------
    slices, output
        As in `stack_files`.
    like : Path
        The earlier result.
    shares : array, optional
        As in `gifnet.rerun_stack`.
    **files
        Further arguments of `stack_files`.

    Raises
    ------
    GifnetError
        As `stack_files` and `gifnet.rerun_stack`.
    """
    record = dict(read_image(like).record or {})
    settings = StackSettings.from_record(record, shares=shares)
    with fusion.Fuser(recorded_options(record)) as fuser:
        if settings.method == "network" and settings.shares is None:
            require_recorded_weights(fuser, record)
        stack_files(slices, output, settings=settings, fuser=fuser, **files)


def align_files(
    slices: Sequence[Path],
    transforms: Path,
    output: Path | None = None,
    *,
    settings: StackSettings | None = None,
    overwrite: bool = False,
    bar: Bar = no_bar,
    note: Note | None = None,
    **overrides: Any,
) -> None:
    """Register the slices of a stack, and write their transforms without fusing them.

    Parameters
    ----------
    slices, settings, overwrite, bar, note
        As in `stack_files`.
    transforms : Path
        The JSON file of the transforms, which `stack_files` takes through
        `gifnet.workflows.read_transforms`.
    output : Path, optional
        A file for the aligned slices, with a Z axis.
    **overrides
        Single settings by name.
    """
    settings = (settings or StackSettings(align="affine")).updated(**overrides)
    require_free(transforms, overwrite)
    if transforms.suffix.lower() != ".json":
        raise WriteError(f"{str(transforms)!r} is no name of a JSON file; end it in .json.")
    if output is not None:
        require_outputs(output, None, overwrite)
    stack = _read_stack(slices, note, settings.decide_on)
    began = time.perf_counter()
    with bar("aligning") as progress:
        found = align_stack(
            stack.data,
            align=settings.align,
            reference=settings.reference,
            transforms=settings.transforms,
            crop=settings.crop,
            decide_on=stack.decide_on,
            channel_axis=stack.channel_axis,
            progress=progress,
        )
    index = settings.reference_index(len(found.images))
    if output is not None:
        images = np.ma.stack(found.images)
        plane = _cropped(stack.planes[0], found.region)
        like = dataclasses.replace(
            plane,
            data=images,
            axes=f"Z{plane.axes}",
            scale=(1.0, *plane.scale),
            units=("pixel", *plane.units),
            translate=(0.0, *plane.translate),
            direction=None,
        )
        record = {
            "operation": "align_stack",
            "sources": list(stack.names),
            "stack": {
                "reference": index,
                "transforms": [one.to_dict() for one in found.transforms],
            },
        }
        save_result(output, images, [like], record)
    write_transforms(transforms, found.transforms, index, stack.names)
    report(note, transforms, f"{len(found.transforms)} transforms", began)


def _require_maps(output: Path, maps: Mapping[str, Path | None], overwrite: bool) -> None:
    """Refuse equal names, existing files, and formats that cannot hold a map."""
    paths = [output, *(path for path in maps.values() if path is not None)]
    for number, path in enumerate(paths):
        require_outputs(path, None, overwrite)
        if any(path.resolve() == other.resolve() for other in paths[:number]):
            raise WriteError(f"Two results are called {str(path)!r}; name them apart.")
        if number and output_format(path).pixels is not None:
            raise WriteError(f"{str(path)!r} cannot hold a map; give a name ending in .tif.")


def _read_stack(
    slices: Sequence[Path], note: Note | None, decide_on: int | str | None = None
) -> _Stack:
    """Return the slices of files.

    Raises
    ------
    GifnetError
        If a file cannot be read, or they are no stack.
    """
    slices = _slice_files(slices)
    images = _in_one_orientation([read_image(path) for path in slices], note)
    first, names = images[0], tuple(image.name for image in images)
    channels = decide_on is not None and "C" in first.axes
    decide_on = _channel_number(first, decide_on) if channels else decide_on
    axis = -1 if first.channel_axis is not None else None
    single, rank = len(images) == 1, 2 + channels
    if single and len(first.placed_axes) != rank + 1:
        raise InvalidInputError(
            f"{str(slices[0])!r} has axes {first.axes}, not one of slices; give a file with a "
            "Z axis, or several files. For channels, name the one to decide on (decide_on)."
        )
    if not single and any(len(image.placed_axes) != rank for image in images):
        raise InvalidInputError("Several files are given, and not all of them hold one plane.")
    if not single:
        return _Stack([image.data for image in images], axis, tuple(images), names, decide_on)
    name = next(letter for letter in first.axes if letter != "C")
    place = first.placed_axes.index(name)
    known = first.units[place] != "pixel" and first.scale[place] > 0
    spacing = first.scale[place] if known else None
    data = np.moveaxis(np.ma.asanyarray(first.data), place, 0) if place else first.data
    return _Stack(data, axis, (first.without_axis(name),), names, decide_on, spacing)


def _channel_number(image: Image, decide_on: int | str | None) -> int | str | None:
    """Return the number of a channel that is given by its name."""
    names = [name.lower() for name in image.channel_names]
    known = isinstance(decide_on, str) and decide_on.lower() in names
    if known or not isinstance(decide_on, str) or decide_on == LUMINANCE:
        return names.index(str(decide_on).lower()) if known else decide_on
    raise InvalidInputError(
        f"decide_on is {decide_on!r}, but {image.name!r} has the channels "
        f"{', '.join(image.channel_names) or 'without names'}; use one of them, a number, or "
        f"{LUMINANCE!r}."
    )


def _cropped(image: Image, region: Region) -> Image:
    """Return a part of a plane, or of planes, at its place."""
    height, width = image.plane_shape
    if region == Region.of(height, width):
        return image
    linear = np.diag(image.scale) if image.direction is None else image.direction * image.scale
    offset = np.zeros(len(image.scale))
    offset[-2:] = region.top, region.left
    at = [slice(None)] * image.data.ndim
    for letter, part in zip(image.placed_axes[-2:], region.slices, strict=True):
        at[image.axes.index(letter)] = part
    place = image.georeference
    if place is not None and place.matrix is not None:
        shift = np.array([[1.0, 0, region.top], [0, 1, region.left], [0, 0, 1]])
        place = place.moved(place.matrix @ shift)
    return dataclasses.replace(
        image,
        data=lazy(image.data)[tuple(at)],
        translate=tuple(np.add(image.translate, linear @ offset)),
        georeference=place,
        coarser=(),
    )


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
