"""napari image layers as arrays on world grids, and results as new layers."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from gifnet.errors import InvalidInputError
from gifnet.geometry import Grid
from gifnet.imaging.arrays import Pixels
from gifnet.imaging.ranges import Range

from .windows import contrast_limits, window_of

if TYPE_CHECKING:
    from napari.layers import Image
    from pint import Unit

#: Arguments or a record, by name.
Values: TypeAlias = dict[str, Any]
#: A NumPy array of numbers.
Array: TypeAlias = npt.NDArray[Any]
Matrix: TypeAlias = npt.NDArray[np.float64]
#: The data of a multiscale layer are a list.
LayerData: TypeAlias = tuple[Pixels | list[Pixels], Values, str]

#: The key of the record in a result layer's metadata.
METADATA_KEY = "napari_gifnet"
#: The names of the layers that a composite shows.
COMPOSITE_KEY = "napari_gifnet_composite"
#: The key of a GeoTIFF's tags in a layer's metadata.
GEOREFERENCE_KEY = "gifnet_georeference"
#: Within the record that goes into files: the place and the look of the layer.
LAYER_STATE_KEY = "layer"

_SPATIAL = ("scale", "translate", "rotate", "shear", "units", "axis_labels")


@dataclass(frozen=True, eq=False)
class Snapshot:
    """An image layer as it was at one moment, safe to use in another thread.

    Attributes
    ----------
    name : str
        The layer's name.
    data : array
        Its pixels (not copied), of the finest level of a multiscale layer.
    rgb : bool
        Whether the last axis holds RGB(A).
    grid : Grid
        The place of the pixels, in `units`.
    units : tuple
        pint units, one per axis.
    spatial : dict
        The keyword arguments that put a layer at the same place.
    levels : tuple of array
        All levels of a multiscale layer, the finest first; empty for other layers.
    shown : dict
        Colormap, blending and gamma.
    window : (low, high) or None
        The contrast limits, if a person or a reader has set them.
    metadata : dict
        The layer's metadata, except this plugin's record.
    """

    name: str
    data: Pixels
    rgb: bool
    grid: Grid
    units: tuple[Unit, ...]
    spatial: Values
    levels: tuple[Pixels, ...] = ()
    shown: Values = field(default_factory=dict)
    window: Range | None = None
    metadata: Values = field(default_factory=dict)

    @property
    def ndim(self) -> int:
        return self.grid.ndim


def snapshot(layer: Image) -> Snapshot:
    """Take down an image layer's pixels and place.

    Raises
    ------
    InvalidInputError
        If the layer is no image layer, or empty.
    """
    from napari.layers import Image

    if not isinstance(layer, Image):
        kind = type(layer).__name__
        raise InvalidInputError(
            f"Layer {getattr(layer, 'name', layer)!r} is of type {kind}; choose an image layer."
        )
    data = layer.data[0] if layer.multiscale else layer.data
    shape = tuple(int(side) for side in data.shape)
    if 0 in shape:
        raise InvalidInputError(f"Layer {layer.name!r} is empty: its shape is {shape}.")
    spatial = {key: copy.copy(getattr(layer, key)) for key in _SPATIAL if hasattr(layer, key)}
    spatial["affine"] = np.array(layer.affine.affine_matrix)
    grid = Grid.from_parts(
        shape[:-1] if layer.rgb else shape,
        **{key: spatial[key] for key in ("scale", "translate", "rotate", "shear", "affine")},
    )
    units = tuple(spatial.get("units", ("pixel",) * grid.ndim))
    levels = tuple(layer.data) if layer.multiscale else ()
    shown = {
        "colormap": layer.colormap,
        "blending": str(layer.blending),
        "gamma": float(layer.gamma),
    }
    metadata = {key: value for key, value in layer.metadata.items() if key != METADATA_KEY}
    return Snapshot(
        layer.name,
        data,
        bool(layer.rgb),
        grid,
        units,
        spatial,
        levels,
        shown,
        window_of(layer),
        metadata,
    )


def units_factors(image: Snapshot, units: Sequence[Unit], other: str) -> list[float]:
    """Return what an image's world coordinates are multiplied by to be in other units.

    Parameters
    ----------
    image : Snapshot
        The image.
    units : sequence of pint.Unit
        One per axis of the image.
    other : str
        The name of the layer that they are the units of, for messages.

    Raises
    ------
    InvalidInputError
        If an axis cannot be converted, such as pixels to micrometres.
    """
    import pint

    factors = []
    for ours, theirs in zip(image.units, units, strict=True):
        try:
            factors.append(1.0 if ours == theirs else float((1 * ours).to(theirs).magnitude))
        except pint.DimensionalityError:
            raise InvalidInputError(
                f"Layer {image.name!r} is measured in {ours} and {other!r} in {theirs}, which "
                "cannot be converted into each other. Set the scale and units of one of them, "
                "for instance layer.scale = (0.5, 0.5) and layer.units = ('um', 'um')."
            ) from None
    return factors


def grid_in_units(image: Snapshot, units: Sequence[Unit], other: str) -> Grid:
    """Return an image's grid with world coordinates in other units; see `units_factors`."""
    return image.grid.scaled_world(units_factors(image, units, other))


def result_layer(
    data: Pixels,
    name: str,
    reference: Snapshot,
    record: Mapping[str, object],
    *,
    rgb: bool,
) -> LayerData:
    """Return a fused image as a layer in the reference's place.

    Parameters
    ----------
    data : array
        Pixels on the reference's grid.
    name : str
        The layer's name; napari numbers it if it is taken.
    reference : Snapshot
        Whose place the result has.
    record : mapping
        How the result was made; becomes ``metadata["napari_gifnet"]``.
    rgb : bool
        Whether the last axis of `data` holds RGB(A).
    """
    arguments = {
        **reference.spatial,
        "name": name,
        "rgb": rgb,
        "metadata": {METADATA_KEY: dict(record)},
    }
    if GEOREFERENCE_KEY in reference.metadata:
        arguments["metadata"][GEOREFERENCE_KEY] = reference.metadata[GEOREFERENCE_KEY]
    if not rgb:
        arguments["contrast_limits"] = contrast_limits(data)
        arguments["colormap"] = "gray"
    return data, arguments, "image"


def share_layer(
    data: Pixels, name: str, reference: Snapshot, record: Mapping[str, object]
) -> LayerData:
    """Return the first source's share of every pixel as a layer with limits (0, 1)."""
    layer, arguments, kind = result_layer(data, name, reference, record, rgb=False)
    arguments.update(contrast_limits=(0.0, 1.0), colormap="viridis", visible=False)
    return layer, arguments, kind
