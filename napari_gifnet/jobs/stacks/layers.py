"""The layers of a fused stack in addition to its image, and what is read back from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gifnet.errors import InvalidInputError
from gifnet.registration.transform import Transform
from gifnet.workflows.stacks.maps import Numbers, as_numbers
from gifnet.workflows.stacks.transforms import as_transforms

from ...layers.snapshot import METADATA_KEY, Array, LayerData, Snapshot, Values, result_layer

if TYPE_CHECKING:
    from napari.layers import Image, Labels

#: The key of the map as the run has made it, in the metadata of its layer.
MAP_KEY = "gifnet_slice_map"
_DEPTH_KEY = "depth"
#: So that the result shows through the map.
_OPACITY = 0.4


def depth_layer(
    depth: Array,
    name: str,
    place: Snapshot,
    record: Values,
    positions: Sequence[float],
    unit: str,
) -> LayerData:
    """Return the measured depth as a hidden layer whose limits are those of the positions."""
    data, arguments, kind = result_layer(depth, name, place, record, rgb=False)
    limits = (min(positions), max(positions))
    arguments.update(contrast_limits=limits, colormap="viridis", visible=False)
    arguments["metadata"][_DEPTH_KEY] = {"unit": unit, "positions": list(positions)}
    return data, arguments, kind


def map_layer(
    numbers: Array, name: str, place: Snapshot, record: Values, slices: Sequence[str]
) -> LayerData:
    """Return the number of the main slice of every pixel as a hidden layer of labels.

    Labels are the numbers plus 1, because label 0 is transparent. `slices` are the names that the
    viewer shows for them.
    """
    labels = numbers.astype(np.uint16) + np.uint16(1)
    arguments: Values = {
        **place.spatial,
        "name": name,
        "opacity": _OPACITY,
        "visible": False,
        "features": {"index": list(range(len(slices) + 1)), "slice": ["not changed", *slices]},
        "metadata": {METADATA_KEY: dict(record), MAP_KEY: labels.copy()},
    }
    return labels, arguments, "labels"


def painted_numbers(layer: Labels, count: int) -> Numbers:
    """Return the slice numbers that somebody has painted into a map of slices; -1 elsewhere.

    Parameters
    ----------
    layer : napari.layers.Labels
        Labels are slice numbers plus 1. If a run has made the layer, only what differs from then
        is painted.
    count : int
        How many slices there are.

    Raises
    ------
    InvalidInputError
        If nothing is painted, or a label is no slice.
    """
    labels = np.asarray(layer.data).astype(np.int64)
    before = layer.metadata.get(MAP_KEY)
    painted = labels > 0
    if before is not None and np.shape(before) == labels.shape:
        painted &= labels != before
    if not painted.any():
        raise InvalidInputError(
            f"Nothing is painted in layer {layer.name!r}. Select it, choose a label (the slice's "
            "number plus 1), and paint where the result should show that slice."
        )
    if (largest := int(labels[painted].max())) > count:
        raise InvalidInputError(
            f"Layer {layer.name!r} has the label {largest}, but the stack has {count} slices; "
            f"paint labels from 1 to {count}."
        )
    return np.where(painted, labels - 1, -1).astype(np.int32)


def plane_transforms(value: Any) -> tuple[tuple[Transform, ...], ...]:
    """Return the transforms of every plane of leading axes.

    Parameters
    ----------
    value : layer, record, or sequence
        A result layer, its record, the transforms of all slices, or a sequence of these per plane.

    Raises
    ------
    InvalidInputError
        If it has no transforms.
    """
    record = getattr(value, "metadata", {}).get(METADATA_KEY)
    value = value if record is None else record
    if isinstance(value, Mapping):
        stack = value.get("stack", value)
        value = stack.get("transforms") if isinstance(stack, Mapping) else None
    nested = isinstance(value, list | tuple) and value and isinstance(value[0], list | tuple)
    return tuple(as_transforms(one) for one in (value if nested else [value]))


def plane_maps(value: Any) -> tuple[Numbers, ...]:
    """Return the map of slice numbers of every plane of leading axes.

    Parameters
    ----------
    value : array, mapping, or list of mappings
        Integers of the result's shape, or the maps of a record.

    Raises
    ------
    InvalidInputError
        If it is no such map.
    """
    if isinstance(value, Mapping):
        return (as_numbers("retouching", value),)
    if isinstance(value, list | tuple) and value and isinstance(value[0], Mapping):
        return tuple(as_numbers("retouching", one) for one in value)
    array = np.ma.asanyarray(value)
    planes = array.reshape(-1, *array.shape[-2:]) if array.ndim > 2 else [array]
    return tuple(as_numbers("retouching", plane) for plane in planes)


def has_transforms(layer: Image) -> bool:
    """Return whether a layer is a fused stack whose slices were aligned."""
    record = layer.metadata.get(METADATA_KEY)
    stack = record.get("stack") if isinstance(record, Mapping) else None
    aligned = isinstance(stack, Mapping) and bool(stack.get("transforms"))
    return aligned and _DEPTH_KEY not in layer.metadata
