"""Which layers are proposed and chosen, and how that follows the viewer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from gifnet.tasks import TASKS, words_of

from .curtain import OVERLAY_KEY
from .looks import band_of
from .snapshot import COMPOSITE_KEY, METADATA_KEY

if TYPE_CHECKING:
    from napari.components import LayerList
    from napari.layers import Image
    from napari.utils.events import Event

Choice: TypeAlias = "tuple[Image | None, Image | None]"

#: Layers of one kind that differ more in their mean brightness are exposures.
_EXPOSED = 1.3

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
    "colormap",
    "blending",
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


def in_offered_order(layers: Sequence[Image]) -> list[Image]:
    """Return layers with the results of earlier runs, and composites of others, last."""
    return sorted(layers, key=lambda layer: not is_source(layer, layers))


def is_source(layer: Image, layers: Sequence[Image]) -> bool:
    """Return whether a layer is neither a result nor made of others that are there."""
    made_of = layer.metadata.get(COMPOSITE_KEY, ())
    return METADATA_KEY not in layer.metadata and not (
        set(made_of) & {other.name for other in layers}
    )


def propose(layers: Sequence[Image], least: int = 2) -> list[Image]:
    """Return the layers to fuse, as long as nobody has chosen: the visible sources.

    Hidden ones, results and composites are taken only if there are too few others.
    """
    sources = [layer for layer in layers if is_source(layer, layers)]
    shown = [layer for layer in sources if layer.visible]
    return next((found for found in (shown, sources) if len(found) >= least), sources)


def follow_slices(layers: Sequence[Image], chosen: Sequence[Image], picked: bool) -> list[Image]:
    """Keep chosen slices as long as they are there; without any, choose by what they look like.

    That is the newest source with a stack axis, else all sources that are like the newest one.
    """
    kept = [layer for layer in layers if any(layer is one for one in chosen)]
    if picked and kept:
        return kept
    sources = [layer for layer in layers if is_source(layer, layers)]
    stacks = [layer for layer in sources if layer.ndim > 2]
    if stacks or not sources:
        return stacks[-1:]
    newest = kind_of(sources[-1])
    return [layer for layer in sources if kind_of(layer) == newest]


def guess_task(layers: Sequence[Image]) -> str | None:
    """Return the fusion task of layers, by their names, types and brightness; None if unknown."""
    if len(layers) < 2:
        return None
    if len(layers) == 2:
        words = [words_of(layer.name) for layer in layers]
        for task in TASKS.values():
            for one, other in (words, words[::-1]):
                if one & task.first_words and other & task.second_words:
                    return task.name
    maps = {None if layer.rgb else layer.colormap.name for layer in layers}
    if len({kind_of(layer) for layer in layers}) > 1 or len(maps) > 1:
        return None
    if any(band_of(layer.name) for layer in layers):
        return None
    means = [_mean(layer) for layer in layers]
    if any(mean is None for mean in means):
        return None
    low, high = min(filter(None, means), default=0), max(filter(None, means), default=0)
    return "meif" if high > _EXPOSED * low else "mfif"


def in_roles(layers: Sequence[Image], task: str | None) -> list[Image]:
    """Return two layers in the order of a task's roles, if their names tell it."""
    found = list(layers)
    if task and len(found) == 2:
        first, second = (words_of(layer.name) for layer in found)
        roles = TASKS[task].words
        if (second & roles[0] or first & roles[1]) and not (first & roles[0] or second & roles[1]):
            found.reverse()
    return found


def _mean(layer: Image) -> float | None:
    """Return the mean of some pixels; None for files, which would have to be read."""
    data = layer.data[-1] if layer.multiscale else layer.data
    if not isinstance(data, np.ndarray):
        return None
    step = max(1, min(data.shape[:2]) // 64)
    return float(np.nanmean(data[::step, ::step].astype(np.float32)))


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
