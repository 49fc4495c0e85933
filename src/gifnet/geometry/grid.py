"""A grid of pixels in the world: a shape and an affine map from indices to coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import InvalidInputError

Matrix = npt.NDArray[np.float64]

#: Grids whose pixels differ by less than this fraction of a pixel count as identical: pixel sizes
#: in files are rounded.
TOLERANCE = 0.01


@dataclass(frozen=True, eq=False)
class Grid:
    """Pixels on an affine grid, their centres at integer indices.

    Attributes
    ----------
    shape : tuple of int
        Pixels along each axis, without colour channels.
    matrix : (N + 1, N + 1) float64
        From homogeneous indices to world coordinates.
    """

    shape: tuple[int, ...]
    matrix: Matrix

    def __post_init__(self) -> None:
        if self.matrix.shape != (self.ndim + 1,) * 2:
            raise InvalidInputError(
                f"A grid of {self.ndim} axes needs a {self.ndim + 1} x {self.ndim + 1} matrix, "
                f"not {self.matrix.shape}."
            )
        linear = self.matrix[:-1, :-1]
        if not np.isfinite(self.matrix).all() or np.linalg.matrix_rank(linear) < self.ndim:
            raise InvalidInputError(
                "The transform of a grid cannot be inverted (a scale of 0, or not finite): "
                f"{self.matrix.tolist()}. Give every axis a pixel size above 0."
            )

    @classmethod
    def from_parts(
        cls,
        shape: Sequence[int],
        *,
        scale: npt.ArrayLike | None = None,
        translate: npt.ArrayLike | None = None,
        rotate: npt.ArrayLike | None = None,
        shear: npt.ArrayLike | None = None,
        affine: npt.ArrayLike | None = None,
    ) -> Grid:
        """Compose napari's transforms: affine . (rotate . shear . scale + translate).

        Parameters
        ----------
        shape : sequence of int
            Pixels along each of N axes.
        scale, translate : (N,) array, optional
            Pixel size and the first pixel's centre.
        rotate : (N, N) array, optional
            Rotation matrix.
        shear : (N, N) or (N (N - 1) / 2,) array, optional
            Shear matrix with a diagonal of ones, or its upper triangle row by row.
        affine : (N + 1, N + 1) array, optional
            Applied last.
        """
        n = len(shape)
        linear = np.eye(n) if rotate is None else np.asarray(rotate, np.float64)
        if shear is not None:
            linear = linear @ _shear_matrix(np.asarray(shear, np.float64), n)
        if scale is not None:
            linear = linear @ np.diag(np.asarray(scale, np.float64))
        matrix = np.eye(n + 1)
        matrix[:n, :n] = linear
        if translate is not None:
            matrix[:n, n] = translate
        if affine is not None:
            matrix = np.asarray(affine, np.float64) @ matrix
        return cls(tuple(int(side) for side in shape), matrix)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def pixel_size(self) -> Matrix:
        """World length of a step along each axis, shape (N,)."""
        return np.asarray(np.linalg.norm(self.matrix[:-1, :-1], axis=0))

    def scaled_world(self, factors: Sequence[float]) -> Grid:
        """Return the grid with world coordinates multiplied, to change their units."""
        return Grid(self.shape, np.diag([*factors, 1.0]) @ self.matrix)

    def trailing(self, ndim: int) -> Grid:
        """Return the grid of the last axes only.

        Raises
        ------
        InvalidInputError
            If a rotation or shear mixes them with the axes before.
        """
        if not (lead := self.ndim - ndim):
            return self
        linear = self.matrix[:-1, :-1]
        mixed = (
            np.abs(linear[:lead, lead:]).max(initial=0),
            np.abs(linear[lead:, :lead]).max(initial=0),
        )
        if max(mixed) > 1e-9 * np.abs(linear).max():
            raise InvalidInputError(
                f"A {self.ndim}-D image is rotated or sheared out of its planes, so a {ndim}-D "
                "image cannot be placed on each of them. Remove that rotation, or use images "
                "of the same number of axes."
            )
        return Grid(self.shape[lead:], self.matrix[lead:, lead:])

    def to_indices_of(self, other: Grid) -> Matrix:
        """Return the (N + 1, N + 1) map from this grid's indices to another's."""
        if other.ndim != self.ndim:
            raise InvalidInputError(
                f"Grids of {self.ndim} and {other.ndim} axes have no common world."
            )
        return np.asarray(np.linalg.solve(other.matrix, self.matrix))

    def coincides(self, other: Grid) -> bool:
        """Return whether both grids have the same pixels, within a hundredth of a pixel."""
        if self.shape != other.shape:
            return False
        drift = self.to_indices_of(other) - np.eye(self.ndim + 1)
        corner = np.append(np.maximum(np.array(self.shape) - 1, 0), 1)
        # The greatest shift over the box is attained where all terms of a row add up.
        low, high = np.minimum(drift, 0) @ corner, np.maximum(drift, 0) @ corner
        return bool(max(-low.min(), high.max()) < TOLERANCE)


def _shear_matrix(shear: Matrix, n: int) -> Matrix:
    if shear.ndim == 2:
        return shear
    matrix = np.eye(n)
    matrix[np.triu_indices(n, 1)] = shear
    return matrix


def finer(first: Grid, second: Grid) -> int:
    """Return 0 or 1: which grid has the smaller pixels, the first on a tie.

    A grid with more axes comes before one with fewer. Pixels are compared by their area in
    the last two axes.
    """
    if first.ndim != second.ndim:
        return int(second.ndim > first.ndim)
    areas = [float(np.prod(grid.pixel_size[-2:])) for grid in (first, second)]
    return int(areas[1] < areas[0] * (1 - 1e-6))
