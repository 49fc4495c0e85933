"""Which two layers a person has chosen, and how that follows the viewer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from .curtain import OVERLAY_KEY
from .snapshot import METADATA_KEY

if TYPE_CHECKING:
    from napari.components import LayerList
    from napari.layers import Image
    from napari.utils.events import Event

Choice: TypeAlias = "tuple[Image | None, Image | None]"

#: The attributes of a layer that decide its place, its entry in a list and its value range.
_WATCHED = (
    "name",
    "data",
    "scale",
    "translate",
    "rotate",
    "shear",
    "affine",
    "units",
    "contrast_limits",
)


def follow(layers: Sequence[Image], choice: Choice) -> Choice:
    """Keep what is still there, and fill what is not with the newest other layers.

    Results of earlier runs are taken only if there is nothing else.
    """
    first, second = (layer if layer in layers else None for layer in choice)
    if first is second:
        second = None
    free = [layer for layer in layers if layer is not first and layer is not second]
    free.sort(key=lambda layer: METADATA_KEY not in layer.metadata)
    if second is None and free:
        second = free.pop()
    if first is None and free:
        first = free.pop()
    if first is None and second is not None:
        first, second = second, None
    return first, second


def choose(choice: Choice, slot: int, layer: Image) -> Choice:
    """Put a layer into slot 0 or 1; if the other slot has it, both change places."""
    if choice[1 - slot] is layer:
        return choice[1], choice[0]
    return (layer, choice[1]) if slot == 0 else (choice[0], layer)


def follow_slices(layers: Sequence[Image], chosen: Sequence[Image], picked: bool) -> list[Image]:
    """Keep chosen slices as long as they are there; without any, choose by what they look like.

    That is the newest source with a stack axis, else all sources that are like the newest one.
    """
    kept = [layer for layer in layers if any(layer is one for one in chosen)]
    if picked and kept:
        return kept
    sources = [layer for layer in layers if METADATA_KEY not in layer.metadata]
    stacks = [layer for layer in sources if layer.ndim > 2]
    if stacks or not sources:
        return stacks[-1:]
    newest = kind_of(sources[-1])
    return [layer for layer in sources if kind_of(layer) == newest]


def kind_of(layer: Image) -> tuple[object, ...]:
    """Return what images of one kind have in common."""
    data = layer.data[0] if layer.multiscale else layer.data
    return tuple(data.shape), data.dtype, layer.rgb


def axis_entries(layer: Image) -> list[tuple[str, int]]:
    """Return a layer's axes as entries of a box: label and size, and index."""
    data = layer.data[0] if layer.multiscale else layer.data
    labels = [str(label) for label in getattr(layer, "axis_labels", ())]
    names = [
        f"axis {label}" if label.lstrip("-").isdigit() else label
        for label in labels or map(str, range(layer.ndim))
    ]
    return [(f"{name} ({data.shape[axis]})", axis) for axis, name in enumerate(names)]


class LayerWatch:
    """Calls back whenever image layers come, go, move, or change their names, places or pixels.

    Layers that only help looking, such as previews, do not count.

    Parameters
    ----------
    layers : napari.components.LayerList
        What to watch.
    changed : callable
        Called without arguments.
    """

    def __init__(self, layers: LayerList, changed: Callable[[], object]):
        self._layers = layers
        self._changed = changed
        events = layers.events
        self._emitters = [events.inserted, events.removed, events.reordered]
        for emitter in self._emitters:
            emitter.connect(self._on_change)
        self._watched: list[Image] = []
        self._follow()

    def images(self) -> list[Image]:
        """Return the image layers, in the order of the viewer's list."""
        from napari.layers import Image

        return [
            layer
            for layer in self._layers
            if isinstance(layer, Image) and OVERLAY_KEY not in layer.metadata
        ]

    def close(self, *_: object) -> None:
        """Stop calling back."""
        for emitter in self._emitters:
            emitter.disconnect(self._on_change)
        for layer in self._watched:
            self._unwatch(layer)
        self._emitters, self._watched = [], []

    def _follow(self) -> None:
        images = self.images()
        for layer in self._watched:
            if layer not in images:
                self._unwatch(layer)
        for layer in images:
            if layer not in self._watched:
                for name in _WATCHED:
                    getattr(layer.events, name).connect(self._on_change)
        self._watched = images

    def _unwatch(self, layer: Image) -> None:
        for name in _WATCHED:
            getattr(layer.events, name).disconnect(self._on_change)

    def _on_change(self, event: Event) -> None:
        layer = getattr(event, "value", None)
        if OVERLAY_KEY in getattr(layer, "metadata", ()):
            return
        self._follow()
        self._changed()
