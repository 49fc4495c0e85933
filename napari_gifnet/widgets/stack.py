"""The Stack widget: the Fuse widget with a stack, or what looks like its slices, ticked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..layers.selection import follow_slices
from .fuse import FuseWidget

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer


class StackWidget(FuseWidget):
    """Fuse the slices of a stack, one layer or several, into one image."""

    verb = "Fuse stack"

    def __init__(self, napari_viewer: Viewer):
        super().__init__(napari_viewer)
        self.extra.value = True

    @property
    def is_stack(self) -> bool:
        """Whether there is an axis, or more than one slice."""
        return len(self.list.selected) > 1 or super().is_stack

    def propose(self) -> list[Image]:
        """Return the newest stack, or the layers that are like the newest one."""
        return follow_slices(self.watch.images(), self.list.selected, self._picked)
