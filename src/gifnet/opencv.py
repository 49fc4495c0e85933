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
        src : sequence of (H, W, 3) or (H, W) uint8 arrays
            Two or more images of one size; colours in OpenCV's order, BGR. Neighbours in exposure
            should be neighbours in the sequence.
        times, response : any, optional
            Accepted for compatibility with OpenCV, and ignored.

        Returns
        -------
        (H, W, 3) or (H, W) float32 array
            Values in [0, 1], BGR. Multiply by 255 for ``cv2.imwrite``.

        Raises
        ------
        InvalidInputError
            If there are fewer than two images, sizes differ, or the type is not 8 bits.
        """
        images = [np.asarray(image) for image in src]
        for number, image in enumerate(images):
            if image.dtype != np.uint8 or image.ndim not in (2, 3) or image.shape[2:] not in (
                (), (1,), (3,)
            ):  # fmt: skip
                raise InvalidInputError(
                    f"Image {number} has shape {image.shape} and type {image.dtype}; give 8-bit "
                    "images, (H, W) or (H, W, 3), as cv2.imread returns them."
                )
        images = [image[..., 0] if image.shape[2:] == (1,) else image for image in images]
        # BGR to RGB, for luminance. float32 keeps the precision of the mean beyond 8 bits.
        rgb = [image[..., ::-1] if image.ndim == 3 else image for image in images]
        unit = [image.astype(np.float32) / np.float32(255) for image in rgb]
        coloured = any(image.ndim == 3 for image in unit)
        axis = -1 if coloured else None
        fuser = self._fuser.with_options(channel_axis=axis, value_range=(0.0, 1.0))
        fused = StackFuser(fuser).fuse(unit).image
        result = fused[..., ::-1] if fused.ndim == 3 else fused
        return np.ascontiguousarray(result, np.float32)


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
