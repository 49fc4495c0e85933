"""The orientation of a photograph (EXIF and TIFF tag 274), applied to arrays of any kind."""

from __future__ import annotations

from typing import Any

#: By orientation: whether rows and columns change places, then which of both are reversed.
_STEPS = {
    1: (False, False, False),
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}
TAG = 274


def known(value: object) -> int:
    """Return an orientation of 1 to 8, 1 for anything else."""
    try:
        number = int(value)  # type: ignore[call-overload]
    except (TypeError, ValueError):
        return 1
    return number if number in _STEPS else 1


def turned(data: Any, orientation: int, coloured: bool) -> Any:
    """Return stored planes as they are to be seen.

    Parameters
    ----------
    data : (..., H, W) or (..., H, W, C) array
        NumPy or dask.
    orientation : int
        1 to 8, of EXIF.
    coloured : bool
        Whether the last axis holds channels.
    """
    swap, rows, columns = _STEPS[orientation]
    last = data.ndim - (1 if coloured else 0)
    if swap:
        axes = list(range(data.ndim))
        axes[last - 2], axes[last - 1] = axes[last - 1], axes[last - 2]
        data = data.transpose(axes)
    index = [slice(None)] * data.ndim
    index[last - 2] = slice(None, None, -1 if rows else None)
    index[last - 1] = slice(None, None, -1 if columns else None)
    return data[tuple(index)]


def turned_back(data: Any, orientation: int, coloured: bool) -> Any:
    """Return planes as they are stored, from planes as they are to be seen."""
    # Two of the eight turns by a quarter undo each other; the others undo themselves.
    return turned(data, {6: 8, 8: 6}.get(orientation, orientation), coloured)


def stored_shape(shape: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Return the height and width of the stored planes."""
    return (shape[1], shape[0]) if _STEPS[orientation][0] else shape
