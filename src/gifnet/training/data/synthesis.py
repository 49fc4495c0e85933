"""Digital-photography pairs made from one sharp, well-exposed image."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter, maximum_filter, minimum_filter, uniform_filter

from ...options import ENHANCED_OVERSHOOT
from .depth import Plane, focus_masks

#: A warm pixel is brighter than the mean of a square of this side: partly from the first difference
#: on, and fully from the second on.
WARM_SQUARE, WARM_FROM, WARM_FULL = 31, 0.04, 0.12


def multi_focus_pair(
    image: Plane, depth: Plane, rng: np.random.Generator, sigma: tuple[float, float] = (0.8, 4.0)
) -> tuple[Plane, Plane]:
    """Return (near-focused, far-focused) versions of an image (supplement, Eq. 1 to 3).

    Regions out of focus are replaced by the Gaussian-blurred image. The standard deviation of the
    blur is drawn from `sigma`, in pixels. The mask's edge is softened by up to a pixel, as in
    photographs.
    """
    near, _ = focus_masks(depth, float(rng.uniform(0.15, 0.85)))
    if (softness := float(rng.uniform(0, 1.2))) > 0.3:
        near = gaussian_filter(near, softness)
    blurred = gaussian_filter(image, float(rng.uniform(*sigma)), mode="reflect")
    return near * image + (1 - near) * blurred, (1 - near) * image + near * blurred


def vary_modality(first: Plane, second: Plane, rng: np.random.Generator) -> tuple[Plane, Plane]:
    """Return a multi-modal pair as other sensors might record it.

    The functional source is sometimes inverted, and each source gets its own gamma and gain. So a
    network that is trained on infrared also sees contrasts like those of PET, NIR and PAN.
    """
    if rng.random() < 0.3:
        first = 1 - first
    varied = []
    for plane in (first, second):
        gamma, gain = float(2 ** rng.uniform(-0.7, 0.7)), float(rng.uniform(0.6, 1.1))
        varied.append(np.clip(gain * np.clip(plane, 0, 1) ** gamma, 0, 1).astype(np.float32))
    return varied[0], varied[1]


def dim(image: Plane, rng: np.random.Generator) -> Plane:
    """Return an image with less contrast around a random grey, as of a uniformly warm scene."""
    contrast = float(2 ** rng.uniform(-3, 0))
    dimmed: Plane = (contrast * image + (1 - contrast) * rng.uniform(0.1, 0.8)).astype(np.float32)
    return dimmed


def night_pair(infrared: Plane, visible: Plane, rng: np.random.Generator) -> tuple[Plane, Plane]:
    """Return a pair as at night: infrared flat except for what is warm, visible of high contrast.

    Warm pixels (`WARM_SQUARE`, `WARM_FROM`, `WARM_FULL`) are unchanged.
    """
    standing_out = infrared - uniform_filter(infrared, WARM_SQUARE, mode="reflect")
    warm = np.clip((standing_out - WARM_FROM) / (WARM_FULL - WARM_FROM), 0, 1)
    mean = float(infrared.mean())
    flat = mean + rng.uniform(0.05, 0.4) * (infrared - mean)
    night = flat + warm * (infrared - flat)
    centre = float(visible.mean())
    stretched = centre + rng.uniform(1.0, 2.0) * (visible - centre)
    return night.astype(np.float32), np.clip(stretched, 0, 1).astype(np.float32)


def sharpen(image: Plane, amount: float, sigma: float) -> Plane:
    """Return an image with unsharp masking that hardly leaves the local range.

    Plain unsharp masking puts a halo next to every edge. Here the result stays within the
    minimum and maximum of 5 x 5 pixels, widened by `ENHANCED_OVERSHOOT` of the range of 9 x 9.
    """
    sharpened = image + amount * (image - gaussian_filter(image, sigma, mode="reflect"))
    spare = ENHANCED_OVERSHOOT * (maximum_filter(image, 9) - minimum_filter(image, 9))
    low, high = minimum_filter(image, 5) - spare, maximum_filter(image, 5) + spare
    result: Plane = np.clip(np.clip(sharpened, low, high), 0, 1).astype(np.float32)
    return result


def patchwork(size: int, rng: np.random.Generator) -> Plane:
    """Return flat shapes with slightly soft edges, (size, size)."""
    rows, columns = np.mgrid[:size, :size] / size
    image = np.full((size, size), rng.uniform())
    for _ in range(int(rng.integers(1, 8))):
        angle, offset = rng.uniform(0, 2 * np.pi), rng.uniform(-0.5, 0.5)
        side = (rows - 0.5) * np.sin(angle) + (columns - 0.5) * np.cos(angle) > offset
        if rng.random() < 0.5:
            centre, radius = rng.uniform(size=2), rng.uniform(0.05, 0.4)
            side = np.hypot(rows - centre[0], columns - centre[1]) < radius
        image = np.where(side, rng.uniform(), image)
    sigma = float(rng.uniform(0, 1))
    soft: Plane = gaussian_filter(image, sigma) if sigma > 0.3 else image
    return soft.astype(np.float32)
