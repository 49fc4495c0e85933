"""`fuse_stack`: the slices of a focus stack or an exposure bracket into one image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...fusion.fuser import Fuser
from ...options import FuseOptions
from ...progress import Progress
from .fuser import StackFuser


def fuse_stack(
    images: Any,
    *,
    axis: int = 0,
    align: str = "none",
    reference: int | None = None,
    transforms: Any = None,
    crop: str = "reference",
    method: str = "network",
    spacing: float | Sequence[float] | None = None,
    return_depth: bool = False,
    return_info: bool = False,
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
    transforms : sequence of Transform, FusedStack, AlignedStack or record, optional
        The transforms of an earlier run. They are used instead of a new registration, for other
        channels, another lighting or other settings. Slices are as many and as large as then.
    crop : {"reference", "common"}
        The extent of the result: that of the reference slice, or what all slices cover.
    method : {"network", "pyramid", "depth-map", "mertens"}
        What fuses: the network of the options, or a classical method. "pyramid" takes the sharpest
        detail, "depth-map" the sharpest slice, "mertens" is for exposures.
    spacing : float or sequence of float, optional
        The distance of neighbouring slices, or the position of every slice. The depth is in its
        unit; in slices, from 0, by default.
    return_depth : bool
        Also return the depth, measured by the sharpness of the slices.
    return_info : bool
        Also return a `FusedStack` with the transforms, the record and all else that was found.
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
    depth : (H, W) float32 array
        Measured between the slices, NaN where nothing is ever sharp; only with `return_depth`. Its
        confidence is in `info`.
    info : FusedStack
        Only with `return_info`.

    Raises
    ------
    InvalidInputError
        If the slices cannot be used together, the transforms do not fit, or the model has no
        shares.
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
            images,
            axis=axis,
            align=align,
            reference=reference,
            transforms=transforms,
            crop=crop,
            method=method,
            spacing=spacing,
            depth=return_depth,
            progress=progress,
        )
    extra = (fused.depth,) * return_depth + (fused,) * return_info
    return (fused.image, *extra) if extra else fused.image
