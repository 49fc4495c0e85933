"""More than two: a focus stack or an exposure bracket fused into one image.

The network compares two planes and returns the first one's share. Slices are compared in a
tree, each pair in both orders, and the shares of the slices are products along the tree. The
result is their weighted mean, so colours and values come from the slices alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..classical import CLASSICAL_METHODS, Layers
from ..errors import InvalidInputError
from ..fusion.fuser import Fuser
from ..imaging.arrays import compute, with_missing
from ..imaging.colour import luminance
from ..imaging.ranges import Range, normalise, shared_range, to_type
from ..imaging.source import Source, as_array, read_sources
from ..models.registry import require_share
from ..options import STACK_METHODS, FuseOptions
from ..progress import Progress, Reporter
from ..registration.search import check_registration
from ..registration.transform import Transform
from ..validation import require_choice, require_integer
from .align_slices import align_slices
from .stack_planes import StackPlanes

Plane = npt.NDArray[np.float32]


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


def fuse_stack(
    images: Any,
    *,
    axis: int = 0,
    align: str = "none",
    reference: int | None = None,
    method: str = "network",
    return_depth: bool = False,
    progress: Progress = None,
    options: FuseOptions | None = None,
    **overrides: Any,
) -> Any:
    """Fuse the slices of a focus stack or an exposure bracket into one image.

    Parameters
    ----------
    images : sequence of arrays, or array
        Two or more slices of one shape and type, (H, W) or with RGB(A) channels, or one array with
        the slices along `axis`. Neighbours in the sequence should be neighbours in focus or
        exposure.
    axis : int
        The stack's axis, if `images` is one array.
    align : {"none", "translation", "rigid", "similarity", "affine"}
        Register all slices to the reference slice first. Neighbours are registered to each other,
        and all transforms are solved together. "similarity" and "affine" correct the change of
        magnification of a refocused lens. Slices without structure stay unmoved, with a warning.
    reference : int, optional
        Index of the reference slice; the middle one by default.
    method : {"network", "pyramid", "depth-map", "mertens"}
        What fuses: the network of the options, or a classical method. "pyramid" takes the sharpest
        detail, "depth-map" the sharpest slice, "mertens" is for exposures.
    return_depth : bool
        Also return the depth map.
    progress : callable or progress bar, optional
        As in `gifnet.fuse`.
    options : FuseOptions, optional
        Defaults for the network.
    **overrides
        Single options by name, as in `gifnet.fuse`. All slices share one `value_range`; "auto"
        measures it over the whole stack. `overshoot` has no effect, because only the shares of the
        network are used.

    Returns
    -------
    fused : array
        Shape, type and value range of a slice. NaN or masked where all slices are missing.
    depth : (H, W) uint16 array
        Index of the slice with the greatest share; only with `return_depth`.

    Raises
    ------
    InvalidInputError
        If the slices cannot be used together, or the model has no shares.
    Cancelled
        If the progress callback returned False.

    Notes
    -----
    Models for any number of images take all slices at once, in any order. The others compare
    pairs in both orders, and average the shares. So the reversed stack gives the same result, to
    rounding. Other orders change which slices are compared. Then pixels in which slices hardly
    differ may change.
    """
    with Fuser(options, **overrides) as fuser:
        fused = StackFuser(fuser).fuse(
            images, axis=axis, align=align, reference=reference, method=method, progress=progress
        )
    return (fused.image, fused.depth) if return_depth else fused.image


class StackFuser:
    """Fuses stacks with a `Fuser`, which keeps the network loaded.

    Parameters
    ----------
    fuser : Fuser
        For method "network" its model must have shares.
    """

    def __init__(self, fuser: Fuser):
        self._fuser = fuser
        # Only shares are used, so there is no overshoot to limit.
        self._compared = fuser.with_options(overshoot=None)

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
        options = self._fuser.options
        slices = _slices(images, axis, options)
        index = len(slices) // 2
        if reference is not None:
            index = require_integer("reference", reference)
        if not -len(slices) <= index < len(slices):
            raise InvalidInputError(
                f"reference is {index}, but the stack has {len(slices)} slices."
            )
        index %= len(slices)
        limits = shared_range([source.intensities for source in slices], options.value_range)
        reporter = Reporter(progress)
        pairs = len(slices) - 1
        reporter.expect((pairs if align != "none" else 0) + 2 * pairs)
        transforms: tuple[Transform, ...] = ()
        if align != "none":
            slices, transforms = align_slices(slices, index, align, reporter)
        valid = np.stack([_valid(source) for source in slices])
        planes = [
            _luminance(source, has, limits) for source, has in zip(slices, valid, strict=True)
        ]
        grey = options.chroma == "none"
        if method != "network" or self._fuser.fuses_any_number:
            image, depth = self._at_once(method, slices, planes, valid, limits, grey, reporter)
        else:
            shares = self._shares(planes, valid, reporter)
            depth = shares.argmax(axis=0).astype(np.uint16)
            image = _weighted(slices, shares, valid, grey)
        record = self._record(align, index, method, transforms)
        return FusedStack(image, depth, transforms, record)

    def _at_once(
        self,
        method: str,
        slices: Sequence[Source],
        planes: Sequence[Plane],
        valid: npt.NDArray[np.bool_],
        limits: Range,
        grey: bool,
        reporter: Reporter,
    ) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.uint16]]:
        """Fuse all slices in one pass. The mean of the others stands for missing pixels."""
        first, channels = slices[0], _channels(slices, valid)
        filled = _with_mean(np.stack(planes), valid)
        if method == "network":
            planes_of = StackPlanes(filled, channels)
            self._fuser.run_planes(
                planes_of,
                len(filled),
                filled.shape[1:],
                shares=True,
                progress=lambda done, total: reporter.check(),
            )
            fused, depth = planes_of.fused, planes_of.depth
        else:
            colours = normalise(channels[:, :3], limits) if first.coloured else None
            layers = Layers(filled, channels, valid, colours)
            fused, depth = CLASSICAL_METHODS[method].fuse(layers, reporter.check)
        reporter.advance(2 * (len(slices) - 1))
        image = np.moveaxis(fused, 0, -1) if first.coloured else fused[0]
        return _in_type(image, first, valid, grey), depth

    def _shares(
        self, planes: Sequence[Plane], valid: npt.NDArray[np.bool_], reporter: Reporter
    ) -> npt.NDArray[np.float32]:
        """Return every slice's share per pixel, (slices, H, W), which add up to 1."""
        shares = np.ones((len(planes), *planes[0].shape), np.float32)
        nodes = [
            _Node(plane, has, (index,))
            for index, (plane, has) in enumerate(zip(planes, valid, strict=True))
        ]

        def join(pair: Sequence[_Node]) -> _Node:
            return self._join(pair[0], pair[1], shares, reporter)

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
        self, first: _Node, second: _Node, shares: npt.NDArray[np.float32], reporter: Reporter
    ) -> _Node:
        share = self._share(first, second, reporter) + 1 - self._share(second, first, reporter)
        share /= 2
        share = np.where(first.valid, np.where(second.valid, share, 1), 0).astype(np.float32)
        for index in first.slices:
            shares[index] *= share
        for index in second.slices:
            shares[index] *= 1 - share
        plane = share * first.plane + (1 - share) * second.plane
        return _Node(plane, first.valid | second.valid, first.slices + second.slices)

    def _share(self, first: _Node, second: _Node, reporter: Reporter) -> Plane:
        """Return the first one's share; pixels missing in one come from the other."""
        shares = self._compared.fuse_planes(
            np.where(first.valid, first.plane, second.plane),
            np.where(second.valid, second.plane, first.plane),
            progress=lambda done, total: reporter.check(),
        ).shares
        assert shares is not None
        reporter.advance()
        share: Plane = shares[0]
        return share

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


