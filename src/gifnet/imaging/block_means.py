"""Images reduced by the means of square blocks."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

Real = TypeVar("Real", bound=np.floating)


def block_means(image: npt.NDArray[Real], factor: int) -> npt.NDArray[Real]:
    """Return an (H, W, ...) image reduced by the means of factor x factor pixels.

    Rows and columns that do not fill a block are left out.
    """
    rows, columns = image.shape[0] // factor, image.shape[1] // factor
    cut = image[: rows * factor, : columns * factor]
    blocks = cut.reshape(rows, factor, columns, factor, *image.shape[2:])
    means: npt.NDArray[Real] = blocks.mean(axis=(1, 3))
    return means
