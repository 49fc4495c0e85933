"""`fuse_stack`: the slices of a focus stack or an exposure bracket into one image."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import InvalidInputError, WeightsError
from ...fusion.fuser import Fuser
from ...options import FuseOptions
from ...progress import Progress
from .fuser import FusedStack, StackFuser
from .settings import StackSettings


def fuse_stack(
    images: Any,
    *,
    axis: int = 0,
    align: str = "none",
    reference: int | None = None,
    transforms: Any = None,
    crop: str = "reference",
    method: str = "network",
    equalise: str = "none",
    decide_on: int | str | None = None,
    shares: Any = None,
    retouching: Any = None,
    feather: float = 1.5,
    spacing: float | Sequence[float] | None = None,
    return_depth: bool = False,
    return_shares: bool = False,
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
    equalise : {"none", "brightness", "colour"}
        Multiply the slices of a focus stack by gains, so that they have the brightness of the
        reference slice: one gain per slice, or one per slice and colour (white balance). Not for
        brackets, whose differences in brightness are wanted.
    decide_on : int or str, optional
        The channel in which the slices are registered and compared, for all channels. For RGB(A):
        "luminance" (the default), a number, "red", "green" or "blue". For slices with other
        channels, (C, H, W): a number, or "luminance", the mean of all channels.
    shares : array or FusedStack, optional
        The decision of an earlier run, which is applied instead of a new one: the number of the
        slice of every pixel, such as `info.sharpest`, integers of shape (H, W); or the shares of
        all slices, floats of shape (slices, H, W). `method` has no effect then.
    retouching : (H, W) integers, optional
        A painted map of slice numbers, from 0, of the result's size. These slices are blended into
        the result. Pixels below 0, masked, or of the greatest number of an unsigned type stay.
    feather : float
        Sigma in pixels of the borders between the slices of both maps.
    spacing : float or sequence of float, optional
        The distance of neighbouring slices, or the position of every slice. The depth is in its
        unit; in slices, from 0, by default.
    return_depth : bool
        Also return the depth, measured by the sharpness of the slices.
    return_shares : bool
        Also return the shares of all slices, which only networks have.
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
    shares : (slices, H, W) float32 array
        Only with `return_shares`.
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
            equalise=equalise,
            decide_on=decide_on,
            shares=shares,
            retouching=retouching,
            feather=feather,
            spacing=spacing,
            depth=return_depth,
            keep_shares=return_shares,
            progress=progress,
        )
    extra: tuple[Any, ...] = (fused.depth,) * return_depth + (fused.shares,) * return_shares
    extra += (fused,) * return_info
    return (fused.image, *extra) if extra else fused.image


def rerun_stack(
    images: Any,
    record: Mapping[str, Any],
    *,
    axis: int = 0,
    shares: Any = None,
    progress: Progress = None,
) -> FusedStack:
    """Fuse a stack again from its record, with the same transforms and maps.

    With the same slices, weights and versions, the result has the same bytes on the same device.

    Parameters
    ----------
    images, axis, progress
        As in `fuse_stack`.
    record : mapping
        `FusedStack.provenance`, or the record in a result's file.
    shares : array, optional
        The shares of all slices, if the run used them: the record has only their sha256.

    Raises
    ------
    InvalidInputError
        If the record is not that of a stack.
    WeightsError
        If the weights differ from the recorded ones.
    """
    settings = StackSettings.from_record(record, shares=shares)
    with Fuser(recorded_options(record)) as fuser:
        if settings.method == "network" and settings.shares is None:
            require_recorded_weights(fuser, record)
        return StackFuser(fuser).fuse(images, axis=axis, settings=settings, progress=progress)


def recorded_options(record: Mapping[str, Any]) -> FuseOptions:
    """Return the options of a run, with its device and precision.

    Raises
    ------
    InvalidInputError
        If the record is incomplete.
    """
    try:
        options = FuseOptions.from_dict(record["options"])
        # "auto" may mean something else on this machine.
        options = dataclasses.replace(options, device=record["device"])
        if options.precision == "auto":
            options = dataclasses.replace(options, precision=record["precision"])
    except (KeyError, TypeError) as error:
        raise InvalidInputError(
            f"The record is incomplete (no {error}). Take the whole record of a fused stack."
        ) from None
    return options


def require_recorded_weights(fuser: Fuser, record: Mapping[str, Any]) -> None:
    """Refuse other weights than those of a run.

    Raises
    ------
    WeightsError
        If they differ.
    """
    wanted, found = record["weights"]["sha256"], fuser.weights.sha256
    if wanted != found:
        raise WeightsError(
            f"The result was made with weights of sha256 {wanted}, but those of "
            f"{fuser.weights.source} are {found}. Take the file that was used."
        )
