"""Edge maps: the common content of images of different modalities.

Infrared and visible light, or PET and MRI, have common edges but not common brightness. An edge
map is the square root of the gradient magnitude of the locally normalised image. So edges in
shadow weigh as much as edges in light, and the brighter side does not matter.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

#: Sides of the neighbourhood that is normalised and of the derivative, as sigmas in pixels.
_NEIGHBOURHOOD = 20.0
_DERIVATIVE = 2.0
#: Contrast below this part of the image's contrast is noise.
_NOISE = 0.5
#: A constant area at the border that is larger than this part of the image is missing data.
_MISSING_PART = 5e-4


def covered(plane: npt.NDArray[np.generic]) -> Mask:
    """Return the valid pixels of a plane: finite, and not part of a constant border.

    An image that was warped before has borders of one value, the minimum. Their edges are not part
    of the scene.
    """
    from scipy.ndimage import label

    finite: Mask = np.isfinite(plane)
    if not finite.any():
        return finite
    areas, count = label(finite & (plane == plane[finite].min()))
    if not count:
        return finite
    frame = np.concatenate((areas[0], areas[-1], areas[:, 0], areas[:, -1]))
    sizes = np.bincount(areas.ravel())
    missing = [
        area for area in np.unique(frame) if area and sizes[area] > _MISSING_PART * areas.size
    ]
    found: Mask = finite & ~np.isin(areas, missing)
    # A constant plane has no border of its own.
    return found if found.any() else finite


def edge_map(plane: Plane, valid: Mask) -> tuple[Plane, Mask]:
    """Return a plane's edge map, and the pixels that missing ones do not influence.

    Parameters
    ----------
    plane : (H, W) float32
        Luminance of any range. Missing pixels may have any value, also NaN.
    valid : (H, W) bool
        True where the plane is valid.
    """
    from scipy.ndimage import binary_erosion, gaussian_filter

    values = np.where(valid, plane, np.float32(0))
    weight = gaussian_filter(valid.astype(np.float32), _NEIGHBOURHOOD) + np.float32(1e-6)
    detail = np.where(valid, values - gaussian_filter(values, _NEIGHBOURHOOD) / weight, 0)
    variance = gaussian_filter(detail * detail, _NEIGHBOURHOOD) / weight
    contrast = float(np.sqrt(np.square(detail[valid]).mean())) if valid.any() else 0.0
    if contrast == 0:
        return np.zeros_like(values), valid
    detail /= np.sqrt(variance + np.float32((_NOISE * contrast) ** 2))
    steps = [gaussian_filter(detail, _DERIVATIVE, order=order) for order in ((1, 0), (0, 1))]
    reach = int(2 * _DERIVATIVE + 1)
    inner: Mask = binary_erosion(valid, iterations=reach, border_value=1)
    return np.sqrt(np.hypot(*steps)).astype(np.float32), inner


def halve(plane: Plane, valid: Mask) -> tuple[Plane, Mask]:
    """Return every second pixel of a smoothed plane, from pixel 0 on."""
    from scipy.ndimage import gaussian_filter

    weight = gaussian_filter(valid.astype(np.float32), 0.8)
    smooth = gaussian_filter(np.where(valid, plane, np.float32(0)), 0.8)
    smooth /= np.maximum(weight, np.float32(1e-6))
    return smooth[::2, ::2], weight[::2, ::2] > 0.5
