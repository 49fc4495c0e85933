"""Layers drawn as they are displayed: through their colormaps, in their ranges."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from gifnet.imaging.colour import luminance
from gifnet.imaging.ranges import Range, denormalise, dtype_range, normalise

from .snapshot import Array, Snapshot
from .sources import as_array

if TYPE_CHECKING:
    from napari.utils.colormaps import Colormap

#: The range of drawn pixels.
DISPLAY: Range = (0.0, 255.0)
#: A colormap as records and scripts have it: its name, or its colours.
ColormapSpec: TypeAlias = str | list[list[float]]
#: Makes colours of values.
Draw: TypeAlias = Callable[[Array], Array]

_LEVELS = 1024
_GREY = 1e-3


def is_coloured(colormap: Colormap) -> bool:
    """Return whether a colormap has colours, rather than greys only."""
    return bool(np.ptp(np.asarray(colormap.colors)[:, :3], axis=1).max() > _GREY)


def have_colours(images: Sequence[Snapshot]) -> bool:
    """Return whether layers are told apart by colours of their colormaps.

    Layers that all have one colormap, such as slices of one channel, are fused by their values.
    """
    found = [None if image.rgb else image.shown["colormap"] for image in images]
    specs = [None if each is None else colormap_spec(each) for each in found]
    return any(each is not None and is_coloured(each) for each in found) and any(
        spec != specs[0] for spec in specs
    )


def colormap_spec(colormap: Colormap) -> ColormapSpec:
    """Return a colormap's name if napari has it under this name, else its colours."""
    from napari.utils.colormaps import AVAILABLE_COLORMAPS

    name = str(colormap.name)
    known = AVAILABLE_COLORMAPS.get(name)
    if known is not None and np.array_equal(known.colors, colormap.colors):
        return name
    return [[round(float(part), 6) for part in colour] for colour in colormap.colors]


def with_colormap(image: Snapshot, spec: ColormapSpec) -> Snapshot:
    """Return an image with another colormap."""
    from napari.utils.colormaps import Colormap, ensure_colormap

    found = ensure_colormap(spec) if isinstance(spec, str) else Colormap(np.array(spec))
    return dataclasses.replace(image, shown={**image.shown, "colormap": found})


def drawer(image: Snapshot, limits: Range, gamma: float = 1.0, saturation: float = 1.0) -> Draw:
    """Return a function that makes 8-bit RGB(A), or greys, of an image's values.

    Where values are missing, its result is of floats, and NaN there.
    """
    if image.rgb:
        return _as_eight_bit(np.dtype(image.data.dtype), limits)
    levels, colormap = np.linspace(0, 1, _LEVELS) ** gamma, image.shown["colormap"]
    table = np.clip(colormap.map(levels)[:, :3], 0, 1) if is_coloured(colormap) else levels
    if table.ndim == 2:
        grey = luminance(table)[:, None]
        table = grey + min(1.0, saturation) * (table - grey)
    table = np.rint(255 * table).astype(np.uint8)

    def draw(values: Array) -> Array:
        missing = np.ma.getmaskarray(values) if np.ma.isMA(values) else None
        unit = normalise(np.ma.getdata(values), limits)
        if unit.dtype.kind == "f" and np.isnan(unit).any():
            missing = np.isnan(unit) if missing is None else missing | np.isnan(unit)
        places = np.rint(np.nan_to_num(unit) * (_LEVELS - 1)).astype(np.uint16)
        colours: Array = table[places]
        if missing is not None and missing.any():
            colours = colours.astype(np.float32)
            colours[missing] = np.nan
        return colours

    return draw


def _as_eight_bit(dtype: np.dtype[Any], limits: Range) -> Draw:
    if dtype == np.uint8 and limits == DISPLAY:
        return lambda values: values

    def draw(values: Array) -> Array:
        colours = denormalise(normalise(values[..., :3], limits), DISPLAY, np.uint8)
        if values.shape[-1] == 3:
            return colours
        alpha = denormalise(normalise(values[..., 3:], dtype_range(dtype)), DISPLAY, np.uint8)
        return np.concatenate((colours, alpha), axis=-1)

    return draw


def drawn(image: Snapshot, draw: Draw) -> Snapshot:
    """Return an image of the colours or greys in which it is displayed."""
    data = draw(as_array(image.data))
    rgb = data.ndim > image.ndim
    return dataclasses.replace(image, data=data, rgb=rgb, levels=(), window=None)


def lay_over(images: Sequence[Snapshot], pixels: Sequence[Array]) -> list[Array]:
    """Let layers of additive blending hide the grey ones only as far as they are bright.

    In napari such a layer adds light. Its black is no value, and would darken the result.

    Parameters
    ----------
    images : sequence of Snapshot
        The layers as they were before they were drawn.
    pixels : sequence of array
        What was drawn, on one grid.
    """
    adds = [_adds_light(image) for image in images]
    greys = [
        each.astype(np.float32)
        for each, image, light in zip(pixels, images, adds, strict=True)
        if not light and not image.rgb and not is_coloured(image.shown["colormap"])
    ]
    found = list(pixels)
    if not greys or not any(adds):
        return found
    below = sum(np.nan_to_num(each) for each in greys) / np.float32(len(greys))
    for number, each in enumerate(pixels):
        if adds[number]:
            light = np.nan_to_num(each.astype(np.float32))
            through = 1 - light.max(axis=-1, keepdims=True) / 255
            found[number] = light + through * np.asarray(below)[..., None]
    return found


def _adds_light(image: Snapshot) -> bool:
    coloured = not image.rgb and is_coloured(image.shown["colormap"])
    return coloured and image.shown["blending"] == "additive"
