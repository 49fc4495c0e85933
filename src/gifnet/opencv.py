"""Exposure fusion with the interface of OpenCV's photo module. OpenCV is not needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import InvalidInputError
from .fusion.fuser import Fuser
from .options import FuseOptions
from .workflows.stacks.fuser import StackFuser

__all__ = ["MergeGIFNet", "createMergeGIFNet"]

#: The values of white.
_WHITE = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535, np.dtype(np.float32): 255}


class MergeGIFNet:
    """Merges exposures, or focal planes, as ``cv2.MergeMertens`` does; see `createMergeGIFNet`.

    It keeps the network loaded between calls.
    """

    def __init__(self, options: FuseOptions | None = None, **overrides: Any):
        self._fuser = Fuser(options, **overrides)

    def process(
        self, src: Sequence[npt.NDArray[np.generic]], times: Any = None, response: Any = None
    ) -> npt.NDArray[np.float32]:
        """Merge images.

        Parameters
        ----------
        src : sequence of (H, W, 3) or (H, W) arrays
            One or more images of one size and type: 8 or 16 bits, unsigned, or float32, whose
            white is 255, or 1 if no value exceeds 1. Colours are in OpenCV's order, BGR.
        times, response : any, optional
            Accepted for compatibility with OpenCV, and ignored.

        Returns
        -------
        (H, W, 3) or (H, W) float32 array
            BGR. As in OpenCV, values are those of the images divided by 255, whatever their type:
            in [0, 1] for 8 bits. Multiply by 255 for ``cv2.imwrite``.

        Raises
        ------
        InvalidInputError
            If there is no image, or sizes or types differ or are not those above.
        """
        images = [_plain(np.asarray(image), number) for number, image in enumerate(src)]
        if not images:
            raise InvalidInputError("There is no image to merge; give one or more.")
        kinds = {(str(image.dtype), image.shape) for image in images}
        if len(kinds) > 1:
            found = ", ".join(f"{shape} {dtype}" for dtype, shape in sorted(kinds))
            raise InvalidInputError(
                f"The images have the shapes and types {found}; give images of one shape and type."
            )
        white, coloured = _white(images), images[0].ndim == 3
        # BGR to RGB, for luminance. float32 keeps the precision of the mean beyond 8 bits.
        unit = [image.astype(np.float32) / np.float32(white) for image in images]
        rgb = [one[..., ::-1] if coloured else one for one in unit]
        fused = rgb[0]
        if len(rgb) > 1:
            axis = -1 if coloured else None
            fuser = self._fuser.with_options(channel_axis=axis, value_range=(0.0, 1.0))
            fused = np.ma.getdata(StackFuser(fuser).fuse(rgb).image)
        result = (fused[..., ::-1] if coloured else fused) * np.float32(white / 255)
        return np.ascontiguousarray(result, np.float32)


def _plain(image: npt.NDArray[np.generic], number: int) -> npt.NDArray[np.generic]:
    """Return an image of a type that OpenCV merges, as (H, W) or (H, W, 3)."""
    if image.dtype not in _WHITE or image.ndim not in (2, 3) or image.shape[2:] not in (
        (), (1,), (3,)
    ):  # fmt: skip
        raise InvalidInputError(
            f"Image {number} has shape {image.shape} and type {image.dtype}; give images of 8 or "
            "16 bits or float32, (H, W) or (H, W, 3), as cv2.imread returns them."
        )
    return image[..., 0] if image.shape[2:] == (1,) else image


def _white(images: Sequence[npt.NDArray[np.generic]]) -> int:
    """Return the value of white."""
    white = _WHITE[images[0].dtype]
    small = images[0].dtype.kind == "f" and max(float(image.max()) for image in images) <= 1
    return 1 if small else white


def createMergeGIFNet(options: FuseOptions | None = None, **overrides: Any) -> MergeGIFNet:
    """Return a replacement for ``cv2.createMergeMertens()``.

    Parameters
    ----------
    options : FuseOptions, optional
        For the network.
    **overrides
        Single options by name, as in `gifnet.fuse`.

    Examples
    --------
    >>> merge = createMergeGIFNet()  # doctest: +SKIP
    >>> cv2.imwrite("merged.png", (merge.process(images) * 255).round())  # doctest: +SKIP
    """
    return MergeGIFNet(options, **overrides)
