"""Registration of one file's image to another's before their fusion."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from ..errors import GifnetError
from ..geometry import Grid
from ..io.image import Image
from ..progress import Progress
from ..registration.api import misalignment, register

#: Larger images are checked only on request, because they may not fit in memory.
_MAX_EXAMINED_BYTES = 256 * 2**20


def register_image(
    moving: Image, reference: Image, kind: str, measure: str, progress: Progress
) -> tuple[Image, dict[str, object], str]:
    """Return an image on another's grid, with the record and a description of the transform."""
    grids = _grids(moving, reference)
    found = register(
        moving.data,
        reference.data,
        kind=kind,
        measure=measure,
        channel_axis=_channel_axis(moving, reference),
        moving_grid=grids[0],
        reference_grid=grids[1],
        progress=progress,
    )
    aligned = dataclasses.replace(
        moving,
        data=found.image,
        scale=(*moving.scale[:-2], *reference.scale[-2:]),
        units=(*moving.units[:-2], *reference.units[-2:]),
        coarser=(),
    )
    record = {"moving": moving.name, "reference": reference.name, **found.transform.to_dict()}
    return aligned, record, found.transform.describe()


def warn_of_misalignment(images: Sequence[Image], note: Callable[[str], object]) -> None:
    """Report a pair that looks misaligned, unless it is large."""
    if any(image.data.nbytes > _MAX_EXAMINED_BYTES for image in images):
        return
    try:
        found = misalignment(*(i.data for i in images), channel_axis=_channel_axis(*images))
    except GifnetError:  # the fusion itself reports what is wrong
        return
    if found.found:
        note(f"warning: {found.warning} See --register.")


def _channel_axis(*images: Image) -> int | None:
    return -1 if any(image.channel_axis is not None for image in images) else None


def _grids(*images: Image) -> list[Grid | None]:
    """Return the planes' grids in the common unit of both files, or None if there is none."""
    units = {unit for image in images for unit in image.units[-2:]}
    if len(units) != 1 or units == {"pixel"}:
        return [None] * len(images)
    if not any(any(image.translate[-2:]) for image in images):
        # Files without an origin are assumed to share a corner.
        halves = [tuple(size / 2 for size in image.scale) for image in images]
        images = tuple(
            dataclasses.replace(image, translate=half)
            for image, half in zip(images, halves, strict=True)
        )
    return [image.grid for image in images]
