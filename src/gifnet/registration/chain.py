"""The transforms of all slices that fit the links between them best."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..geometry.grid import Matrix
from .links import Link
from .transform import shifts

#: A link whose residual is this many times the median is dropped, if it is above so many pixels.
_OUTLIER, _OUTLIER_PIXELS = 4.0, 0.5
_ROUNDS = 20
#: Residuals below so many pixels count the same.
_CLOSE = 0.02


def solve_links(
    links: Sequence[Link], count: int, reference: int, kind: str, shape: tuple[int, int]
) -> tuple[list[Matrix | None], list[Link]]:
    """Return every slice's map from the reference's indices, and the links that were dropped.

    The sum of the links' squared residuals, in pixels at the borders, is least. Links with
    outlying residuals are dropped, as long as the slices stay connected.

    Parameters
    ----------
    links : sequence of Link
        Those that hold.
    kind : str
        The class of the transforms.

    Returns
    -------
    matrices : list of (3, 3) float64 or None
        None for slices without a connection to the reference.
    dropped : list of Link
    """
    # Least absolute residuals are not drawn towards wrong links, so they show which are wrong.
    weights = np.array([max(link.after, 1e-3) ** 2 for link in links])
    trusted = weights
    for _ in range(_ROUNDS):
        matrices = _solved(links, trusted, count, reference, kind, shape)
        residuals = np.array([_residual(link, matrices, shape) for link in links])
        trusted = weights / np.maximum(residuals, _CLOSE)
    used, dropped = list(range(len(links))), []
    limit = max(_OUTLIER_PIXELS, _OUTLIER * float(np.median(residuals))) if links else 0.0
    for place in np.argsort(-residuals) if links else ():
        rest = [other for other in used if other != place]
        kept = [links[other] for other in rest]
        if residuals[place] <= limit:
            break
        if _connected(kept, reference) == _connected([links[i] for i in used], reference):
            dropped.append(links[place])
            used = rest
    kept = [links[place] for place in used]
    return _solved(kept, weights[used], count, reference, kind, shape), dropped


def _connected(links: Sequence[Link], start: int) -> set[int]:
    found, grown = {start}, True
    while grown:
        grown = False
        for link in links:
            if (link.first in found) != (link.second in found):
                found |= {link.first, link.second}
                grown = True
    return found


def _residual(link: Link, matrices: Sequence[Matrix | None], shape: tuple[int, int]) -> float:
    """Return the mean distance in pixels between a link and the solution."""
    first, second = matrices[link.first], matrices[link.second]
    if first is None or second is None:
        return 0.0
    difference = shifts(link.matrix @ first, shape) - shifts(second, shape)
    return float(np.linalg.norm(difference, axis=1).mean())


def _solved(
    links: Sequence[Link],
    weights: npt.NDArray[np.float64],
    count: int,
    reference: int,
    kind: str,
    shape: tuple[int, int],
) -> list[Matrix | None]:
    """Solve second = link @ first for the matrices of all connected slices.

    The equations are linear in the matrices. Indices are centred and scaled, so that all entries
    count in pixels.
    """
    known = sorted(_connected(links, reference))
    numbers = {index: place for place, index in enumerate(known) if index != reference}
    numbers = {index: place for place, index in enumerate(numbers)}
    to_unit, from_unit = _unit(shape)
    size = len(numbers)
    normal = np.zeros((2 * size, 2 * size))
    sides = np.zeros((2 * size, 3))
    for link, weight in zip(links, weights, strict=True):
        if link.first not in known:
            continue
        unit = to_unit @ link.matrix @ from_unit
        rows = np.zeros((2, 2 * size))
        side = np.zeros((2, 3))
        if link.second == reference:
            side -= np.eye(3)[:2]
        else:
            at = 2 * numbers[link.second]
            rows[:, at : at + 2] = np.eye(2)
        if link.first == reference:
            side += unit[:2]
        else:
            at = 2 * numbers[link.first]
            rows[:, at : at + 2] = -unit[:2, :2]
            side[:, 2] += unit[:2, 2]
        normal += weight * rows.T @ rows
        sides += weight * rows.T @ side
    found: list[Matrix | None] = [None] * count
    found[reference] = np.eye(3)
    if size:
        solution = np.linalg.solve(normal, sides)
        for index, place in numbers.items():
            unit = np.eye(3)
            unit[:2] = solution[2 * place : 2 * place + 2]
            unit[:2, :2] = _projected(unit[:2, :2], kind)
            found[index] = from_unit @ unit @ to_unit
    return found


def _unit(shape: tuple[int, int]) -> tuple[Matrix, Matrix]:
    """Return the map of indices to [-1, 1] along the longer side, and its inverse."""
    reach = max(max(shape) - 1, 1) / 2
    back = np.diag([reach, reach, 1.0])
    back[:2, 2] = (np.array(shape) - 1) / 2
    return np.linalg.inv(back), back


def _projected(linear: Matrix, kind: str) -> Matrix:
    """Return the nearest linear part of a kind."""
    if kind == "translation":
        return np.eye(2)
    if kind not in ("rigid", "similarity"):
        return linear
    u, sizes, vh = np.linalg.svd(linear)
    scale = float(sizes.mean()) if kind == "similarity" else 1.0
    return np.asarray(scale * u @ vh)
