"""The Enhance widget: the Fuse widget with the newest layer ticked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .fuse import FuseWidget

if TYPE_CHECKING:
    from napari.layers import Image


class EnhanceWidget(FuseWidget):
    """Enhance one image layer; more ticks fuse it with others."""

    verb = "Enhance"
    along_first_axis = False

    def propose(self) -> list[Image]:
        """Return the newest layer; the one that is ticked stays."""
        layers = self.watch.images()
        kept = [layer for layer in self.list.selected if layer in layers]
        return kept[:1] or layers[-1:]
