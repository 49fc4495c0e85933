"""An image's place without one of its axes, with one more, and cropped."""

from __future__ import annotations

import dataclasses

import numpy as np

from gifnet.errors import InvalidInputError
from gifnet.geometry import Grid
from gifnet.geometry.region import Region
from gifnet.validation import require_integer

from .snapshot import Matrix, Snapshot, Values

_PER_AXIS = ("scale", "translate", "units", "axis_labels")
#: What couples a place's axes, as parts of a pixel's length: less is rounding.
_MIN = 1e-9


def without_axis(image: Snapshot, axis: int) -> Snapshot:
    """Return an image's place without an axis; its pixels stay as they are.

    Raises
    ------
    InvalidInputError
        If there is no such axis, or a rotation or shear mixes it with others.
    """
    n, axis = image.ndim, require_integer("axis", axis)
    if not -n <= axis < n or n < 3:
        raise InvalidInputError(
            f"Layer {image.name!r} has {n} axes, and axis {axis} cannot be taken out of it."
        )
    axis %= n
    keep = [index for index in range(n) if index != axis]
    linear = image.grid.matrix[:-1, :-1]
    mixed = max(np.abs(linear[axis, keep]).max(), np.abs(linear[keep, axis]).max())
    if mixed > _MIN * np.abs(linear).max():
        raise InvalidInputError(
            f"Layer {image.name!r} is rotated or sheared along axis {axis}, whose planes are to "
            "become one. Remove that rotation."
        )
    spatial: Values = {}
    for key, value in image.spatial.items():
        if key in _PER_AXIS:
            picked = [value[index] for index in keep]
            spatial[key] = np.array(picked) if isinstance(value, np.ndarray) else tuple(picked)
        elif key == "rotate":
            spatial[key] = value[np.ix_(keep, keep)]
        elif key == "shear":
            spatial[key] = _upper(_shear(value, n)[np.ix_(keep, keep)])
        else:
            spatial[key] = value[np.ix_([*keep, n], [*keep, n])]
    return _placed(image, spatial, [image.grid.shape[index] for index in keep])


def with_axis(image: Snapshot, axis: int, like: Snapshot) -> Snapshot:
    """Return an image's place with one more axis, which is that of another image."""
    n = like.ndim
    axis %= n
    keep = [index for index in range(n) if index != axis]
    spatial: Values = {}
    for key, value in image.spatial.items():
        if key in _PER_AXIS:
            parts = list(value)
            parts.insert(axis, like.spatial[key][axis])
            spatial[key] = np.array(parts) if isinstance(value, np.ndarray) else tuple(parts)
        elif key == "rotate":
            spatial[key] = _grown(value, keep, n)
        elif key == "shear":
            spatial[key] = _upper(_grown(_shear(value, n - 1), keep, n))
        else:
            spatial[key] = _grown(value, [*keep, n], n + 1)
    shape = list(image.grid.shape)
    shape.insert(axis, like.grid.shape[axis])
    return _placed(image, spatial, shape)


def cropped(image: Snapshot, region: Region) -> Snapshot:
    """Return the place of a part of an image's planes."""
    if region == Region.of(*image.grid.shape[-2:]):
        return image
    own = {key: image.spatial[key] for key in ("scale", "translate", "rotate", "shear")}
    corner = np.zeros(image.ndim + 1)
    corner[-3:] = region.top, region.left, 1
    moved = (Grid.from_parts(image.grid.shape, **own).matrix @ corner)[:-1]
    shape = [*image.grid.shape[:-2], region.height, region.width]
    return _placed(image, {**image.spatial, "translate": moved}, shape)


def _placed(image: Snapshot, spatial: Values, shape: list[int]) -> Snapshot:
    parts = {key: spatial[key] for key in ("scale", "translate", "rotate", "shear", "affine")}
    units = tuple(spatial.get("units", ("pixel",) * len(shape)))
    grid = Grid.from_parts(shape, **parts)
    return dataclasses.replace(image, grid=grid, units=units, spatial=spatial, levels=())


def _shear(values: Matrix, n: int) -> Matrix:
    matrix = np.eye(n)
    matrix[np.triu_indices(n, 1)] = values
    return matrix


def _upper(matrix: Matrix) -> Matrix:
    return matrix[np.triu_indices(len(matrix), 1)]


def _grown(matrix: Matrix, keep: list[int], side: int) -> Matrix:
    grown = np.eye(side)
    grown[np.ix_(keep, keep)] = matrix
    return grown
