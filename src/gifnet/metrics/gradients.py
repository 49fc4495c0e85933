"""Metrics of the fused plane's own gradients: SF, AG and EI.

All are in the unit of the pixels; the field reports them on the scale 0 to 255. Noise, halos
and over-sharpening raise them as well as detail does.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import sobel

from ..validation import require_choice
from .windows import BORDERS, Floats, Plane, as_planes


def spatial_frequency(fused: Plane, *, over: str = "differences") -> float:
    """Return SF, the root of the summed mean squares of row and column differences.

    Eskicioglu and Fisher, "Image quality measures and their performance", IEEE Trans.
    Commun. 1995. `over` "differences" takes each mean over the differences there are,
    H (W - 1) and (H - 1) W; "pixels" divides both sums by H W, as the paper and VIFB do.
    """
    (plane,) = as_planes(fused)
    require_choice("over", over, ("differences", "pixels"))
    squares = [np.diff(plane, axis=axis) ** 2 for axis in (0, 1)]
    if over == "pixels":
        return float(np.sqrt(sum(square.sum() for square in squares) / plane.size))
    return float(np.sqrt(sum(square.mean() for square in squares if square.size)))


def average_gradient(
    fused: Plane, *, halved: bool = True, differences: str = "forward", over: str = "inner"
) -> float:
    """Return AG, the mean of sqrt((dx^2 + dy^2) / 2).

    Parameters
    ----------
    fused : (H, W) array
    halved : bool
        Divide by 2 below the root, as is usual; False gives values sqrt(2) times as large.
    differences : str
        "forward", f(x + 1) - f(x), as in the formula (Cui et al., Opt. Commun. 2015);
        "central", as MATLAB's ``gradient`` in VIFB and the toolboxes derived from it.
    over : str
        Central differences only: "inner" divides the sum over all H W pixels by
        (H - 1) (W - 1), as those toolboxes do, "pixels" by H W. Forward differences are
        those of the (H - 1) (W - 1) pixels that have both neighbours.

    Returns
    -------
    float
    """
    (plane,) = as_planes(fused)
    require_choice("differences", differences, ("forward", "central"))
    require_choice("over", over, ("inner", "pixels"))
    if min(plane.shape) < 2:
        return 0.0
    count = (plane.shape[0] - 1) * (plane.shape[1] - 1)
    dx: Floats
    dy: Floats
    if differences == "forward":
        dx = plane[:-1, 1:] - plane[:-1, :-1]
        dy = plane[1:, :-1] - plane[:-1, :-1]
    else:
        dy, dx = (np.gradient(plane, axis=axis) for axis in (0, 1))
        count = plane.size if over == "pixels" else count
    return float(np.sqrt((dx**2 + dy**2) / (2 if halved else 1)).sum() / count)


def edge_intensity(
    fused: Plane, *, normalised: bool = False, border: str = "replicate", norm: str = "euclidean"
) -> float:
    """Return EI, the mean magnitude of the Sobel gradient.

    Parameters
    ----------
    fused : (H, W) array
    normalised : bool
        Divide the kernels 1 2 1 by the sum of their magnitudes, 8. Toolboxes do not.
    border : str
        "replicate", as VIFB has it; "mirror", "symmetric", "zero", or "valid" to leave out
        the pixels along the border.
    norm : str
        "euclidean", or "sum" of the two magnitudes.

    Returns
    -------
    float
    """
    (plane,) = as_planes(fused)
    require_choice("border", border, tuple(BORDERS))
    require_choice("norm", norm, ("euclidean", "sum"))
    across, down = (sobel(plane, axis, mode=BORDERS[border]) for axis in (1, 0))
    size = np.hypot(across, down) if norm == "euclidean" else np.abs(across) + np.abs(down)
    if border == "valid":
        size = size[1:-1, 1:-1]
    return float(size.mean()) / (8 if normalised else 1)
