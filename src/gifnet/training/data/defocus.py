"""Images out of focus as lenses make them: sharp disks of blur, borders that occlude."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter
from scipy.signal import fftconvolve

from .depth import Plane, normalised

#: A disk of this many times sigma blurs about as much as a Gaussian.
_DISK = 1.8
#: Blurs that a stack's slices are interpolated between.
_LEVELS = np.array([0, 0.5, 1, 1.5, 2.5, 4, 6, 9])


def defocus(image: Plane, sigma: float, *, disk: bool) -> Plane:
    """Return an image blurred by a Gaussian, or by a disk that blurs about as much."""
    if sigma < 0.3:
        return image
    if not disk:
        blurred: Plane = gaussian_filter(image, sigma, mode="reflect")
        return blurred
    radius = _DISK * sigma
    reach = int(np.ceil(radius))
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    kernel = np.clip(radius + 0.5 - np.hypot(rows, columns), 0, 1)
    padded = np.pad(image, reach, mode="reflect")
    return np.asarray(fftconvolve(padded, kernel / kernel.sum(), mode="valid"), np.float32)


def occluding_pair(image: Plane, depth: Plane, rng: np.random.Generator) -> tuple[Plane, Plane]:
    """Return (near-focused, far-focused) versions of an image, with true borders of focus.

    A near object in focus hides what is behind it with a sharp border. One out of focus spreads
    over its surroundings, and the sharp background shines through its border.
    """
    near = (normalised(depth) > rng.uniform(0.2, 0.8)).astype(np.float32)
    near = gaussian_filter(near, float(rng.uniform(0.3, 1)))
    sigmas, disk = rng.uniform(0.8, 5, size=2), bool(rng.random() < 0.5)
    in_front = near * image + (1 - near) * defocus(image, sigmas[0], disk=disk)
    cover = np.clip(defocus(near, sigmas[1], disk=disk), 0, 1)
    behind = defocus(near * image, sigmas[1], disk=disk) + (1 - cover) * image
    return in_front, behind


def focus_stack(image: Plane, depth: Plane, count: int, rng: np.random.Generator) -> list[Plane]:
    """Return an image focused at so many depths from near to far, in random order.

    Blur grows with the distance to the focal plane. Every depth is sharp in one slice.
    """
    depth = normalised(depth)
    largest, disk = float(rng.uniform(3, 10)), bool(rng.random() < 0.5)
    sigmas = _LEVELS[largest + 2 >= _LEVELS]
    levels = np.stack([defocus(image, sigma, disk=disk) for sigma in sigmas])
    slices = []
    for focus in np.linspace(rng.uniform(-0.1, 0.1), rng.uniform(0.9, 1.1), count):
        blur = np.maximum(largest * (np.abs(depth - focus) - 0.5 / count), 0)
        slices.append(blurred_by(blur, levels, sigmas))
    return [slices[index] for index in rng.permutation(count)]


def blurred_by(blur: Plane, levels: Plane, sigmas: npt.NDArray[np.float64]) -> Plane:
    """Return an image with its own blur at every pixel.

    Parameters
    ----------
    blur : (H, W) array
        As sigma in pixels.
    levels : (L, H, W) float32 array
        The image, blurred by each of `sigmas`, between which the result is interpolated.
    sigmas : (L,) array
        In rising order.
    """
    place = np.interp(blur, sigmas, np.arange(len(sigmas)))
    low = np.minimum(place.astype(int), len(sigmas) - 2)
    share = (place - low).astype(np.float32)
    one, two = (np.take_along_axis(levels, low[None] + i, axis=0)[0] for i in (0, 1))
    mixed: Plane = (1 - share) * one + share * two
    return mixed
