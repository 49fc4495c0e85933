"""Two layers compared behind a curtain: one left of an edge, the other right of it.

napari clips 3-D layers only. Here a third layer shows the right part of the upper one: a view
of the same pixels, in their place, so nothing is copied when the edge moves, and the
lower layer needs no resampling whatever its grid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gifnet.geometry import Grid

from .snapshot import Matrix, Pixels

if TYPE_CHECKING:
    from napari.components import LayerList
    from napari.layers import Image

#: Marks layers that help looking and are no images to fuse.
OVERLAY_KEY = "napari_gifnet_helper"

_SHOWN = ("colormap", "contrast_limits", "gamma", "interpolation2d")


class Curtain:
    """Shows a layer right of an edge, and another one left of it.

    Parameters
    ----------
    layers : napari.components.LayerList
        The viewer's layers.
    left, right : napari.layers.Image
        What shows on either side. The edge runs along the rows of `right`.
    """

    def __init__(self, layers: LayerList, left: Image, right: Image):
        from napari.layers import Image

        self._layers, self.left, self.right = layers, left, right
        self._visible = {layer: layer.visible for layer in layers}
        self._column = 0
        spatial = ("scale", "translate", "rotate", "shear", "units", "axis_labels")
        arguments = {key: getattr(right, key) for key in spatial}
        if not right.rgb:
            arguments.update({key: getattr(right, key) for key in _SHOWN})
        self.layer = Image(
            right.data,
            name="Curtain",
            rgb=right.rgb,
            multiscale=right.multiscale,
            affine=right.affine.affine_matrix,
            metadata={OVERLAY_KEY: True},
            **arguments,
        )
        layers.append(self.layer)
        for layer in self._visible:
            layer.visible = layer is left
        layers.selection.active = left

    @property
    def is_up(self) -> bool:
        """Whether all of its layers are still there."""
        return all(layer in self._layers for layer in (self.left, self.right, self.layer))

    def move(self, fraction: float) -> None:
        """Put the edge at a fraction of the width, 0 at the left border."""
        finest = self.right.data[0] if self.right.multiscale else self.right.data
        width = finest.shape[-2 if self.right.rgb else -1]
        # One column stays, for a layer cannot be empty.
        column = int(np.clip(round(fraction * width), 0, width - 1))
        if column == self._column:
            return
        self._column = column
        if self.right.multiscale:
            levels = [self._cut(level, column, width) for level in self.right.data]
            self.layer.data = levels
        else:
            self.layer.data = self._cut(finest, column, width)
        corner = np.zeros(self.right.ndim)
        corner[-1] = column
        self.layer.translate = np.asarray(self.right.translate) + self._linear() @ corner

    def close(self) -> None:
        """Take the curtain away, and show what was shown before."""
        if self.layer in self._layers:
            self._layers.remove(self.layer)
        for layer, visible in self._visible.items():
            if layer in self._layers:
                layer.visible = visible

    def _cut(self, data: Pixels, column: int, width: int) -> Pixels:
        own = data.shape[-2 if self.right.rgb else -1]
        start = min(own - 1, round(column * own / width))
        return data[..., start:, :] if self.right.rgb else data[..., start:]

    def _linear(self) -> Matrix:
        """Return the linear part that napari applies before its own affine."""
        parts = {key: getattr(self.right, key) for key in ("scale", "rotate", "shear")}
        return Grid.from_parts((1,) * self.right.ndim, **parts).matrix[:-1, :-1]
