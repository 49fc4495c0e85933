"""Tile plans as data: which part of an image a tile reads and which part it answers for."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InvalidInputError


@dataclass(frozen=True)
class Span:
    """A half-open range of pixels along one axis: what is read, and the core within it."""

    read_start: int
    read_stop: int
    start: int
    stop: int

    @property
    def read(self) -> slice:
        return slice(self.read_start, self.read_stop)

    @property
    def core(self) -> slice:
        return slice(self.start, self.stop)

    @property
    def inner(self) -> slice:
        """The core, counted from the start of what is read."""
        return slice(self.start - self.read_start, self.stop - self.read_start)


@dataclass(frozen=True)
class Tile:
    """A rectangle of the plan."""

    rows: Span
    columns: Span

    @property
    def read(self) -> tuple[slice, slice]:
        return self.rows.read, self.columns.read

    @property
    def core(self) -> tuple[slice, slice]:
        return self.rows.core, self.columns.core

    @property
    def inner(self) -> tuple[slice, slice]:
        return self.rows.inner, self.columns.inner


def spans(length: int, size: int, halo: int) -> list[Span]:
    """Cut an axis into cores of `size` pixels, each read with a halo on both sides."""
    return [
        Span(
            max(0, start - halo), min(length, start + size + halo), start, min(length, start + size)
        )
        for start in range(0, length, size)
    ]


def plan_tiles(height: int, width: int, *, size: int, halo: int, window: int) -> tuple[Tile, ...]:
    """Return the tiles of an image, row by row.

    Cores do not overlap and cover the image. Every read starts on the image's own window
    grid, and ends on it or at the image's border, so a network sees the same windows and
    reflects the same borders as it would on the whole image.

    Parameters
    ----------
    height, width : int
        Of the image, in pixels.
    size : int
        Side of the cores in pixels, a multiple of `window`; 0 for one tile.
    halo : int
        Context in pixels around a core, a multiple of `window`.
    window : int
        Spacing of the window grid in pixels.

    Raises
    ------
    InvalidInputError
        If the size is no multiple of the window.
    """
    if size == 0:
        return (Tile(Span(0, height, 0, height), Span(0, width, 0, width)),)
    if size < window or size % window or halo % window:
        raise InvalidInputError(
            f"tile is {size} pixels; use a multiple of the model's window of {window} pixels."
        )
    rows, columns = spans(height, size, halo), spans(width, size, halo)
    return tuple(Tile(row, column) for row in rows for column in columns)
