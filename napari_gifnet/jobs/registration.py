"""Registration of one layer to another before they are fused."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gifnet.geometry import Grid
from gifnet.imaging.common_grid import Reference
from gifnet.registration.api import find_registration, misalignment
from gifnet.registration.transform import Transform

from ..layers.overlap import find_overlap
from ..layers.sampling import sample_plane, thinned_grid
from ..layers.snapshot import Matrix, Snapshot, Values, units_factors
from ..layers.sources import as_array, choose_reference, moving_grid
from ..layers.viewport import ViewRegion

if TYPE_CHECKING:
    from gifnet.progress import ProgressCallback

#: A check of a pair needs no more pixels than this along a side.
_CHECK_SIDE = 400


@dataclass(frozen=True, eq=False)
class Registration:
    """What is wanted: the kind of transform, what it is measured by, and it itself if it is known.

    Attributes
    ----------
    kind : {"none", "translation", "rigid", "affine"}
    measure : {"edges", "mutual-information"}
    found : Transform or None
        In pixels of the reference; sought if None.
    """

    kind: str = "none"
    measure: str = "edges"
    found: Transform | None = None

    @property
    def is_wanted(self) -> bool:
        return self.kind != "none"

    def request(self) -> dict[str, str]:
        """Return what was asked for, for records."""
        return {"kind": self.kind, "measure": self.measure}

    @classmethod
    def from_record(cls, record: Values) -> Registration:
        """Return the registration of a result, with the transform that was found."""
        asked = record["request"].get("registration") or {}
        if asked.get("kind", "none") == "none":
            return cls()
        return cls(asked["kind"], asked["measure"], Transform.from_dict(record["registration"]))


def has_mutual_information() -> bool:
    """Return whether SimpleITK is installed, which mutual information needs."""
    return importlib.util.find_spec("SimpleITK") is not None


def find_transform(
    fixed: Snapshot, moving: Snapshot, kind: str, measure: str, progress: ProgressCallback
) -> Transform:
    """Find the transform of an image onto another one, from their places in the world.

    Raises
    ------
    GifnetError
        As `gifnet.register`.
    """
    world = moving_grid(fixed, moving)
    return find_registration(
        as_array(moving.data),
        as_array(fixed.data),
        kind=kind,
        measure=measure,
        channel_axis=-1 if fixed.rgb or moving.rgb else None,
        moving_grid=world.trailing(2),
        reference_grid=fixed.grid.trailing(2),
        progress=lambda done, total: progress(0, 0),
    )


def world_correction(fixed: Snapshot, moving: Snapshot, transform: Transform) -> Matrix:
    """Return the matrix that the moving layer's affine is multiplied by from the left.

    Shape (N + 1, N + 1) for its N axes, in its own units.
    """
    full = np.eye(moving.ndim + 1)
    plane = [moving.ndim - 2, moving.ndim - 1, moving.ndim]
    full[np.ix_(plane, plane)] = transform.world(fixed.grid.trailing(2))
    factors = units_factors(moving, fixed.units[-moving.ndim :], fixed.name)
    to_fixed = np.diag([*factors, 1.0])
    return np.linalg.inv(to_fixed) @ full @ to_fixed


def apply_correction(moving: Snapshot, matrix: Matrix) -> Snapshot:
    """Return an image whose world is corrected by a matrix."""
    spatial = {**moving.spatial, "affine": matrix @ moving.spatial["affine"]}
    grid = Grid(moving.grid.shape, matrix @ moving.grid.matrix)
    return dataclasses.replace(moving, grid=grid, spatial=spatial)


def order_pair(pair: Sequence[Snapshot], reference: Reference) -> tuple[int, Snapshot, Snapshot]:
    """Return the reference's place in the pair, the reference, and the image that is moved."""
    index = choose_reference(pair, reference)
    return index, pair[index], pair[1 - index]


def register_pair(
    pair: Sequence[Snapshot],
    reference: Reference,
    registration: Registration,
    progress: ProgressCallback,
) -> tuple[tuple[Snapshot, Snapshot], Reference, Transform]:
    """Return a pair with one image moved onto the other, the reference, and the transform.

    The reference is named, as a stretched image may have become the finer one.
    """
    index, fixed, moving = order_pair(pair, reference)
    transform = registration.found or find_transform(
        fixed, moving, registration.kind, registration.measure, progress
    )
    laid = apply_correction(moving, world_correction(fixed, moving, transform))
    return (
        ((fixed, laid), "first", transform) if index == 0 else ((laid, fixed), "second", transform)
    )


def misalignment_warning(
    pair: Sequence[Snapshot], reference: Reference, progress: ProgressCallback
) -> str:
    """Return a warning if two layers look misaligned, else an empty text.

    Stacks are checked at their middle plane.

    Raises
    ------
    GifnetError
        If the layers cannot be fused either.
    """
    _, fixed, moving = order_pair(pair, reference)
    outline = find_overlap(pair[0], pair[1], reference).outline
    middle = tuple(side // 2 for side in fixed.grid.shape[:-2])
    region = ViewRegion(tuple(outline.min(axis=0)), tuple(outline.max(axis=0)), 1.0, middle)
    grid = thinned_grid(fixed, region, _CHECK_SIDE)
    planes = [
        sample_plane(fixed, fixed.grid, grid),
        sample_plane(moving, moving_grid(fixed, moving), grid),
    ]
    if progress(0, 0) is False or not all(np.isfinite(plane).any() for plane in planes):
        return ""
    found = misalignment(*planes, channel_axis=-1 if fixed.rgb or moving.rgb else None)
    if not found.found:
        return ""
    step = np.linalg.norm(grid.trailing(2).to_indices_of(fixed.grid.trailing(2))[:2, 0])
    return (
        f"The layers look misaligned by about {found.displacement * step:.0f} pixels of "
        f"{fixed.name}. Choose a registration, or fused edges will be double."
    )
