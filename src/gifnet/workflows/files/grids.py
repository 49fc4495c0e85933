"""Files placed on each other: by the world, by their field of view, or pixel by pixel."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ...errors import InvalidInputError
from ...geometry import Grid
from ...imaging.common_grid import (
    Make,
    OneGrid,
    PlacedImage,
    Reference,
    bring_to_one_grid,
    choose_reference,
)
from ...io.geo.warp import in_system_of
from ...io.image import Image
from ...io.units import unit_factor
from ...options import PLACE_CHOICES
from ...registration.transform import Transform
from ...validation import require_choice

_REMEDY = (
    "If they show the same field of view, use place='same-field' (--place same-field); to fuse "
    "them pixel by pixel, give files of one size and place='pixels' (--place pixels)."
)


@dataclass(frozen=True, eq=False)
class Placement:
    """Images, and their grids in the units of one of them.

    Attributes
    ----------
    images : tuple of Image
        In the reference system of the reference.
    grids : tuple of Grid
        In the reference's units.
    reference : int
        The place of the image in the sequence whose grid the result has.
    place : str
        How they are placed: "world", "same-field" or "pixels".
    """

    images: tuple[Image, ...]
    grids: tuple[Grid, ...]
    reference: int
    place: str

    @property
    def like(self) -> Image:
        """The image whose place and metadata the result has."""
        return self.images[self.reference]

    def moved(self, number: int, transform: Transform) -> Placement:
        """Return the placement with the transform of a registration applied to an image."""
        grid, target = self.grids[number], self.grids[self.reference].trailing(2)
        full = np.eye(grid.ndim + 1)
        plane = [grid.ndim - 2, grid.ndim - 1, grid.ndim]
        full[np.ix_(plane, plane)] = transform.world(target)
        grids = list(self.grids)
        grids[number] = Grid(grid.shape, full @ grid.matrix)
        return dataclasses.replace(self, grids=tuple(grids))

    def on_one_grid(
        self,
        value_range: object = "auto",
        tick: Callable[[], object] | None = None,
        make: Make = np.empty,
    ) -> OneGrid:
        """Resample all images onto the grid of the reference; identical grids are kept.

        The parameters are those of `gifnet.imaging.common_grid.bring_to_one_grid`.
        """
        placed = [
            PlacedImage(image.name, image.data, image.channel_axis is not None, grid)
            for image, grid in zip(self.images, self.grids, strict=True)
        ]
        return bring_to_one_grid(placed, self.reference, value_range, tick, make)


def place_images(
    images: Sequence[Image],
    place: str = "auto",
    reference: Reference = "finer",
    *,
    any_size: bool = False,
) -> Placement:
    """Place images on each other.

    Parameters
    ----------
    images : sequence of Image
    place : {"auto", "world", "same-field", "pixels"}
        "world" uses the positions and pixel sizes that the files state, "same-field" lays the
        corners of all planes on each other, and "pixels" takes equal pixels as equal places.
        "auto" is "world" if all files state their place, otherwise "pixels".
    reference : "finer", "first", "second" or int
        Whose grid the result has; see `gifnet.imaging.common_grid.choose_reference`.
    any_size : bool
        Whether "pixels" takes planes of different sizes, which a registration is to place.

    Raises
    ------
    InvalidInputError
        If a file does not state its place, units or axes do not fit, or systems differ and
        rasterio is not installed.
    """
    require_choice("place", place, PLACE_CHOICES)
    images = list(images)
    if place == "auto":
        place = "world" if all(image.is_placed for image in images) else "pixels"
    if place == "world":
        return _in_world(images, reference)
    if place == "same-field":
        placed = [_Placed(image.name, _field(image)) for image in images]
    else:
        if not any_size:
            _require_one_size(images)
        placed = [_Placed(image.name, _pixels(image)) for image in images]
    if place == "pixels" and reference == "finer":
        index = _with_place(images)
    else:
        index = choose_reference(placed, reference, lambda fixed, moving: moving.grid)
    if place == "same-field":
        _require_planes(images, index)
    return Placement(tuple(images), tuple(each.grid for each in placed), index, place)


@dataclass(frozen=True, eq=False)
class _Placed:
    name: str
    grid: Grid
    units: tuple[str, ...] = ()


def _in_world(images: list[Image], reference: Reference) -> Placement:
    for image in images:
        if not image.is_placed:
            raise InvalidInputError(
                f"{image.name!r} does not state its pixel size and position. {_REMEDY}"
            )
    # Pixel sizes can be compared within one reference system only.
    common = [in_system_of(image, images[0]) for image in images]
    index = choose_reference([_world(image) for image in common], reference, _in_units)
    if common[index] is not images[index]:
        common = [in_system_of(image, images[index]) for image in images]
    placed = [_world(image) for image in common]
    grids = tuple(
        each.grid if each is placed[index] else _in_units(placed[index], each) for each in placed
    )
    return Placement(tuple(common), grids, index, "world")


def _world(image: Image) -> _Placed:
    return _Placed(image.name, image.world, image.units)


def _in_units(fixed: _Placed, moving: _Placed) -> Grid:
    """Return a grid in the units of another one."""
    lead = fixed.grid.ndim - moving.grid.ndim
    factors = []
    for axis, (ours, theirs) in enumerate(zip(moving.units, fixed.units[lead:], strict=True)):
        factor = unit_factor(ours, theirs)
        unknown = axis < moving.grid.ndim - 2 and "pixel" in (ours, theirs)
        same = moving.grid.shape[axis] == fixed.grid.shape[lead + axis]
        if factor is None and unknown and same:
            # One file does not state the distance of its planes: they correspond one to one.
            factor = fixed.grid.pixel_size[lead + axis] / moving.grid.pixel_size[axis]
        if factor is None:
            raise InvalidInputError(
                f"{moving.name!r} is measured in {ours} and {fixed.name!r} in {theirs}, which "
                f"cannot be converted into each other. {_REMEDY}"
            )
        factors.append(float(factor))
    return moving.grid.scaled_world(factors)


def _field(image: Image) -> Grid:
    """Return a grid whose planes cover a square of side 1."""
    shape = image.world.shape
    lead = len(shape) - 2
    scale = np.array([1.0] * lead + [1 / side for side in shape[lead:]])
    corner = np.where(np.arange(len(shape)) < lead, 0, scale / 2)
    return Grid.from_parts(shape, scale=scale, translate=corner)


def _pixels(image: Image) -> Grid:
    return Grid.from_parts(image.world.shape)


def _require_one_size(images: Sequence[Image]) -> None:
    if len({image.plane_shape for image in images}) == 1:
        return
    sizes = ", ".join(
        f"{image.name!r} has {image.plane_shape[0]} x {image.plane_shape[1]} pixels"
        for image in images
    )
    lost = [repr(image.name) for image in images if not image.is_placed]
    state = "does not state its place" if len(lost) == 1 else "do not state their place"
    why = f"; {' and '.join(lost)} {state}" if lost else ""
    raise InvalidInputError(f"The files differ in size: {sizes}{why}. {_REMEDY}")


def _require_planes(images: Sequence[Image], index: int) -> None:
    """Refuse stacks of different depth, whose planes have no place on each other."""
    fixed = images[index].world.shape
    for image in images:
        lead = image.world.shape[:-2]
        if lead and lead != fixed[len(fixed) - len(lead) - 2 : -2]:
            raise InvalidInputError(
                f"{image.name!r} has {lead} planes and {images[index].name!r} {fixed[:-2]}. A "
                "common field of view places planes of equal number only; give stacks of one depth."
            )


def _with_place(images: Sequence[Image]) -> int:
    """Return the first image with all axes and a pixel size, or else with all axes."""
    rank = max(len(image.placed_axes) for image in images)
    full = [i for i, image in enumerate(images) if len(image.placed_axes) == rank]
    return next((i for i in full if set(images[i].units) != {"pixel"}), full[0])
