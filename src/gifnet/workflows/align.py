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
    """Report a pair on one grid that looks misaligned, unless it is large."""
    if any(each.nbytes > _MAX_EXAMINED_BYTES for each in data):
        return
    try:
        found = misalignment(*data, channel_axis=_channel_axis(data, grids))
    except GifnetError:  # the fusion itself reports what is wrong
        return
    if found.found:
        note(f"warning: {found.warning} See --register.")


def _channel_axis(data: Sequence[Pixels], grids: Sequence[Grid]) -> int | None:
    pairs = zip(data, grids, strict=True)
    return -1 if any(each.ndim > grid.ndim for each, grid in pairs) else None
