"""`StackFuser`: one stack from call to result.

Slices -> alignment -> luminance planes in [0, 1] -> decisions by the network or a classical
method -> channels of the slices, weighted by the decisions. So colours and values come from the
slices alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...classical import CLASSICAL_METHODS, Layers
from ...errors import InvalidInputError
from ...fusion.fuser import Fuser
from ...imaging.ranges import normalise, shared_range
from ...models.registry import require_share
from ...options import STACK_METHODS
from ...progress import Progress, Reporter
from ...registration.search import check_registration
from ...registration.transform import Transform
from ...validation import require_choice, require_integer
from .alignment import align_slices
from .network import fuse_by_network
from .pairwise import pairwise_shares
from .slices import Slices, read_slices, with_mean


@dataclass(frozen=True, eq=False)
class FusedStack:
    """A stack fused into one image.

    Attributes
    ----------
    image : array
        In the slices' type and value range; (H, W), or (H, W, C). NaN in floats, and masked in
        integers, where all slices are missing.
    depth : (H, W) uint16 array
        Index of the slice with the greatest share per pixel.
    transforms : tuple of Transform
        One per slice, as `gifnet.register` finds them; empty without alignment.
    provenance : dict
        The record of the run.
    """

    image: npt.NDArray[np.generic]
    depth: npt.NDArray[np.uint16]
    transforms: tuple[Transform, ...]
    provenance: dict[str, Any]


class StackFuser:
    """Fuses stacks with a `Fuser`, which keeps the network loaded.

    Parameters
    ----------
    fuser : Fuser
        For method "network" its model must have shares.
    """

    def __init__(self, fuser: Fuser):
        self._fuser = fuser

    def fuse(
        self,
        images: Any,
        *,
        axis: int = 0,
        align: str = "none",
        reference: int | None = None,
        method: str = "network",
        progress: Progress = None,
    ) -> FusedStack:
        """Fuse a stack; see `fuse_stack`."""
        check_registration(align, "edges")
        require_choice("method", method, STACK_METHODS)
        if method == "network":
            require_share(self._fuser.model, "by which stacks are fused")
        slices = read_slices(images, axis, self._fuser.options)
        index = reference_index(reference, slices.count)
        limits = shared_range(
            [source.intensities for source in slices.sources], self._fuser.options.value_range
        )
        reporter = Reporter(progress)
        pairs = slices.count - 1
        reporter.expect((pairs if align != "none" else 0) + 2 * pairs)
        transforms: tuple[Transform, ...] = ()
        if align != "none":
            sources, transforms = align_slices(slices.sources, index, align, reporter)
            slices = Slices(tuple(sources))
        fused, depth = self._fused(method, slices, limits, reporter)
        image = slices.image(fused, self._fuser.options.chroma == "none")
        record = self._record(align, index, method, transforms)
        return FusedStack(image, depth, transforms, record)

    def _fused(
        self, method: str, slices: Slices, limits: tuple[float, float], reporter: Reporter
    ) -> tuple[npt.NDArray[np.floating], npt.NDArray[np.uint16]]:
        """Return the fused (C, H, W) channels, and the sharpest slice per pixel."""
        planes = slices.planes(limits)
        if method == "network" and not self._fuser.fuses_sets:
            shares = pairwise_shares(self._fuser, list(planes), slices.valid, reporter)
            return slices.weighted(shares), shares.argmax(axis=0).astype(np.uint16)
        filled, channels = with_mean(planes, slices.valid), slices.channels()
        if method == "network":
            found = fuse_by_network(self._fuser, filled, channels, reporter.check)
        else:
            colours = normalise(channels[:, :3], limits) if slices.first.coloured else None
            layers = Layers(filled, channels, slices.valid, colours)
            found = CLASSICAL_METHODS[method].fuse(layers, reporter.check)
        reporter.advance(2 * (slices.count - 1))
        return found

    def _record(
        self, align: str, reference: int, method: str, transforms: tuple[Transform, ...]
    ) -> dict[str, object]:
        record = {**self._fuser.provenance(), "overshoot": None}
        stack: dict[str, object] = {"align": align, "reference": reference}
        if method != "network":
            stack["method"] = method
        if transforms:
            stack["transforms"] = [transform.to_dict() for transform in transforms]
        return {**record, "operation": "fuse_stack", "stack": stack}


def reference_index(reference: int | None, count: int) -> int:
    """Return the index of the reference slice, the middle one by default.

    Raises
    ------
    InvalidInputError
        If there is no such slice.
    """
    index = count // 2 if reference is None else require_integer("reference", reference)
    if not -count <= index < count:
        raise InvalidInputError(f"reference is {index}, but the stack has {count} slices.")
    return index % count
