"""Networks as a sequence of stages that can compute any region of their output.

A stage computes a region of its output from a somewhat larger region of its input and of both
planes. If an output is normalised over the whole image, its moments are measured, and later stages
get them before they run. So a network of any architecture runs on images of any size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeAlias

import torch
from torch import Tensor

from ..geometry.region import Region

#: Bytes of a map that a sequence of cheap operations takes at a time on the CPU, so that their
#: intermediate results stay in a core's cache.
BYTES_AT_ONCE = 3 << 18


class Fused(NamedTuple):
    """Fused planes and, if the network has them, shares per pixel, in [0, 1].

    Modules return (B, 1, H, W) for both, with the first source's share. The last stage of a
    pipeline returns (P, 1, H, W) planes, and (1, 1, H, W) or (1, N, H, W) shares.
    """

    image: Tensor
    share: Tensor | None


#: The constant that is added to the variance of every activation.
EPSILON = 1e-5


class Moments(NamedTuple):
    """Mean and standard deviation of an activation over channels, height and width.

    Both are (B, 1, 1, 1) tensors. A network that depends on the rest of the
    image by moments alone can run on any part of it once they are known.
    """

    mean: Tensor
    std: Tensor

    @classmethod
    def of(cls, x: Tensor, eps: float = EPSILON) -> Moments:
        """Measure `x`, a (B, C, H, W) tensor; `eps` is added to the variance."""
        # bfloat16 has 8 bits of mantissa, too few for sums over a megapixel.
        x = x.float()
        mean = x.mean(dim=(1, 2, 3), keepdim=True)
        variance = (x - mean).square().mean(dim=(1, 2, 3), keepdim=True)
        return cls(mean, torch.sqrt(variance + eps))


class PlaneSum(Protocol):
    """The sum of a measured stage's results over the parts of a plane."""

    def add(self, x: Tensor, at: Region, /) -> None:
        """Add the (1, C, H, W) map of a region."""

    def join(self, other: Any, /) -> None:
        """Add what another sum holds."""

    def result(self) -> Any:
        """Return the input of later stages."""


#: Returns the planes of a region, (P, N, H, W): P of each of N sources, in the stage's type.
ReadPlanes: TypeAlias = Callable[[Region], Tensor]
#: The moments of each output of every measured stage so far.
KnownMoments: TypeAlias = Sequence[Sequence[Moments]]


@dataclass(frozen=True)
class StageTask:
    """The task of a stage.

    Attributes
    ----------
    to : Region
        The region of its output.
    image : Region
        The whole image.
    planes : callable
    into : tuple of (1, C, H, W) tensors, optional
        Memory for the outputs. They are also returned.
    want_share : bool
        Whether shares are used. Stages may leave them out otherwise.
    """

    to: Region
    image: Region
    planes: ReadPlanes
    into: tuple[Tensor, ...] | None = None
    want_share: bool = True


#: A stage with all whole-image moments that it needs: from the previous stage's outputs on
#: ``reads(to, image)``, (1, C, H, W) each and none for the first stage, to its own outputs.
ReadyStage: TypeAlias = Callable[[tuple[Tensor, ...], StageTask], tuple[Tensor, ...] | Fused]


class Stage(Protocol):
    """One stage of a network.

    Attributes
    ----------
    name : str
    maps : tuple of int
        Channels of every map of its output; empty for the last stage, and for stages whose output
        is used for statistics only.
    measured : tuple of int or None
        For every output map, the number of channels whose moments are needed, None for all of
        them; empty for none.
    shift : int
        Its windows' grid begins this many pixels above and left of the image.
    block_factor : int
        Factor of the usual block side; larger if margins are expensive.
    """

    name: str
    maps: tuple[int, ...]
    measured: tuple[int | None, ...]
    shift: int
    block_factor: int

    def bounds(self, image: Region) -> Region:
        """Return the region of the output: the image, or the padded image."""

    def reads(self, to: Region, image: Region) -> Region:
        """Return the region of the previous stage's output that a region of this one needs."""

    def with_moments(self, known: KnownMoments) -> ReadyStage:
        """Return the stage with the moments of all measured stages before it."""


@dataclass(frozen=True)
class Pipeline:
    """A network ready for inference.

    Attributes
    ----------
    stages : tuple of Stage
        The last one gives the fused image.
    window : int
        Sides of tiles are multiples of this.
    device : torch.device
    dtype : torch.dtype
        The type of the maps.
    at_once : bool
        Whether a tile is computed at once by all threads, rather than in blocks, one per thread.
    whole : Pipeline, optional
        The pipeline for planes of a single tile, if it is another one.
    collect : callable, optional
        Makes the `PlaneSum` of a measured map; by default of its moments.
    conclude : callable, optional
        Makes the input of later stages from the results of a measured stage, once per plane.
    balanced : callable, optional
        Returns the pipeline with a factor of each image's shares.
    """

    stages: tuple[Stage, ...]
    window: int
    device: torch.device
    dtype: torch.dtype
    at_once: bool = False
    whole: Pipeline | None = None
    collect: Callable[[], PlaneSum] | None = None
    conclude: Callable[[Sequence[Any]], Any] | None = None
    balanced: Callable[[tuple[float, ...]], Pipeline] | None = None


def autocast(device: torch.device, dtype: torch.dtype) -> torch.autocast:
    """Return the context in which a plain module computes in a number format."""
    return torch.autocast(device.type, dtype, enabled=dtype != torch.float32)
