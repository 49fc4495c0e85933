"""The result of a registration: a map from the reference's pixels to the moving image's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..geometry.grid import Grid, Matrix


@dataclass(frozen=True, eq=False)
class Transform:
    """A map from the reference's pixels to the moving image's.

    Attributes
    ----------
    kind : {"none", "translation", "rigid", "similarity", "affine"}
        The class of transforms.
    matrix : (3, 3) float64
        Maps homogeneous (row, column, 1) indices of the reference to the position in the moving
        image before the correction, in the same pixels. Pixel centres are at integers.
    shape : (int, int)
        Height and width of the reference in pixels.
    before, after : float
        Correlation of both images' edge maps without and with the transform, at most 1.
    """

    kind: str
    matrix: Matrix
    shape: tuple[int, int]
    before: float
    after: float

    @property
    def displacements(self) -> Matrix:
        """Displacements of a 16 x 16 lattice over the reference, (256, 2) rows and columns."""
        return shifts(self.matrix, self.shape)

    @property
    def mean_displacement(self) -> float:
        """Mean length of `displacements` in pixels."""
        return float(np.linalg.norm(self.displacements, axis=1).mean())

    @property
    def centre_shift(self) -> tuple[float, float]:
        """Displacement of the reference's centre in rows and columns."""
        row, column = self.displacements.mean(axis=0)
        return float(row), float(column)

    @property
    def rotation(self) -> float:
        """The rotation nearest to the matrix, in degrees, from rows to columns."""
        u, _, vh = np.linalg.svd(self.matrix[:2, :2])
        nearest = u @ vh
        return float(np.degrees(np.arctan2(nearest[1, 0], nearest[0, 0])))

    @property
    def scales(self) -> tuple[float, float]:
        """The largest and the smallest scale of the matrix."""
        large, small = np.linalg.svd(self.matrix[:2, :2], compute_uv=False)
        return float(large), float(small)

    def world(self, reference: Grid) -> Matrix:
        """Return the (3, 3) world transform of the moving image onto the reference.

        ``transform.world(reference) @ grid.matrix`` is the corrected matrix of a moving plane's
        grid. In napari, multiply the layer's affine by it from the left.
        """
        return np.asarray(
            reference.matrix @ np.linalg.inv(self.matrix) @ np.linalg.inv(reference.matrix)
        )

    def describe(self) -> str:
        """Return a one-line description."""
        rows, columns = self.centre_shift
        large, small = self.scales
        text = f"{self.kind}: {rows:+.2f} rows, {columns:+.2f} columns"
        if self.kind in ("rigid", "similarity", "affine"):
            text += f", {self.rotation:+.2f} degrees"
        if self.kind == "similarity":
            text += f", scaled by {large:.4f}"
        if self.kind == "affine":
            text += f", stretched by {small:.4f} to {large:.4f}"
        return f"{text}; edge correlation {self.before:.3f} before, {self.after:.3f} after"

    def to_dict(self) -> dict[str, object]:
        """Return plain values, for provenance records."""
        return {
            "kind": self.kind,
            "matrix": self.matrix.tolist(),
            "shape": list(self.shape),
            "edge_correlation": {"before": self.before, "after": self.after},
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Transform:
        """Return the transform of a provenance record."""
        height, width = values["shape"]
        similarity = values["edge_correlation"]
        return cls(
            str(values["kind"]),
            np.asarray(values["matrix"], np.float64),
            (int(height), int(width)),
            float(similarity["before"]),
            float(similarity["after"]),
        )


def shifts(matrix: Matrix, shape: tuple[int, int]) -> Matrix:
    """Return the displacements of a 16 x 16 lattice over a plane under a map, (256, 2)."""
    rows, columns = np.meshgrid(*(np.linspace(0, side - 1, 16) for side in shape), indexing="ij")
    points = np.stack((rows.ravel(), columns.ravel(), np.ones(rows.size)))
    return np.asarray((matrix @ points - points)[:2].T)
