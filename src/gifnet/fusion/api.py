"""`fuse` and `enhance`: one call of a `Fuser`."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import textwrap
from collections.abc import Callable
from typing import Any, TypeVar, cast

from ..options import FuseOptions
from ..progress import Progress
from .fuser import Fuser

Function = TypeVar("Function", bound=Callable[..., Any])


def _takes_options(*left_out: str) -> Callable[[Function], Function]:
    """Give a function the fields of `FuseOptions` as keywords, in its signature and docstring."""
    fields = [field for field in dataclasses.fields(FuseOptions) if field.name not in left_out]

    def decorate(function: Function) -> Function:
        own = list(inspect.signature(function).parameters.values())[:-1]
        place = [parameter.name for parameter in own].index("progress")
        options = [
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=field.default,
                annotation=field.type,
            )
            for field in fields
        ]
        signature = inspect.Signature([*own[:place], *options, *own[place:]], return_annotation=Any)

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            signature.bind(*args, **kwargs)
            return function(*args, **kwargs)

        call.__signature__ = signature  # type: ignore[attr-defined]
        entries = "\n".join(f"{x.name} : {x.metadata['kind']}\n{_help(x)}" for x in fields)
        doc = (function.__doc__ or "").replace(
            "{options}", textwrap.indent(entries, "    ").strip()
        )
        call.__doc__ = doc
        return cast(Function, call)

    return decorate


def _help(field: dataclasses.Field[object]) -> str:
    return textwrap.indent(textwrap.fill(field.metadata["help"], 92), "    ")


@_takes_options()
def fuse(
    first: object,
    second: object,
    *others: object,
    progress: Progress = None,
    return_mask: bool = False,
    return_shares: bool = False,
    out: object = None,
    **options: Any,
) -> Any:
    """Fuse two or more images of one scene into one.

    Parameters
    ----------
    first, second, *others : array
        Shape (..., H, W), or with an RGB(A) axis. Booleans, integers and floats of any byte
        order. NumPy, masked, dask or zarr arrays, or anything with ``__array__``. All have the
        same height and width. Leading axes (Z, T, C) broadcast and are fused plane by plane.
        With the default model their order does not matter, except for the result's type. Other
        models take two: the functional or spectral source comes first (infrared, PET, SPECT, MS,
        over-exposed, near-infrared), the structural one second (visible, MRI, PAN).
    {options}
    progress : callable or progress bar, optional
        A tqdm or napari bar, or a function of (done, total) that returns False to stop.
    return_mask : bool
        Also return the share of the first source at each pixel.
    return_shares : bool
        Also return the shares of all sources at each pixel.
    out : array, callable, or a pair of these, optional
        Where the result is written, part by part, and what is returned. An array of the
        result's shape and type, such as a NumPy memory map or a zarr array, or a function of
        (shape, dtype) that makes one. With `return_mask` a pair of these. Sources and result
        then need not be in memory as a whole. Where all sources are missing, it is NaN in
        floats, otherwise the minimum of its range. It is masked if the source of its type is
        and a function has made a NumPy array. It is incomplete if the run is cancelled.

    Returns
    -------
    fused : array
        With the type and value range of `first`, or of the first coloured source if the result
        is coloured. Shape (..., H, W), or (..., H, W, C) with colour. Where some sources are
        missing, the others are used. Where all are missing, the result is NaN or masked.
    mask : (..., H, W) float32 array in [0, 1]
        The share of the first source; only with `return_mask`.
    shares : (N, ..., H, W) float32 array in [0, 1]
        The shares of all N sources, which add up to 1; only with `return_shares`. They are the
        means over the detail bands and the base.

    Raises
    ------
    InvalidInputError
        If an image or option cannot be used.
    WeightsError
        If the weights are missing, damaged, or belong to another model.
    DeviceError
        If the device or precision is not available.
    Cancelled
        If the progress callback returned False.

    Notes
    -----
    With ``value_range=(0, 1)`` and float32 planes in [0, 1] the result is the network's
    output. The default model is described in docs/models/shares.md. ``model="gifnet"`` is that
    of Cheng et al., "One Model for ALL: Low-Level Task Interaction Is a Key to Task-Agnostic
    Image Fusion", CVPR 2025.
    """
    how: dict[str, Any] = {"return_mask": return_mask, "return_shares": return_shares}
    return Fuser(**options).fuse(first, second, *others, **how, out=out, progress=progress)


@_takes_options("task", "balance")
def enhance(image: object, *, progress: Progress = None, out: object = None, **options: Any) -> Any:
    """Enhance one image.

    The default model applies its gains to the details. GIFNet fuses the image with itself,
    F(X, X) (Cheng et al., CVPR 2025, Eq. 2).

    Parameters and errors are those of `fuse`.

    Returns
    -------
    enhanced : array
        Of the type and value range of `image`: (..., H, W), or (..., H, W, C) with colour last.
    """
    return Fuser(**options).enhance(image, out=out, progress=progress)