@dataclass(frozen=True, eq=False)
class _Node:
    """A plane of the tree, its valid pixels, and the slices that it is made of."""

    plane: Plane
    valid: npt.NDArray[np.bool_]
    slices: tuple[int, ...]


def _pairs(nodes: Sequence[_Node]) -> Iterator[tuple[_Node, _Node]]:
    return zip(nodes[::2], nodes[1::2], strict=True)


def _slices(images: Any, axis: int, options: FuseOptions) -> list[Source]:
    """Return the slices as sources of one shape and type, colour last."""
    if not isinstance(images, list | tuple):
        stack = as_array(images, "stack")
        axis = require_integer("axis", axis)
        if not -stack.ndim <= axis < stack.ndim:
            raise InvalidInputError(f"axis is {axis}, but the stack has {stack.ndim} axes.")
        index = [slice(None)] * stack.ndim
        images = []
        for position in range(stack.shape[axis]):
            index[axis] = position  # type: ignore[call-overload]
            images.append(stack[tuple(index)])
    if len(images) < 2:
        raise InvalidInputError(f"The stack has {len(images)} slice(s); two or more can be fused.")
    named = {f"slice {number}": image for number, image in enumerate(images)}
    slices = list(read_sources(named, options.channel_axis))
    shapes = {tuple(source.data.shape) for source in slices}
    types = {str(source.dtype) for source in slices}
    if len(shapes) > 1 or len(types) > 1:
        raise InvalidInputError(
            f"The slices of a stack must be of one shape and type, not {sorted(shapes)} and "
            f"{sorted(types)}."
        )
    if len(slices[0].shape) != 2:
        raise InvalidInputError(
            f"The slices have shape {slices[0].data.shape}; give planes, (H, W), or pass "
            "channel_axis if they have RGB(A) channels."
        )
    return [dataclasses.replace(s, data=compute(s.data)) for s in slices]


