"""Reprojection of an image into another reference system, through rasterio."""

from __future__ import annotations

import dataclasses
import warnings
from importlib.util import find_spec
from typing import Any

import numpy as np

from ...errors import InvalidInputError
from ...imaging.arrays import as_float_with_nan, with_missing
from ...imaging.ranges import to_type
from ..geotiff import Georeference
from ..image import Image

_NORTH_UP = np.diag([-1.0, 1.0])


def in_system_of(image: Image, reference: Image) -> Image:
    """Return an image in the reference system of another one, at its own pixel size.

    Images in the same system, or without one, are returned unchanged.

    Raises
    ------
    InvalidInputError
        If the systems differ and rasterio is not installed, or they have no place in common.
    """
    place, other = image.georeference, reference.georeference
    if place is None or other is None or place.matrix is None or other.matrix is None:
        return image
    systems = place.reference_system, other.reference_system
    if None in systems or systems[0] == systems[1]:
        return image
    assert systems[0] is not None
    assert systems[1] is not None
    names = f"{image.name!r} is in {systems[0].name} and {reference.name!r} in {systems[1].name}"
    if find_spec("rasterio") is None:
        raise InvalidInputError(
            f"{names}. To bring one into the system of the other, install rasterio: pip install "
            "'napari-gifnet[geo]'."
        )
    try:
        with warnings.catch_warnings():
            # rasterio itself uses an operator that the package affine is to drop.
            warnings.simplefilter("ignore", PendingDeprecationWarning)
            return _warped(image, reference)
    except InvalidInputError:
        raise
    except Exception as error:  # GDAL's errors are of many types
        raise InvalidInputError(f"{names}, and cannot be brought together: {error}") from error


def _warped(image: Image, reference: Image) -> Image:
    from rasterio.control import GroundControlPoint  # noqa: F401  # loads GDAL's transformers
    from rasterio.transform import Affine
    from rasterio.warp import Resampling, calculate_default_transform, reproject

    place, other = image.georeference, reference.georeference
    assert place is not None
    assert place.matrix is not None
    assert other is not None
    source, target = place.crs(), other.crs()
    height, width = image.plane_shape
    a, b, c, d, e, f = place.corner_transform()
    transform = Affine(a, b, c, d, e, f)
    corners = [(x, y) for x in (0, width) for y in (0, height)]
    xs, ys = [a * x + b * y + c for x, y in corners], [d * x + e * y + f for x, y in corners]
    found, new_width, new_height = calculate_default_transform(
        source, target, width, height, left=min(xs), bottom=min(ys), right=max(xs), top=max(ys)
    )
    coloured = image.channel_axis is not None
    values = as_float_with_nan(image.data, np.float64 if image.data.dtype.itemsize > 2
                               else np.float32)  # fmt: skip
    if coloured:
        values = np.moveaxis(values, -1, -3)
    planes = values.reshape(-1, height, width)
    out = np.full((len(planes), new_height, new_width), np.nan, values.dtype)
    for plane, result in zip(planes, out, strict=True):
        reproject(
            plane,
            result,
            src_transform=transform,
            src_crs=source,
            dst_transform=found,
            dst_crs=target,
            src_nodata=np.nan,
            dst_nodata=np.nan,
            resampling=Resampling.bilinear,
        )
    if np.isnan(out).all():
        raise InvalidInputError(f"{image.name!r} has no place in {other.system_name}.")
    done = out.reshape(*values.shape[:-2], new_height, new_width)
    if coloured:
        done = np.moveaxis(done, -3, -1)
    data = _in_type(done, image.data.dtype)
    moved = Georeference.from_corner(tuple(found)[:6], {**place.tags, **other.system_tags})
    scale, units = moved.pixel_size()
    lead = len(image.placed_axes) - 2
    origin = moved.place()
    return dataclasses.replace(
        image,
        data=data,
        scale=(*image.scale[:lead], *scale[1:]),
        units=(*image.units[:lead], *units[1:]),
        translate=(*image.translate[:lead], *(origin[axis][2] for axis in "YX")),
        direction=None,
        coarser=(),
        georeference=moved,
    )


def _in_type(values: Any, dtype: np.dtype[np.generic]) -> Any:
    missing = np.isnan(values)
    return with_missing(to_type(np.where(missing, 0, values), dtype), missing)
