"""BT.601 full-range luminance and chroma on float arrays.

Chroma is centred at 0 here (Cb and Cr minus 128 on the 8-bit scale), so blending needs no
offset; ranges follow the RGB range, so any value range works, not only [0, 1].
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]

#: ITU-R BT.601-7, 2.5.1: E'Y = 0.299 E'R + 0.587 E'G + 0.114 E'B
LUMA = np.array([0.299, 0.587, 0.114])
_CB_SCALE = 0.5 / (1 - LUMA[2])
_CR_SCALE = 0.5 / (1 - LUMA[0])


def luminance(rgb: Floats) -> Floats:
    """Return the luminance Y of an (..., 3) array, shape (...), in the input's range."""
    dtype = rgb.dtype.type
    r, g, b = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    y: Floats = dtype(LUMA[0]) * r + dtype(LUMA[1]) * g + dtype(LUMA[2]) * b
    return y


def chroma(rgb: Floats, y: Floats | None = None) -> Floats:
    """Return centred Cb and Cr of an (..., 3) array, shape (..., 2)."""
    dtype = rgb.dtype.type
    y = luminance(rgb) if y is None else y
    cb = (rgb[..., 2] - y) * dtype(_CB_SCALE)
    cr = (rgb[..., 0] - y) * dtype(_CR_SCALE)
    return np.stack((cb, cr), axis=-1)


def to_rgb(y: Floats, cbcr: Floats) -> Floats:
    """Return the (..., 3) RGB array of luminance (...) and centred chroma (..., 2)."""
    dtype = y.dtype.type
    red = y + cbcr[..., 1] / dtype(_CR_SCALE)
    blue = y + cbcr[..., 0] / dtype(_CB_SCALE)
    green = (y - dtype(LUMA[0]) * red - dtype(LUMA[2]) * blue) / dtype(LUMA[1])
    return np.stack((red, green, blue), axis=-1)


def blend_chroma(chromas: Sequence[Floats]) -> Floats:
    """Return the mean of centred chroma arrays, weighted by their own magnitude.

    C = (C1 |C1| + C2 |C2|) / (|C1| + |C2|), the field's usual rule for coloured
    sources (Prabhakar et al., "DeepFuse", ICCV 2017, Eq. 1); 0 where all are grey. On the
    8-bit scale |C| is |C - 128|.
    """
    total = sum(np.abs(each) for each in chromas)
    weighted = sum(each * np.abs(each) for each in chromas)
    assert not isinstance(total, int)
    assert not isinstance(weighted, int)
    result: Floats = np.divide(weighted, total, out=np.zeros_like(weighted), where=total > 0)
    return result
