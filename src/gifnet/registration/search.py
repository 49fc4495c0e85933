"""Registration of two planes: the search for the transform of one onto the other.

Both planes become edge maps, which agree across modalities. On a coarse level the shift is
searched by masked correlation at several rotations. Then the transform is refined from level to
level up to full size. For functional images without edges, mutual information is better. It starts
from the result of the edges, and from the given positions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..errors import InvalidInputError
from ..geometry.grid import Matrix
from ..options import MEASURE_CHOICES, REGISTRATION_CHOICES
from ..validation import require_choice
from .correlation import Maps, around, best_shift, correlate, refine, shared_information, turn, warp
from .edges import Mask, Plane, covered, edge_map, halve
from .transform import Transform

#: Planes are halved until their shorter side is below twice this.
_COARSE_SIDE = 120
_MAX_PIXELS = 2**21
#: Minimum side of planes that can be registered.
MIN_SIDE = 16
#: The refinement of a coarse level ends at steps below this many pixels.
_COARSE_TOLERANCE = 0.02
#: Transforms with a larger scale or displacement are rejected as wrong.
_MAX_STRETCH = 1.25
_MAX_SLACK = 1.5
#: Planes whose intensities correlate by more have the same modality.
_ALIKE = 0.9


@dataclass(frozen=True)
class Search:
    """The range of the coarse search for a start.

    Attributes
    ----------
    shift : float
        The longest shift, as a part of either side.
    turns : tuple of float
        The tested rotations, in degrees.
    """

    shift: float = 0.2
    turns: tuple[float, ...] = (-12, -9, -6, -3, 0, 3, 6, 9, 12)


#: `glance` searches planes of at most this many pixels, in this range.
_GLANCE_PIXELS = 400 * 400
_GLANCE = Search(shift=0.1, turns=(-3, 0, 3))
#: Minimum improvement of the edges' correlation for a credible displacement.
_MIN_GAIN = 0.06


def find_transform(
    moving: Plane,
    reference: Plane,
    kind: str = "affine",
    measure: str = "edges",
    *,
    search: Search | None = None,
    most_pixels: int = _MAX_PIXELS,
    tick: Callable[[], object] | None = None,
) -> Transform:
    """Find the transform of a plane onto a reference with the same grid.

    Parameters
    ----------
    moving, reference : (H, W) float32
        Luminance of any range, of one size. NaN and constant borders are ignored.
    kind : {"none", "translation", "rigid", "similarity", "affine"}
        The class of transforms.
    measure : {"edges", "mutual-information"}
        The quantity to maximise: the correlation of edge maps, or Mattes' mutual information of the
        intensities, which needs SimpleITK.
    search : Search, optional
        The range of the search for a start.
    most_pixels : int
        Larger planes are halved until they have no more pixels.
    tick : callable, optional
        Called repeatedly; may raise an exception to stop.

    Returns
    -------
    Transform

    Raises
    ------
    InvalidInputError
        If a name is unknown, or the planes are too small or have too little structure.
    """
    check_registration(kind, measure)
    if moving.shape != reference.shape or min(reference.shape) < MIN_SIDE:
        raise InvalidInputError(
            f"Planes of {moving.shape} and {reference.shape} pixels cannot be registered; they "
            f"must be of one size, with sides of at least {MIN_SIDE} pixels."
        )
    tick = tick or (lambda: None)
    levels, steps = edge_levels(moving, reference, most_pixels, tick)
    finest = levels[0]
    before = correlate(finest, np.eye(3))
    matrix = np.eye(3)
    if kind != "none":
        matrix = by_edges(levels, kind, search or Search(), tick)
        matrix = polished(shrunk(moving, reference, steps), matrix, kind)
    if kind != "none" and measure == "mutual-information":
        from .mutual_information import maximise

        tick()
        matrix = maximise(shrunk(moving, reference, steps), (np.eye(3), matrix), kind)
    after = correlate(finest, matrix)
    for _ in range(steps):
        matrix = finer(matrix)
    height, width = reference.shape
    return Transform(kind, matrix, (height, width), before, after)


def glance(moving: Plane, reference: Plane) -> tuple[Transform, bool]:
    """Return a rough rigid transform, and whether it improves both edges and intensities.

    Raises
    ------
    InvalidInputError
        If the planes are too small or have too little structure.
    """
    found = find_transform(moving, reference, "rigid", search=_GLANCE, most_pixels=_GLANCE_PIXELS)
    maps = shrunk(moving, reference, halvings(reference.shape, _GLANCE_PIXELS))
    small = found.matrix.copy()
    small[:2, 2] *= maps.reference.shape[0] / reference.shape[0]
    lying, laid = shared_information(maps, [np.eye(3), small])
    return found, found.after - found.before > _MIN_GAIN and laid > lying


def check_registration(kind: str, measure: str) -> None:
    """Refuse an unknown kind of transform or measure.

    Raises
    ------
    InvalidInputError
        With the known names.
    """
    require_choice("The kind of a registration", kind, REGISTRATION_CHOICES)
    require_choice("The measure of a registration", measure, MEASURE_CHOICES)


def finer(matrix: Matrix) -> Matrix:
    """Convert a map of a halved plane's indices to one of the larger plane."""
    finer = matrix.copy()
    finer[:2, 2] *= 2
    return finer


