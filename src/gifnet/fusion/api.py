"""`fuse` and `enhance`: one call of a `Fuser`."""

from __future__ import annotations

from typing import Any, Literal

from ..progress import Progress
from .fuser import Fuser


def fuse(
    first: Any,
    second: Any,
    *,
    task: str | None = None,
    model: str = "gifnet",
    weights: Any = None,
    device: str = "auto",
    precision: str = "auto",
    statistics: str = "exact",
    tile: int | Literal["auto"] = "auto",
    memory: int | Literal["auto"] = "auto",
    value_range: Any = "auto",
    channel_axis: int | Literal["auto"] | None = "auto",
    chroma: str = "auto",
    overshoot: float | Literal["auto"] | None = "auto",
    progress: Progress = None,
    return_mask: bool = False,
    out: Any = None,
) -> Any:
    """Fuse two images of one scene into one.

    Parameters
    ----------
    first, second : array
        (..., H, W), or with an RGB(A) axis. Booleans, integers and floats of any byte order;
        NumPy, masked, dask or zarr arrays, or anything with ``__array__``. Heights and widths are
        equal; leading axes (Z, T, C) broadcast and are fused plane by plane. The network is
        not symmetric: the functional or spectral source comes first (infrared, PET, SPECT, MS,
        over-exposed, near-infrared), the structural one second (visible, MRI, PAN).
    task : {"ivif", "nir", "medical", "mfif", "meif", "pansharpen"}, optional
        What the pair is. It names the roles of both sources, and the weights of some models.
    model : str
        A name from `list_models`, or "best": that of the best measured quality for the task.
    weights : path, optional
        A .safetensors file or an authors' checkpoint; the bundled weights if left out.
    device : str
        "auto", "cpu", "cuda", "cuda:N" or "mps".
    precision : {"auto", "float32", "tf32", "bfloat16", "float16"}
        "auto" is bfloat16 for 8-bit pairs where the hardware has it, float32 otherwise.
    statistics : {"exact", "sampled"}
        How the whole-image statistics of a tiled image are found.
    tile : int or "auto"
        Side of the tiles in pixels, a multiple of 8; 0 for none.
    memory : int or "auto"
        Bytes that the network's features may take. An image whose features fit is computed in
        one piece, which is faster; the result is the same, with frufn and efrufn nearly. For those
        two it is all that they take; "auto" is what is free, and half of it for tiles.
    value_range : "auto", "dtype", (low, high), or a pair of these
        What maps to the network's [0, 1]. "auto" is the type's range for uint8, and each
        source's finite minimum and maximum over the whole stack otherwise.
    channel_axis : int, "auto" or None
        The axis of RGB(A) channels. "auto" takes a last axis of 3 or 4 in uint8 images.
    chroma : {"auto", "first", "second", "blend", "none"}
        Whose colour the result has. "auto": the coloured source's; of two, their blend, or with
        `task` "meif" and a model that has it, what a network makes of both.
    overshoot : float, "auto" or None
        How far the result's luminance may pass the least and greatest of both sources in the 5 x 5
        pixels around, in parts of their range in the 9 x 9 around; 0 invents no extremes. "auto" is
        0.03 in `enhance`, which keeps edges free of halos, and no limit in `fuse`; None is none.
    progress : callable or progress bar, optional
        A tqdm or napari bar, or a function of (done, total) that returns False to stop.
    return_mask : bool
        Return the first source's share of every pixel as well.
    out : array, callable, or a pair of these, optional
        Where the result is written, part by part: of the result's shape and type, such as a
        NumPy memory map or a zarr array; or a function of (shape, dtype) that makes one; or
        both of one and of the same for the mask. It is also what is returned (masked if `first`
        is and a function has made a NumPy array; else with the least value of the first source's
        range where neither has data, NaN in floats), and incomplete if the run is cancelled.
        Sources and result then never need to be in memory as a whole.

    Returns
    -------
    fused : array
        With the type and value range of `first`; (..., H, W), or (..., H, W, C) if either
        source is coloured. NaN, or masked, where neither source has data; where one lacks
        data the other is used.
    mask : (..., H, W) float32 array in [0, 1]
        Only with `return_mask`.

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
    With ``value_range=(0, 1)`` and float32 planes in [0, 1] the result is the network's own
    output. The method is that of Cheng et al., "One Model for ALL: Low-Level Task
    Interaction Is a Key to Task-Agnostic Image Fusion", CVPR 2025.
    """
    fuser = Fuser(
        task=task, model=model, weights=weights, device=device, precision=precision,
        statistics=statistics, tile=tile, memory=memory, value_range=value_range,
        channel_axis=channel_axis, chroma=chroma, overshoot=overshoot,
    )  # fmt: skip
    return fuser.fuse(first, second, return_mask=return_mask, out=out, progress=progress)


def enhance(
    image: Any,
    *,
    model: str = "gifnet",
    weights: Any = None,
    device: str = "auto",
    precision: str = "auto",
    statistics: str = "exact",
    tile: int | Literal["auto"] = "auto",
    memory: int | Literal["auto"] = "auto",
    value_range: Any = "auto",
    channel_axis: int | Literal["auto"] | None = "auto",
    chroma: str = "auto",
    overshoot: float | Literal["auto"] | None = "auto",
    progress: Progress = None,
    out: Any = None,
) -> Any:
    """Enhance one image as the fusion of it with itself, F(X, X) (paper, Eq. 2).

    Parameters and errors are those of `fuse`.

    Returns
    -------
    enhanced : array
        Of the type and value range of `image`: (..., H, W), or (..., H, W, C) with colour last.
    """
    fuser = Fuser(
        model=model, weights=weights, device=device, precision=precision, statistics=statistics,
        tile=tile, memory=memory, value_range=value_range, channel_axis=channel_axis,
        chroma=chroma, overshoot=overshoot,
    )  # fmt: skip
    return fuser.enhance(image, out=out, progress=progress)
