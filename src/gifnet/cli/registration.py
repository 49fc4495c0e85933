"""``--register``: one file laid onto another before they are fused."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from ..errors import GifnetError
from .terminal import progress_bar, say

if TYPE_CHECKING:
    from ..geometry import Grid
    from ..io.files import ImageFile

_KINDS = ("none", "translation", "rigid", "affine")
_MEASURES = ("edges", "mutual-information")
#: Larger images are not looked at unasked: they may not fit in memory.
_LOOK_BYTES = 256 * 2**20


def check_registration(kind: str, measure: str) -> None:
    """Refuse a kind of transform or a measure that is not known.

    Raises
    ------
    typer.BadParameter
        Naming those that are.
    """
    for option, value, known in (
        ("--register", kind, _KINDS),
        ("--register-by", measure, _MEASURES),
    ):
        if value not in known:
            raise typer.BadParameter(f"{option} is {value!r}; use one of {', '.join(known)}.")


def registered(
    moving: ImageFile, reference: ImageFile, kind: str, measure: str
) -> tuple[ImageFile, dict[str, Any]]:
    """Return an image on another's grid, and the record of the transform that was found."""
    from ..registration.api import register

    grids = _grids(moving, reference)
    coloured = any(image.channel_axis is not None for image in (moving, reference))
    with progress_bar("registering", "step") as bar:
        found = register(
            moving.data,
            reference.data,
            kind=kind,
            measure=measure,
            channel_axis=-1 if coloured else None,
            moving_grid=grids[0],
            reference_grid=grids[1],
            progress=bar,
        )
    say(found.transform.describe())
    scale = (*moving.scale[:-2], *reference.scale[-2:])
    units = (*moving.units[:-2], *reference.units[-2:])
    aligned = dataclasses.replace(moving, data=found.image, scale=scale, units=units)
    record = {"moving": moving.name, "reference": reference.name, **found.transform.to_dict()}
    return aligned, record


def warn_of_misalignment(images: Sequence[ImageFile]) -> None:
    """Tell a person at a terminal if a pair looks misaligned."""
    if not sys.stderr.isatty() or any(i.data.nbytes > _LOOK_BYTES for i in images):
        return
    from ..registration.api import misalignment

    coloured = any(image.channel_axis is not None for image in images)
    try:
        found = misalignment(*(i.data for i in images), channel_axis=-1 if coloured else None)
    except GifnetError:  # the fusion itself tells what is wrong
        return
    if found.found:
        say(f"warning: {found.warning} See --register.")


def _grids(*images: ImageFile) -> list[Grid | None]:
    """Return the planes' grids in their files' common unit, or None where there is none."""
    from ..geometry import Grid

    units = {unit for image in images for unit in image.units[-2:]}
    if len(units) != 1 or units == {"pixel"}:
        return [None, None]
    placed = any(any(image.translate[-2:]) for image in images)
    grids: list[Grid | None] = []
    for image in images:
        axes = image.axes.replace("S", "")
        shape = [image.data.shape[image.axes.index(axis)] for axis in axes[-2:]]
        scale = image.scale[-2:]
        # Files without an origin are taken to share a corner.
        origin = image.translate[-2:] if placed else [size / 2 for size in scale]
        grids.append(Grid.from_parts(shape, scale=scale, translate=origin))
    return grids
