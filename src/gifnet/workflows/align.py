"""Registration of one file's image to another's before their fusion."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..errors import GifnetError
from ..geometry import Grid
from ..imaging.arrays import Pixels
from ..progress import Progress
from ..registration.api import find_registration, misalignment
from ..registration.transform import Transform

#: Larger images are checked only on request, because they may not fit in memory.
_MAX_EXAMINED_BYTES = 256 * 2**20


def find_transform(
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


def warn_of_misalignment(
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