def halvings(shape: tuple[int, ...], most_pixels: int) -> int:
    """Return the number of halvings to at most this many pixels."""
    steps = 0
    while shape[0] * shape[1] >> 2 * steps > most_pixels and min(shape) >> steps > 2 * MIN_SIDE:
        steps += 1
    return steps


def shrunk(moving: Plane, reference: Plane, steps: int) -> Maps:
    """Return both planes halved so many times, and their valid pixels."""
    (fixed, known), (moved, valid) = (
        reduced_plane(np.nan_to_num(plane), covered(plane), steps) for plane in (reference, moving)
    )
    return Maps(fixed, known, moved, valid)


def reduced_plane(plane: Plane, valid: Mask, steps: int) -> tuple[Plane, Mask]:
    """Return a plane halved so many times, and its valid pixels."""
    for _ in range(steps):
        plane, valid = halve(plane, valid)
    return plane, valid


def edge_levels(
    moving: Plane, reference: Plane, most_pixels: int, tick: Callable[[], object]
) -> tuple[list[Maps], int]:
    """Return the edge maps from fine to coarse, and the number of halvings before them."""
    steps = halvings(reference.shape, most_pixels)
    maps = shrunk(moving, reference, steps)
    tick()
    fixed = reduced_edges("reference", *maps[:2])
    tick()
    moved = reduced_edges("moving", *maps[2:])
    return [Maps(*pair, *other) for pair, other in zip(fixed, moved, strict=True)], steps


def reduced_edges(name: str, plane: Plane, valid: Mask) -> list[tuple[Plane, Mask]]:
    """Return a plane's edge map, and reductions of it down to the coarsest level.

    Raises
    ------
    InvalidInputError
        If the plane has too little structure.
    """
    levels = [_edges(name, plane, valid)]
    while min(levels[-1][0].shape) >= 2 * _COARSE_SIDE:
        levels.append(halve(*levels[-1]))
    return levels


def _edges(name: str, plane: Plane, valid: Mask) -> tuple[Plane, Mask]:
    found, inner = edge_map(plane, valid)
    if not (inner.any() and found[inner].any()):
        raise InvalidInputError(
            f"The {name} image cannot be registered: it is constant, or has hardly any data."
        )
    return found, inner


def by_edges(levels: list[Maps], kind: str, search: Search, tick: Callable[[], object]) -> Matrix:
    """Return the transform with the highest correlation of edges; "none" if none improves it."""
    matrix = _start(levels[-1], kind, search, tick)
    for level in reversed(levels):
        tick()
        if level is not levels[-1]:
            matrix = finer(matrix)
        found, _ = refine(level, matrix, kind, 2e-3 if level is levels[0] else _COARSE_TOLERANCE)
        if _is_plausible(found, level.reference.shape, search):
            matrix = found
    finest = levels[0]
    return matrix if correlate(finest, matrix) > correlate(finest, np.eye(3)) else np.eye(3)


def polished(maps: Maps, matrix: Matrix, kind: str) -> Matrix:
    """Return the transform refined on the intensities, if these correlate.

    Within one modality, intensities locate structures more exactly than edges.
    """
    if correlate(maps, matrix) < _ALIKE:
        return matrix
    return refine(maps, matrix, kind)[0]


def _start(maps: Maps, kind: str, search: Search, tick: Callable[[], object]) -> Matrix:
    """Return the best of several starts after rigid refinement."""
    turns = [0.0] if kind == "translation" else [np.deg2rad(angle) for angle in search.turns]
    shape = maps.reference.shape
    centre = (np.array(shape) - 1) / 2
    found = []
    for angle in turns:
        tick()
        turned = around(turn(angle), centre, np.zeros(2))
        shifted, peak = best_shift(_turned(maps, turned), search.shift)
        found.append((peak, turned @ shifted))
    found.sort(key=lambda pair: -pair[0])
    results = [(correlate(maps, np.eye(3)), np.eye(3))]
    for matrix in (*(m for _, m in found[:2]), np.eye(3)):
        tick()
        stage = "translation" if kind == "translation" else "rigid"
        matrix, correlation = refine(maps, matrix, stage, _COARSE_TOLERANCE)
        if _is_plausible(matrix, shape, search):
            results.append((correlation, matrix))
    return max(results, key=lambda pair: pair[0])[1]


def _is_plausible(matrix: Matrix, shape: tuple[int, ...], search: Search) -> bool:
    """Return whether a transform stays near the range of the search."""
    stretches = np.linalg.svd(matrix[:2, :2], compute_uv=False)
    centre = (np.array(shape) - 1) / 2
    shift = np.abs(matrix[:2, :2] @ centre + matrix[:2, 2] - centre)
    near = bool((shift <= _MAX_SLACK * search.shift * np.array(shape)).all())
    return near and bool(stretches[0] < _MAX_STRETCH and stretches[1] > 1 / _MAX_STRETCH)


def _turned(maps: Maps, matrix: Matrix) -> Maps:
    shape = maps.reference.shape
    valid = warp(maps.moving_valid.astype(np.float32), matrix, shape) > 0.99
    return maps._replace(moving=warp(maps.moving, matrix, shape), moving_valid=valid)
