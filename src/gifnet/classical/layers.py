"""The inputs and results of classical fusion."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]


class Layer(NamedTuple):
    """One image of a stack, or a region of it.

    Attributes
    ----------
    luminance : (H, W) float32
        In [0, 1], without missing pixels.
    channels : (C, H, W) float32
        What is fused, of any range, without missing pixels.
    valid : (H, W) bool or None
        Where the image is valid; None if everywhere.
    colours : (3, H, W) float32 or None
        In [0, 1], for methods that judge colours; None for grey images.
    """

    luminance: Floats
    channels: Floats
    valid: Mask | None = None
    colours: Floats | None = None


class Reader(Protocol):
    """Reads the images of a stack one by one, as often as needed."""

    @property
    def count(self) -> int: ...

    def read(self, index: int) -> Layer: ...


class Merged(NamedTuple):
    """The fused (C, H, W) channels, and the (H, W) index of the main image per pixel."""

    channels: Floats
    main: npt.NDArray[np.uint16]


Check = Callable[[], object]


class Layers:
    """A reader of images in memory.

    Parameters
    ----------
    luminance : (N, H, W) float array
    channels : (N, C, H, W) float array, optional
        The luminance by default.
    valid : (N, H, W) bool array, optional
    colours : (N, 3, H, W) float array, optional
        In [0, 1].
    """

    def __init__(
        self,
        luminance: Floats,
        channels: Floats | None = None,
        valid: Mask | None = None,
        colours: Floats | None = None,
    ):
        self._luminance = luminance.astype(np.float32, copy=False)
        self._channels = self._luminance[:, None] if channels is None else channels
        self._valid = None if valid is None or valid.all() else valid
        self._colours = colours
        self.count = len(luminance)

    def read(self, index: int) -> Layer:
        return Layer(
            self._luminance[index],
            self._channels[index].astype(np.float32, copy=False),
            None if self._valid is None else self._valid[index],
            None if self._colours is None else self._colours[index],
        )
