"""Networks as a row of stages that can compute any region of their output.

What a network needs to run on images of any size, whatever its architecture: a stage makes a
region of its output from a somewhat larger region of its input and of the two planes. Where
an output has to be normalised over the whole image the stage is `measured`, and the stages
after it are bound to the moments before they run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import torch
from torch import Tensor

from .heads import Fused
from .regions import Region
from .swin import Moments

#: Returns both planes of a region, (1, 2, H, W), first source first, in the stage's type.
Planes: TypeAlias = Callable[[Region], Tensor]
#: The moments of each output of every measured stage so far.
Known: TypeAlias = Sequence[Sequence[Moments]]


class BoundStage(Protocol):
    """A stage that knows all whole-image moments it needs."""

    def __call__(
        self, inputs: tuple[Tensor, ...], planes: Planes, to: Region, image: Region
    ) -> tuple[Tensor, ...] | Fused:
        """Compute the region `to` of the output.

        Parameters
        ----------
        inputs : tuple of (1, C, H, W) tensors
            The previous stage's outputs on ``reads(to, image)``; empty for the first stage.
        planes : callable
        to : Region
        image : Region
            The whole image.
        """


class Stage(Protocol):
    """One stage of a network.

    Attributes
    ----------
    name : str
    channels : int
        Numbers a pixel of its output, all maps together; what keeping it costs.
    measured : tuple of int
        For every output map, of how many channels the moments are wanted; empty for none.
    multiply_adds : int
        A pixel, without margins.
    """

    name: str
    channels: int
    measured: tuple[int, ...]
    multiply_adds: int

    def bounds(self, image: Region) -> Region:
        """Return where the output is defined: the image, or the image padded."""

    def reads(self, to: Region, image: Region) -> Region:
        """Return the region of the previous stage's output that a region of this one needs."""

    def bind(self, known: Known) -> BoundStage:
        """Return the stage with the moments of all measured stages before it."""


@dataclass(frozen=True)
class Pipeline:
    """A network ready for inference.

    Attributes
    ----------
    stages : tuple of Stage
        The last one gives the fused image; all but it may be measured.
    window : int
        Sides of tiles are multiples of this.
    device : torch.device
    dtype : torch.dtype
        Of the maps.
    """

    stages: tuple[Stage, ...]
    window: int
    device: torch.device
    dtype: torch.dtype
