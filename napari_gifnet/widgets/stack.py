"""The Stack widget: the Fuse widget with a stack, or what looks like its slices, ticked."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from napari.layers import Labels
from qtpy.QtWidgets import QWidget

from gifnet.errors import GifnetError, InvalidInputError

from ..jobs.base import LayerJob
from ..jobs.stacks.job import StackJob
from ..jobs.stacks.layers import (
    MAP_KEY,
    has_transforms,
    painted_numbers,
    plane_maps,
    plane_transforms,
)
from ..layers.selection import follow_slices
from ..layers.snapshot import METADATA_KEY, LayerData, Snapshot
from ..records import job_of
from .fuse import FuseWidget
from .parts.runner import notify
from .parts.stack_options import StackOptions

if TYPE_CHECKING:
    from napari.layers import Image, Layer
    from napari.viewer import Viewer

    from gifnet.registration.transform import Transform


class StackWidget(FuseWidget):
    """Fuse the slices of a stack, one layer or several, into one image."""

    verb = "Fuse stack"

    def __init__(self, napari_viewer: Viewer):
        self.stack_options = StackOptions()
        #: The job that was aligned last, and its transforms.
        self._last: tuple[StackJob, tuple[tuple[Transform, ...], ...]] | None = None
        #: The map that was applied last, and the layer of its result.
        self._map: Labels | None = None
        self._retouched: Image | None = None
        super().__init__(napari_viewer)
        self.extra.value = True
        self.stack_options.changed.connect(self._on_chosen)
        self.stack_options.applied.connect(self.apply_map)
        self.registration.kind.changed.connect(self._on_chosen)

    @property
    def is_stack(self) -> bool:
        """Whether there is an axis, or more than one slice."""
        return len(self.list.selected) > 1 or super().is_stack

    def propose(self) -> list[Image]:
        """Return the newest stack, or the layers that are like the newest one."""
        return follow_slices(self.watch.images(), self.list.selected, self._picked)

    def apply_map(self) -> None:
        """Fuse again, with the settings of a map of slices, and blend in what was painted."""
        layer = self.stack_options.which.value
        if layer is None or self.controls.is_running:
            return
        try:
            record = layer.metadata[METADATA_KEY]
            job = job_of(self.viewer.layers, record)
            assert isinstance(job, StackJob)
            job = dataclasses.replace(
                job,
                want_depth=False,
                want_map=False,
                retouching=plane_maps(painted_numbers(layer, job.count)),
                feather=self.stack_options.feather.value,
            )
            job.check()
        except GifnetError as error:
            notify(error)
        else:
            if layer is not self._map:
                self._map, self._retouched = layer, None
            self.controls.start(job)

    def summary(self, job: LayerJob) -> str:
        """Return the summary of the coming run, with the alignment that it uses again."""
        words = super().summary(job)
        reused = isinstance(job, StackJob) and job.is_reused
        return f"{words} The alignment of the last run is used again." if reused else words

    def add_result(self, result: list[LayerData]) -> str:
        """Add the result below its map of slices, and keep the alignment."""
        job, record = self.controls.job, result[-1][1]["metadata"][METADATA_KEY]
        if not isinstance(job, StackJob):
            return super().add_result(result)
        if job.retouching is not None:
            return self._show_retouched(result)
        if job.align != "none":
            self._last = (job, plane_transforms(record))
        message = super().add_result(result)
        if job.want_map:
            kept = set(self.viewer.layers.selection)
            self._raise(next(layer for layer in reversed(self.viewer.layers) if _is_map(layer)))
            self.viewer.layers.selection = kept
        return f"{message} The alignment of the last run was used." if job.is_reused else message

    def _show_retouched(self, result: list[LayerData]) -> str:
        """Show a retouched result in its layer, below the map, which stays selected."""
        layers, shown = self.viewer.layers, self._retouched
        data, arguments, _ = result[-1]
        if shown is not None and shown in layers:
            shown.data, shown.metadata = data, arguments["metadata"]
            message = f"Updated {shown.name!r}."
        else:
            message = super().add_result(result)
            self._retouched = layers[-1]
        if self._map in layers:
            self._raise(self._map)
            layers.selection = {self._map}
        return message

    def _raise(self, layer: Layer) -> None:
        """Put a layer above all others, where it can be seen and painted in."""
        layers = self.viewer.layers
        layers.move(layers.index(layer), len(layers))

    def more_parts(self) -> list[QWidget]:
        """Return the options that only stacks have."""
        return [self.stack_options]

    def _stack_job(self, images: list[Snapshot]) -> StackJob:
        job, chosen = super()._stack_job(images), self.stack_options
        job = dataclasses.replace(job, equalise=chosen.equalise.value, want_map=chosen.map.value)
        layer = chosen.alignment.value
        if layer is not None:
            stack = layer.metadata[METADATA_KEY]["stack"]
            if stack["slices"] != job.count:
                raise InvalidInputError(
                    f"The alignment of {layer.name!r} is that of {stack['slices']} slices, but "
                    f"{job.count} are chosen. Choose another one, or as many slices."
                )
            transforms = plane_transforms(layer)
            job = dataclasses.replace(
                job, align=stack["align"], reference=stack["reference"], transforms=transforms
            )
        elif job.align != "none" and self._last and _aligned_alike(job, self._last[0]):
            job = dataclasses.replace(job, transforms=self._last[1], is_reused=True)
        if (job.align != "none" or job.transforms) and chosen.crop.value:
            job = dataclasses.replace(job, crop="common")
        job.check()
        return job

    def _on_layers(self, *_: object) -> None:
        if self._last:
            there = {id(_finest(layer)) for layer in self.watch.images()}
            if not {id(image.data) for image in self._last[0].images} <= there:
                self._last = None  # it would keep the pixels of closed layers
        super()._on_layers()

    def _fill(self) -> None:
        super()._fill()
        found = self.watch.images()
        earlier = [layer for layer in reversed(found) if has_transforms(layer)]
        maps = [layer for layer in reversed(self.viewer.layers) if _is_map(layer)]
        aligns = self.registration.kind.value != "none"
        self.stack_options.show_layers(self.is_stack, aligns, earlier, maps)
        if self.is_stack:
            self.form.show_row(self.registration.kind, self.stack_options.alignment.value is None)


def _is_map(layer: object) -> bool:
    return isinstance(layer, Labels) and MAP_KEY in layer.metadata


def _finest(layer: Image) -> object:
    return layer.data[0] if layer.multiscale else layer.data


def _aligned_alike(job: StackJob, other: StackJob) -> bool:
    """Return whether two jobs align the same slices in the same way."""
    images = list(zip(job.images, other.images, strict=False))
    return (
        len(job.images) == len(other.images)
        and (job.axis, job.align, job.index) == (other.axis, other.align, other.index)
        and all(a.data is b.data and a.grid.coincides(b.grid) for a, b in images)
    )