def _channels(slices: Sequence[Source], valid: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """Return the slices as (N, C, H, W); the mean of the others stands for missing pixels."""
    values = np.stack([np.ma.getdata(source.data) for source in slices]).astype(np.float32)
    channels = np.moveaxis(values, -1, 1) if slices[0].coloured else values[:, None]
    return _with_mean(channels, valid[:, None])


def _valid(source: Source) -> npt.NDArray[np.bool_]:
    """Return the mask of a slice's valid pixels."""
    data = compute(source.intensities)
    valid = ~np.ma.getmaskarray(data)
    if data.dtype.kind == "f":
        valid &= np.isfinite(np.ma.getdata(data))
    return np.asarray(valid.all(axis=-1) if source.coloured else valid)


def _luminance(source: Source, valid: npt.NDArray[np.bool_], limits: Range) -> Plane:
    values = normalise(np.ma.getdata(source.intensities), limits)
    plane = luminance(values) if source.coloured else values
    return np.where(valid, plane, np.float32(0)).astype(np.float32)


def _weighted(
    slices: Sequence[Source],
    shares: npt.NDArray[np.float32],
    valid: npt.NDArray[np.bool_],
    grey: bool,
) -> npt.NDArray[np.generic]:
    """Return the mean of the slices, weighted by their shares, in their own type."""
    first = slices[0]
    total: npt.NDArray[np.float64] = np.zeros(first.data.shape, np.float64)
    for source, share, has in zip(slices, shares, valid, strict=True):
        weight, has = (x[..., None] if source.coloured else x for x in (share, has))
        total += weight * np.where(has, np.ma.getdata(source.data), 0)
    return _in_type(total, first, valid, grey)


def _with_mean(
    values: npt.NDArray[np.float32], valid: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float32]:
    """Return (N, ...) values whose missing pixels are the mean of the other slices'."""
    if valid.all():
        return values
    known = np.where(valid, values, 0)
    mean = known.sum(axis=0) / np.maximum(valid.sum(axis=0), 1)
    return np.where(valid, values, mean).astype(np.float32)


def _in_type(
    total: npt.NDArray[np.floating], first: Source, valid: npt.NDArray[np.bool_], grey: bool
) -> npt.NDArray[np.generic]:
    """Return a fused stack in the slices' type, missing where all slices are."""
    if grey and first.coloured:
        total[..., :3] = luminance(total[..., :3])[..., None]
    # In float32 the shares add up to a little less or more than 1.
    image = to_type(total, first.dtype)
    missing = np.asarray(~valid.any(axis=0))
    return with_missing(image, missing[..., None] if first.coloured else missing)
