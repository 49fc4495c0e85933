"""The type of images that readers return and writers take: pixels with a place in the world."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from ..errors import InvalidInputError
from ..geometry import Grid
from ..imaging.arrays import Pixels
from .geotiff import Georeference
from .nodata import NoData
from .pixels.exif import NO_PHOTO, Photo
from .units import unit_name

Value = TypeVar("Value")


@dataclass(frozen=True, eq=False)
class Image:
    """The pixels and metadata of an image in a file.

    Attributes
    ----------
    data : array
        The pixels: NumPy, memory maps for large TIFF files, zarr or dask for OME-Zarr. Where a
        TIFF file has GDAL's nodata value, missing pixels are NaN in floats and masked in integers,
        and large files with such a value are dask arrays.
    axes : str
        tifffile's letters, one per axis of `data`, such as "ZYX" or "YXS". S, the samples of
        RGB or RGBA, is always last.
    scale : tuple of float
        Pixel sizes, one per axis except S; 1.0 where unknown.
    units : tuple of str
        Units of `scale` such as "um" or "s"; "pixel" where unknown.
    translate : tuple of float
        World position of the first pixel's centre, one per axis except S, in `units`. The
        northing of a GeoTIFF is negated, so that rows run downwards.
    name : str
        The file's stem. If the file contains several images, also the image's own name.
    channel_names : tuple of str
        Names along axis C, empty if there are none.
    channel_colours : tuple of str
        Display colours along axis C as "#rrggbb", empty if the file has none.
    record : mapping or None
        The provenance record, as JSON values.
    nodata : number or None
        The value of missing pixels in the file.
    coarser : tuple of array
        The coarser levels of a pyramid. Each has half the size of the previous one.
    georeference : Georeference or None
        The tags of a GeoTIFF. Scale, units and translate come from it if none of them is given.
    direction : (N, N) array or None
        The directions in the world of unit steps along the axes except S, as columns, for rotated
        and flipped images. None if they are the world's axes.
    photo : Photo
        The colour profile and EXIF.
    orientation : int
        The EXIF orientation that has been applied to the stored pixels.

    Raises
    ------
    InvalidInputError
        If axes, place and data do not match.
    """

    data: Pixels
    axes: str
    scale: tuple[float, ...] = ()
    units: tuple[str, ...] = ()
    translate: tuple[float, ...] = ()
    name: str = ""
    channel_names: tuple[str, ...] = ()
    record: Mapping[str, object] | None = None
    nodata: NoData | None = None
    coarser: tuple[Pixels, ...] = ()
    georeference: Georeference | None = None
    channel_colours: tuple[str, ...] = ()
    direction: npt.NDArray[np.float64] | None = None
    photo: Photo = NO_PHOTO
    orientation: int = 1

    def __post_init__(self) -> None:
        if len(self.axes) != self.data.ndim:
            raise InvalidInputError(
                f"axes {self.axes!r} do not fit data of shape {self.data.shape}."
            )
        count = len(self.placed_axes)
        if self.georeference is not None and not (self.scale or self.units or self.translate):
            self._place_by(self.georeference)
        scale = tuple(map(float, self.scale)) or (1.0,) * count
        units = tuple(map(unit_name, self.units)) or ("pixel",) * count
        translate = tuple(map(float, self.translate)) or (0.0,) * count
        if {len(scale), len(units), len(translate)} != {count}:
            raise InvalidInputError(
                f"scale {self.scale}, units {self.units} and translate {self.translate} need "
                f"{count} values for axes {self.axes!r}."
            )
        direction = self.direction
        if direction is not None and np.shape(direction) != (count, count):
            raise InvalidInputError(
                f"direction has shape {np.shape(direction)}; axes {self.axes!r} need "
                f"{(count, count)}."
            )
        self.__dict__.update(scale=scale, units=units, translate=translate)

    def _place_by(self, georeference: Georeference) -> None:
        """Take pixel sizes, units, origin and directions from the georeference."""
        known, axes = georeference.place(), self.placed_axes
        if not known or axes[-2:] != "YX":
            return
        places = [known.get(axis, (1.0, "pixel", 0.0)) for axis in axes]
        scale, units, translate = zip(*places, strict=True)
        direction, turn = self.direction, georeference.direction()
        if direction is None and turn is not None:
            direction = np.eye(len(axes))
            direction[-2:, -2:] = turn
        self.__dict__.update(scale=scale, units=units, translate=translate, direction=direction)

    @property
    def placed_axes(self) -> str:
        """The axes that have a scale, unit and origin: all except S."""
        return self.axes.replace("S", "")

    @property
    def place(self) -> dict[str, tuple[float, str, float]]:
        """Pixel size, unit and origin by axis."""
        values = zip(self.scale, self.units, self.translate, strict=True)
        return dict(zip(self.placed_axes, values, strict=True))

    @property
    def channel_axis(self) -> int | None:
        """The index of the RGB(A) axis, or None for grey images."""
        return self.axes.index("S") if "S" in self.axes else None

    @property
    def samples(self) -> int:
        """The number of RGB(A) samples, 1 for grey images."""
        return int(self.data.shape[-1]) if "S" in self.axes else 1

    @property
    def levels(self) -> tuple[Pixels, ...]:
        """The levels of the pyramid, the finest first."""
        return (self.data, *self.coarser)

    @property
    def metadata(self) -> dict[str, object]:
        """The provenance record under "gifnet", if there is one."""
        return {} if self.record is None else {"gifnet": self.record}

    @property
    def plane_shape(self) -> tuple[int, int]:
        """Height and width of the planes."""
        sides = [int(self.data.shape[self.axes.index(axis)]) for axis in self.placed_axes[-2:]]
        return sides[0], sides[1]

    @property
    def grid(self) -> Grid:
        """The grid of the planes, over the last two axes except S."""
        return self.world.trailing(2)

    @property
    def world(self) -> Grid:
        """The grid over all axes except S."""
        shape = [int(self.data.shape[self.axes.index(axis)]) for axis in self.placed_axes]
        return Grid.from_parts(
            shape, scale=self.scale, translate=self.translate, rotate=self.direction
        )

    @property
    def is_placed(self) -> bool:
        """Whether the file states a pixel size or a position of the planes."""
        return set(self.units[-2:]) != {"pixel"}

    def without_axis(self, axis: str, index: int = 0) -> Image:
        """Return one of the images along an axis, the first by default."""
        place = self.placed_axes.index(axis)
        first = (slice(None),) * self.axes.index(axis) + (index,)

        direction = self.direction
        if direction is not None:
            direction = np.delete(np.delete(direction, place, 0), place, 1)

        def rest(values: tuple[Value, ...]) -> tuple[Value, ...]:
            return values[:place] + values[place + 1 :]

        return dataclasses.replace(
            self,
            data=self.data[first],
            axes=self.axes.replace(axis, ""),
            scale=rest(self.scale),
            units=rest(self.units),
            translate=rest(self.translate),
            channel_names=() if axis == "C" else self.channel_names,
            channel_colours=() if axis == "C" else self.channel_colours,
            coarser=(),
            direction=direction,
        )
