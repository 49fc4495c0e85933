"""Where two layers overlap, known before anything is computed."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gifnet.errors import InvalidInputError
from gifnet.imaging.common_grid import Reference

from .snapshot import Snapshot
from .sources import choose_reference, moving_grid

if TYPE_CHECKING:
    from pint import Unit

Points = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Overlap:
    """What two images have in common in the last two axes of the reference.

    Attributes
    ----------
    reference, moving : Snapshot
        The image whose grid the result has, and the other one.
    outline : (N, 2) float64
        Corners of the common polygon, in pixels of the reference.
    """

    reference: Snapshot
    moving: Snapshot
    outline: Points

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the bounding box in pixels of the reference."""
        rows, columns = np.ptp(self.outline, axis=0)
        return max(1, round(float(rows))), max(1, round(float(columns)))

    @property
    def share(self) -> float:
        """The part of the reference's plane that both images cover."""
        return min(1.0, _area(self.outline) / float(np.prod(self.reference.grid.shape[-2:])))

    def in_words(self) -> str:
        """Return the result's grid and the overlap in pixels and in the world's units."""
        grid = self.reference.grid
        whole = _size(grid.shape[-2:], self.reference)
        stack = "".join(f"{side} × " for side in grid.shape[:-2])
        text = f"Result on the grid of {self.reference.name}: {stack}{whole}. "
        if self.share > 0.9999:
            return text + "The layers overlap in all of it."
        percent = "less than 1" if self.share < 0.01 else f"{100 * self.share:.0f}"
        return text + f"They overlap in {_size(self.shape, self.reference)}, {percent} % of it."


def _size(shape: Sequence[int], image: Snapshot) -> str:
    """Write a height and width in pixels, and in units if the image has them."""
    pixels = f"{shape[0]} × {shape[1]} px"
    units = [str(unit) for unit in image.units[-2:]]
    if "pixel" in units:
        return pixels
    sides = [side * size for side, size in zip(shape, image.grid.pixel_size[-2:], strict=True)]
    first, second = (_short(unit) for unit in image.units[-2:])
    if first == second:
        return f"{pixels} ({sides[0]:.4g} × {sides[1]:.4g} {second})"
    return f"{pixels} ({sides[0]:.4g} {first} × {sides[1]:.4g} {second})"


def _short(unit: Unit) -> str:
    try:
        return f"{unit:~P}"
    except (TypeError, ValueError):
        return str(unit)


def find_overlap(first: Snapshot, second: Snapshot, reference: Reference = "finer") -> Overlap:
    """Return where two images overlap in the world; looks at their places only.

    Raises
    ------
    InvalidInputError
        If units or axes do not fit, or they do not overlap.
    """
    index = choose_reference((first, second), reference)
    fixed, moving = (first, second) if index == 0 else (second, first)
    world = moving_grid(fixed, moving)
    grid = fixed.grid.trailing(world.ndim)
    to_fixed = world.to_indices_of(grid)
    edges = [(-0.5, side - 0.5) for side in world.shape]
    corners = np.array([[*point, 1.0] for point in itertools.product(*edges)])
    mapped = corners @ to_fixed[:-1].T
    apart = False
    for axis, side in enumerate(grid.shape[:-2]):
        apart |= mapped[:, axis].max() < 0 or mapped[:, axis].min() > side - 1
    outline = _clip(_hull(mapped[:, -2:]), grid.shape[-2:])
    if apart or len(outline) < 3 or _area(outline) < 1e-9:
        raise InvalidInputError(
            f"Layers {first.name!r} and {second.name!r} do not overlap in the world, so there is "
            "nothing to fuse. Check their scale, translate and units."
        )
    return Overlap(fixed, moving, outline)


def least_overlap(images: Sequence[Snapshot], reference: Reference = "finer") -> Overlap:
    """Return where the image that covers least of the reference overlaps it.

    Raises
    ------
    InvalidInputError
        As `find_overlap`.
    """
    fixed = images[choose_reference(images, reference)]
    others = [image for image in images if image is not fixed] or [fixed]
    found = [find_overlap(fixed, image, "first") for image in others]
    return min(found, key=lambda overlap: overlap.share)


def _hull(points: Points) -> Points:
    """Return the convex hull of points in the plane, in order."""
    ordered = sorted(map(tuple, points))

    def half(sequence: Sequence[tuple[float, ...]]) -> list[tuple[float, ...]]:
        chain: list[tuple[float, ...]] = []
        for point in sequence:
            while len(chain) > 1 and _cross(chain[-2], chain[-1], point) <= 0:
                chain.pop()
            chain.append(point)
        return chain[:-1]

    return np.array(half(ordered) + half(ordered[::-1]))


def _cross(a: Sequence[float], b: Sequence[float], c: Sequence[float]) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _clip(polygon: Points, shape: Sequence[int]) -> Points:
    """Cut a convex polygon to a plane's pixels, edge by edge (Sutherland and Hodgman, 1974)."""
    for axis, side in enumerate(shape):
        for sign, bound in ((1.0, -0.5), (-1.0, side - 0.5)):
            if not len(polygon):
                return polygon
            inside = sign * (polygon[:, axis] - bound)
            kept = []
            for here, there, a, b in zip(
                polygon, np.roll(polygon, -1, 0), inside, np.roll(inside, -1), strict=True
            ):
                if a >= 0:
                    kept.append(here)
                if (a >= 0) != (b >= 0):
                    kept.append(here + (there - here) * (a / (a - b)))
            polygon = np.array(kept).reshape(-1, 2)
    return polygon


def _area(polygon: Points) -> float:
    rows, columns = polygon.T
    return abs(float(rows @ np.roll(columns, -1) - columns @ np.roll(rows, -1))) / 2
