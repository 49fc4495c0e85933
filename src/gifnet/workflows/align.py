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
    data: Sequence[Pixels], grids: Sequence[Grid], note: Callable[[str], object]
) -> None:
    """Report the first image that looks misaligned with the others, unless it is large."""
    if any(each.nbytes > _MAX_EXAMINED_BYTES for each in data):
        return
    axis = _channel_axis(data, grids)
    for number, other in enumerate(data[1:], start=2):
        try:
            found = misalignment(data[0], other, channel_axis=axis)
        except GifnetError:  # the fusion itself reports what is wrong
            return
        if found.found:
            which = f"image {number}: " if len(data) > 2 else ""
            note(f"warning: {which}{found.warning} See --register.")
            return


def _channel_axis(data: Sequence[Pixels], grids: Sequence[Grid]) -> int | None:
    pairs = zip(data, grids, strict=True)
    return -1 if any(each.ndim > grid.ndim for each, grid in pairs) else None
