"""Decisions of networks on stacks: on all slices at once, or on pairs.

Networks for two planes return the first one's share. Slices are compared in a tree, each pair in
both orders, and the shares of the slices are products along the tree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...fusion.fuser import Fuser
from ...geometry.region import Region
from ...progress import Reporter

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


def fuse_by_network(
    fuser: Fuser,
    planes: Floats,
    channels: Floats,
    check: Callable[[], object],
    shares: Floats | None = None,
) -> tuple[Floats, npt.NDArray[np.uint16]]:
    """Decide on planes, and apply the decisions to channels.

    Parameters
    ----------
    fuser : Fuser
        Its model fuses any number of images.
    planes : (N, H, W) float32 array
        In [0, 1], without missing pixels.
    channels : (N, C, H, W) float32 array
        Of any range, without missing pixels.
    check : callable
        Called repeatedly; may raise to stop.
    shares : (N, H, W) float32 array, optional
        Filled with the share of every slice.

    Returns
    -------
    fused : (C, H, W) float32 array
    sharpest : (H, W) uint16 array
        Index of the slice with the greatest share per pixel.
    """
    stack = _StackPlanes(planes, channels, shares)
    fuser.run_planes(
        stack, len(planes), planes.shape[1:], shares=True, progress=lambda done, total: check()
    )
    return stack.fused, stack.sharpest


class _StackPlanes:
    """A stack as the engine reads it: luminance decides, and all channels follow.

    Parameters
    ----------
    planes : (N, H, W) float32 array
        The luminance of every slice in [0, 1], without missing pixels.
    channels : (N, C, H, W) float32 array
        What the decisions are applied to, of any range.
    shares : (N, H, W) float32 array or None
        Filled if it is given.

    Attributes
    ----------
    fused : (C, H, W) float32 array
    sharpest : (H, W) uint16 array
        The slice with the greatest share.
    """

    def __init__(self, planes: Floats, channels: Floats, shares: Floats | None):
        self._planes, self._channels, self._shares = planes, channels, shares
        self.fused = np.empty(channels.shape[1:], np.float32)
        self.sharpest = np.empty(planes.shape[1:], np.uint16)

    def read(self, region: Region) -> npt.NDArray[np.float32]:
        inside = (..., *region.slices)
        channels = np.moveaxis(self._channels[inside], 1, 0)
        return np.concatenate((self._planes[inside][None], channels))

    def write(self, region: Region, image: Floats, share: Floats | None) -> None:
        inside = (..., *region.slices)
        self.fused[inside] = image[1:]
        assert share is not None
        self.sharpest[inside] = share.argmax(axis=0)
        if self._shares is not None:
            self._shares[inside] = share


@dataclass(frozen=True, eq=False)
class _Node:
    """A plane of the tree, its valid pixels, and the slices that it is made of."""

    plane: Floats
    valid: Mask
    slices: tuple[int, ...]


def pairwise_shares(
    fuser: Fuser, planes: Sequence[Floats], valid: Mask, reporter: Reporter
) -> npt.NDArray[np.float32]:
    """Return every slice's share per pixel, (slices, H, W), which add up to 1.

    Parameters
    ----------
    fuser : Fuser
        Its model has shares.
    planes : sequence of (H, W) float32 arrays
        In [0, 1].
    valid : (slices, H, W) bool array
    reporter : Reporter
        Advanced by 2 (slices - 1).
    """
    shares = np.ones((len(planes), *planes[0].shape), np.float32)
    # Only shares are used, so there is no overshoot to limit.
    compared = fuser.with_options(overshoot=None)
    nodes = [
        _Node(plane, has, (index,))
        for index, (plane, has) in enumerate(zip(planes, valid, strict=True))
    ]

    def join(pair: Sequence[_Node]) -> _Node:
        return _join(compared, pair[0], pair[1], shares, reporter)

    while len(nodes) > 1:
        # The tree is the same from both ends. If the number is odd, the middle node waits, or
        # joins the two remaining nodes.
        half = len(nodes) // 2
        if len(nodes) % 2 == 0:
            nodes = [join(pair) for pair in _pairs(nodes)]
            continue
        left, middle, right = nodes[:half], nodes[half], nodes[half + 1 :]
        if half % 2:
            middle = join((join((left.pop(), right.pop(0))), middle))
        nodes = [*map(join, _pairs(left)), middle, *map(join, _pairs(right))]
    return shares


def _join(
    fuser: Fuser,
    first: _Node,
    second: _Node,
    shares: npt.NDArray[np.float32],
    reporter: Reporter,
) -> _Node:
    share = _share(fuser, first, second, reporter) + 1 - _share(fuser, second, first, reporter)
    share /= 2
    share = np.where(first.valid, np.where(second.valid, share, 1), 0).astype(np.float32)
    for index in first.slices:
        shares[index] *= share
    for index in second.slices:
        shares[index] *= 1 - share
    plane = share * first.plane + (1 - share) * second.plane
    return _Node(plane, first.valid | second.valid, first.slices + second.slices)


def _share(fuser: Fuser, first: _Node, second: _Node, reporter: Reporter) -> Floats:
    """Return the first one's share; pixels missing in one come from the other."""
    shares = fuser.fuse_planes(
        np.where(first.valid, first.plane, second.plane),
        np.where(second.valid, second.plane, first.plane),
        progress=lambda done, total: reporter.check(),
    ).shares
    assert shares is not None
    reporter.advance()
    share: Floats = shares[0]
    return share


def _pairs(nodes: Sequence[_Node]) -> Iterator[tuple[_Node, _Node]]:
    return zip(nodes[::2], nodes[1::2], strict=True)
