"""Composites: three bands of one image, each in its contrast limits, as one coloured layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from gifnet.errors import GifnetError, InvalidInputError
from gifnet.imaging.arrays import is_dask
from gifnet.imaging.ranges import Range, denormalise, normalise

from .looks import band_of
from .snapshot import COMPOSITE_KEY, GEOREFERENCE_KEY, LayerData, snapshot
from .sources import moving_grid

if TYPE_CHECKING:
    from napari.layers import Image

#: The bands that are shown as red, green and blue.
COMPOSITES = {"RGB": ("red", "green", "blue"), "CIR": ("nir", "red", "green")}


def find_bands(layers: Sequence[Image], kind: str) -> list[Image]:
    """Return the layers of a composite's red, green and blue.

    The newest image that has all three bands is taken.

    Raises
    ------
    InvalidInputError
        If no image has them.
    """
    for newest in reversed(layers):
        if newest.rgb or band_of(newest.name) is None:
            continue
        kin = [layer for layer in layers if _prefix(layer) == _prefix(newest) and not layer.rgb]
        named = {band_of(layer.name.removeprefix(_prefix(layer))): layer for layer in kin}
        if all(band in named for band in COMPOSITES[kind]):
            return [named[band] for band in COMPOSITES[kind]]
    needed = ", ".join(COMPOSITES[kind])
    raise InvalidInputError(
        f"No image has the bands {needed} as grey layers. Name the layers after their bands, such "
        "as 'scene red'."
    )


def _prefix(layer: Image) -> str:
    return str(layer.name.rpartition(" ")[0])


def composite(bands: Sequence[Image], name: str) -> LayerData:
    """Return three grey layers as one layer of 8-bit colours, as they are shown.

    Raises
    ------
    InvalidInputError
        If the layers differ in their grids.
    """
    places = [snapshot(layer) for layer in bands]
    for place in places[1:]:
        if not moving_grid(places[0], place).coincides(places[0].grid):
            raise InvalidInputError(
                f"Bands {places[0].name!r} and {place.name!r} have different grids; choose the "
                "bands of one image."
            )
    levels = [layer.data if layer.multiscale else [layer.data] for layer in bands]
    if len({len(own) for own in levels}) > 1:
        levels = [own[:1] for own in levels]
    shown = [_shown(layer) for layer in bands]
    colours = [_stacked(planes, shown) for planes in zip(*levels, strict=True)]
    metadata = {k: v for k, v in places[0].metadata.items() if k == GEOREFERENCE_KEY}
    metadata[COMPOSITE_KEY] = [layer.name for layer in bands]
    arguments = {**places[0].spatial, "name": name, "rgb": True, "metadata": metadata}
    return (colours if len(colours) > 1 else colours[0]), arguments, "image"


def _shown(layer: Image) -> Callable[[Any], npt.NDArray[np.generic]]:
    """Return a function from a layer's values to 8 bits, by its contrast limits and gamma."""
    limits: Range = (float(layer.contrast_limits[0]), float(layer.contrast_limits[1]))
    gamma = float(layer.gamma)

    def show(values: Any) -> npt.NDArray[np.generic]:
        unit = np.nan_to_num(normalise(np.ma.filled(values, 0), limits))
        return denormalise(unit if gamma == 1 else unit**gamma, (0, 255), np.uint8)

    return show


def _stacked(planes: Sequence[Any], shown: Sequence[Callable[[Any], Any]]) -> Any:
    if not any(map(is_dask, planes)):
        pairs = zip(planes, shown, strict=True)
        return np.stack([show(np.asanyarray(plane)) for plane, show in pairs], axis=-1)
    import dask.array as da

    lazy = [
        da.map_blocks(show, da.asarray(plane), dtype=np.uint8)
        for plane, show in zip(planes, shown, strict=True)
    ]
    return da.stack(lazy, axis=-1).rechunk({-1: 3})


def add_rgb_composite() -> None:
    """Add the RGB composite of the newest bands to the current viewer."""
    _add("RGB")


def add_cir_composite() -> None:
    """Add the colour-infrared composite of the newest bands to the current viewer."""
    _add("CIR")


def _add(kind: str) -> None:
    import napari
    from napari.layers import Image, Layer
    from napari.utils.notifications import show_error

    viewer = napari.current_viewer()
    if viewer is None:
        return
    try:
        bands = find_bands([one for one in viewer.layers if isinstance(one, Image)], kind)
        data = composite(bands, f"{_prefix(bands[0])} {kind}".strip())
    except GifnetError as error:
        show_error(str(error))
        return
    viewer.add_layer(Layer.create(*data))
