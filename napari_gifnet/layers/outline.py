"""The outline of the overlap of two layers, as a layer that comes and goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .curtain import OVERLAY_KEY
from .overlap import Overlap

if TYPE_CHECKING:
    from napari.components import LayerList
    from napari.layers import Shapes


class Outline:
    """Draws where two layers overlap.

    Parameters
    ----------
    layers : napari.components.LayerList
        The viewer's layers.
    """

    def __init__(self, layers: LayerList):
        self._layers = layers
        self.layer: Shapes | None = None

    def show(self, overlap: Overlap) -> None:
        """Draw an overlap, instead of the last one."""
        from napari.layers import Shapes

        self.hide()
        grid = overlap.reference.grid.trailing(2)
        extent = float(max(grid.shape))
        active = self._layers.selection.active
        self.layer = Shapes(
            [overlap.outline],
            shape_type="polygon",
            name="Overlap",
            affine=grid.matrix,
            units=tuple(overlap.reference.units[-2:]),
            axis_labels=tuple(overlap.reference.spatial.get("axis_labels", ("y", "x")))[-2:],
            face_color="transparent",
            edge_color="#ffb000",
            edge_width=max(0.5, extent / 130),
            metadata={OVERLAY_KEY: True},
        )
        self._layers.append(self.layer)
        self._layers.selection.active = active

    def hide(self, *_: object) -> None:
        """Take the outline away."""
        layer, self.layer = self.layer, None
        if layer is not None and layer in self._layers:
            self._layers.remove(layer)
