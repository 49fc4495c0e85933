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

from ...classical import CLASSICAL_METHODS, Layers, measure_depth
from ...fusion.fuser import Fuser
from ...geometry.region import Region
from ...imaging.missing import with_mean
from ...imaging.ranges import Range, normalise
from ...models.registry import require_share
from ...progress import Progress, Reporter
from ...registration.transform import Transform
from .alignment import aligned
from .equalise import equalised
from .maps import apply_decision, require_map, retouched
from .network import fuse_by_network, pairwise_shares
from .settings import StackSettings
from .slices import Floats, Slices, read_slices


@dataclass(frozen=True, eq=False)
class FusedStack:
    """A stack fused into one image.

    Attributes
    ----------
    image : array
        In the slices' type and value range; (H, W), or (H, W, C). NaN in floats, and masked in
        integers, where all slices are missing.
    sharpest : (H, W) uint16 array
        Index of the slice with the greatest share per pixel.
    depth, confidence : (H, W) float32 array or None
        The measured depth, and its confidence in [0, 1], if they were asked for.
    shares : (N, H, W) float32 array or None
        The share of every slice, if it was asked for.
    transforms : tuple of Transform
        One per slice, as `gifnet.register` finds them; empty without alignment.
    region : Region
        The part of the slices that the result covers: all of it, if it is not cropped.
    provenance : dict
        The record of the run.
    """

    image: npt.NDArray[np.generic]
    sharpest: npt.NDArray[np.uint16]
    depth: npt.NDArray[np.float32] | None
    confidence: npt.NDArray[np.float32] | None
    shares: Floats | None
    transforms: tuple[Transform, ...]
    region: Region
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
        settings: StackSettings | None = None,
        progress: Progress = None,
        **overrides: Any,
    ) -> FusedStack:
        """Fuse a stack; see `fuse_stack`.

        Parameters
        ----------
        images, axis, progress
            As in `fuse_stack`.
        settings : StackSettings, optional
            Defaults for `overrides`.
        **overrides
            Single settings by name.
        """
        settings = (settings or StackSettings()).updated(**overrides)
        if settings.method == "network" and settings.shares is None:
            require_share(self._fuser.model, "by which stacks are fused")
        options = self._fuser.options
        slices = read_slices(images, axis, options.channel_axis, settings.decide_on)
        index = settings.reference_index(slices.count)
        limits = slices.limits(options.value_range)
        reporter = Reporter(progress)
        reporter.expect(2 * (slices.count - 1))
        slices, transforms, region = aligned(slices, index, settings, reporter)
        slices = equalised(slices, index, settings.equalise)
        planes = slices.planes(limits)
        shares = np.empty(planes.shape, np.float32) if settings.keep_shares else None
        fused, sharpest = self._fused(settings, slices, planes, limits, reporter, shares)
        image = slices.image(fused, options.chroma == "none")
        if settings.retouching is not None:
            require_map("retouching", settings.retouching, slices.count, slices.shape, whole=False)
            image = retouched(image, slices, settings.retouching, settings.feather)
            painted = settings.retouching >= 0
            sharpest = np.where(painted, settings.retouching, sharpest).astype(np.uint16)
        depth, confidence = None, None
        if settings.depth:
            depth, confidence = _measured(slices, planes, settings, reporter)
        record: dict[str, Any] = {
            **self._fuser.provenance(),
            "overshoot": None,
            "operation": "fuse_stack",
            "stack": settings.updated(reference=index, transforms=transforms or None).to_dict(),
        }
        if slices.gains is not None:
            record["stack"]["gains"] = slices.gains.round(6).tolist()
        return FusedStack(image, sharpest, depth, confidence, shares, transforms, region, record)

    def _fused(
        self,
        settings: StackSettings,
        slices: Slices,
        planes: Floats,
        limits: Range,
        reporter: Reporter,
        kept: Floats | None,
    ) -> tuple[npt.NDArray[np.floating], npt.NDArray[np.uint16]]:
        """Return the fused (C, H, W) channels, and the sharpest slice per pixel."""
        method, shares = settings.method, settings.shares
        if shares is not None:
            require_map("shares", shares, slices.count, slices.shape, whole=True)
            reporter.advance(2 * (slices.count - 1))
            return apply_decision(slices, shares, settings.feather)
        if method == "network" and not self._fuser.fuses_any_number:
            shares = pairwise_shares(self._fuser, list(planes), slices.valid, reporter)
            if kept is not None:
                kept[:] = shares
            return slices.weighted(shares), shares.argmax(axis=0).astype(np.uint16)
        filled, channels = with_mean(planes, slices.valid), slices.channels()
        if method == "network":
            found = fuse_by_network(self._fuser, filled, channels, reporter.check, kept)
        else:
            colours = normalise(channels[:, :3], limits) if slices.first.coloured else None
            layers = Layers(filled, channels, slices.valid, colours)
            found = CLASSICAL_METHODS[method].fuse(layers, reporter.check)
        reporter.advance(2 * (slices.count - 1))
        return found


def _measured(
    slices: Slices, planes: Floats, settings: StackSettings, reporter: Reporter
) -> tuple[Floats, Floats]:
    """Return the depth, in slices or at the positions of the settings, and its confidence."""
    layers = Layers(with_mean(planes, slices.valid), valid=slices.valid)
    found = measure_depth(layers, reporter.check)
    positions = settings.positions(slices.count)
    if positions is None:
        return found.position, found.confidence
    depth = np.interp(found.position, np.arange(slices.count), positions)
    return depth.astype(np.float32), found.confidence
