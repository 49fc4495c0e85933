"""Registration of the slices of a stack: links between neighbours, solved together.

The first and the last slice of a focus stack have hardly a sharp structure in common, so they are
never registered to each other. Every slice is registered to its neighbour and to the second one.
The transforms of all slices are those that fit all links best.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..errors import InvalidInputError
from ..geometry.grid import Matrix
from .correlation import Maps, correlate, refine
from .edges import Mask, Plane, covered
from .search import (
    MIN_SIDE,
    Search,
    by_edges,
    finer,
    halvings,
    polished,
    reduced_edges,
    reduced_plane,
)

#: Planes are halved until they have no more pixels.
_MAX_PIXELS = 2**20
#: Neighbours are searched in this range.
_SEARCH = Search(shift=0.15, turns=(-3, 0, 3))
#: Edges of one scene correlate by more than this.
_LEAST = 0.2
#: Levels of equal frequency, which agree between exposures.
_RANKS = 256
#: Sides of the neighbourhoods of a link, in slices.
_REACH = 2


@dataclass(frozen=True, eq=False)
class Prepared:
    """A slice, ready for registration.

    Attributes
    ----------
    levels : list of (plane, mask)
        Edge maps from fine to coarse; empty if the slice has no structure.
    ranks : (plane, mask)
        The ranks of the values, which do not depend on the exposure.
    steps : int
        Number of halvings before the finest level.
    """

    levels: list[tuple[Plane, Mask]]
    ranks: tuple[Plane, Mask]
    steps: int


@dataclass(frozen=True, eq=False)
class Link:
    """A map from the pixels of one slice to those of another.

    Attributes
    ----------
    first, second : int
    matrix : (3, 3) float64
        Maps indices of the first slice to indices of the second.
    before, after : float
        Correlation of the edge maps without and with the map.
    """

    first: int
    second: int
    matrix: Matrix
    before: float
    after: float

    @property
    def holds(self) -> bool:
        """Whether both slices show one scene."""
        return self.after > _LEAST


def prepare(plane: Plane) -> Prepared:
    """Return a (H, W) luminance plane ready for registration. NaN is missing."""
    steps = halvings(plane.shape, _MAX_PIXELS)
    reduced, valid = reduced_plane(np.nan_to_num(plane), covered(plane), steps)
    ranks = _ranked(reduced, valid)
    try:
        levels = reduced_edges("slice", ranks, valid) if min(plane.shape) >= MIN_SIDE else []
    except InvalidInputError:
        levels = []
    return Prepared(levels, (ranks, valid), steps)


def _ranked(plane: Plane, valid: Mask) -> Plane:
    """Return the rank of every value in [0, 1]. Linear between quantiles, so no detail is lost."""
    known = plane[valid]
    if not known.size:
        return plane
    steps, first = np.unique(np.quantile(known, np.linspace(0, 1, _RANKS)), return_index=True)
    if len(steps) < 2:
        return np.zeros_like(plane)
    return np.interp(plane, steps, first / (_RANKS - 1)).astype(np.float32)


def find_link(
    first: Prepared,
    second: Prepared,
    kind: str,
    start: Matrix | None = None,
    tick: Callable[[], object] = lambda: None,
) -> tuple[Matrix, float, float]:
    """Return the map from the first slice's indices to the second's, and the correlations.

    Parameters
    ----------
    start : (3, 3) float64, optional
        A map nearby. Without it, neighbouring positions are searched.
    """
    if not (first.levels and second.levels):
        return np.eye(3), 0.0, 0.0
    levels = [Maps(*f, *s) for f, s in zip(first.levels, second.levels, strict=True)]
    finest = levels[0]
    before = correlate(finest, np.eye(3))
    if start is None:
        matrix = by_edges(levels, kind, _SEARCH, tick)
    else:
        matrix = _scaled(start, 0.5**first.steps)
        matrix = refine(finest, matrix, kind)[0]
    matrix = polished(Maps(*first.ranks, *second.ranks), matrix, kind)
    after = correlate(finest, matrix)
    for _ in range(first.steps):
        matrix = finer(matrix)
    return matrix, before, after


def _scaled(matrix: Matrix, factor: float) -> Matrix:
    found = matrix.copy()
    found[:2, 2] *= factor
    return found


def find_links(
    read: Callable[[int], Plane],
    count: int,
    kind: str,
    tick: Callable[[], object] = lambda: None,
) -> list[Link]:
    """Return the links of all slices to their next and second next neighbours.

    Where links do not hold, because a slice between is blank, the slices around it are linked.

    Parameters
    ----------
    read : callable
        Returns a slice's (H, W) luminance. Every slice is read once.
    tick : callable
        Called after every link; may raise to stop.
    """
    links: list[Link] = []
    recent: list[tuple[int, Prepared]] = []
    for index in range(count):
        here = prepare(read(index))
        near: dict[int, Link] = {}
        for other, there in reversed(recent):
            tick()
            start = _through(links, near, other)
            link = Link(other, index, *find_link(there, here, kind, start))
            near[other] = link
            links.append(link)
        recent.append((index, here))
        recent = _kept(recent, links)
    return links


def _through(links: list[Link], near: dict[int, Link], first: int) -> Matrix | None:
    """Return the map from a slice to the current one along the links between, if they hold."""
    for link in links:
        if link.first == first and link.second in near and link.holds:
            onward = near[link.second]
            if onward.holds:
                return np.asarray(onward.matrix @ link.matrix)
    return None


def _kept(recent: list[tuple[int, Prepared]], links: list[Link]) -> list[tuple[int, Prepared]]:
    """Keep the last slices, and the last ones that are linked, for the next slices."""
    linked = {end for link in links if link.holds for end in (link.first, link.second)}
    usable = [pair for pair in recent if pair[0] in linked][-_REACH:]
    newest = [pair for pair in recent if pair[1].levels][-_REACH:]
    numbers = {number for number, _ in (*usable, *newest)}
    return [pair for pair in recent if pair[0] in numbers]
