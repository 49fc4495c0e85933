"""The report's pictures: zoomed crops, difference maps, and images as text for HTML."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.ndimage import sobel, uniform_filter

from .pair import Bytes, Slices, grey

CROP = 96
#: Minimum number of grey levels for the full colour of a difference map.
_MIN_DIFFERENCE = 16
#: Maximum side of embedded pictures in pixels.
_LONGEST = 640
_QUALITY = 88


def crop_of_most_detail(images: Sequence[Bytes], side: int = CROP) -> Slices:
    """Return the square in which the images have the largest gradient."""
    height, width = images[0].shape[:2]
    energy = np.zeros((height, width))
    for image in images:
        plane = grey(image).astype(np.float64)
        energy += np.hypot(sobel(plane, 0), sobel(plane, 1))
    side = min(side, height, width)
    half = side // 2
    mean = uniform_filter(energy, side, mode="constant")
    inner = mean[half : mean.shape[0] - side + half + 1, half : mean.shape[1] - side + half + 1]
    top, left = np.unravel_index(int(inner.argmax()), inner.shape)
    return slice(int(top), int(top) + side), slice(int(left), int(left) + side)


def full_difference(images: Sequence[Bytes], others: Sequence[Bytes]) -> int:
    """Return the grey levels of the full colour of these images' difference maps.

    95 % of all differences in luminance are smaller.
    """
    planes = [grey(other).astype(np.float64) for other in others]
    sizes = [np.abs(grey(image) - plane) for image in images for plane in planes]
    return max(int(np.percentile(sizes, 95)), _MIN_DIFFERENCE) if sizes else _MIN_DIFFERENCE


def difference(image: Bytes, other: Bytes, full: int) -> Bytes:
    """Return (H, W, 3): white where both agree, red where `image` is brighter, blue where darker.

    Luminance is compared. `full` is the difference in grey levels with full colour.
    """
    signed = grey(image).astype(np.float64) - grey(other)
    strength = np.clip(np.abs(signed) / full, 0, 1)[..., None]
    red, blue = np.array([178.0, 24, 43]), np.array([33.0, 102, 172])
    colour = np.where((signed > 0)[..., None], red, blue)
    blended = 255 * (1 - strength) + colour * strength
    return np.round(blended).astype(np.uint8)


def data_uri(image: Bytes, *, exact: bool = False) -> str:
    """Return an image as a data URI: a JPEG of limited size, or a PNG of every pixel."""
    from PIL import Image

    picture: Any = Image.fromarray(np.ascontiguousarray(image))
    buffer = io.BytesIO()
    if exact:
        picture.save(buffer, format="PNG", optimize=True)
        kind = "png"
    else:
        if max(picture.size) > _LONGEST:
            picture.thumbnail((_LONGEST, _LONGEST), Image.Resampling.LANCZOS)
        picture.save(buffer, format="JPEG", quality=_QUALITY, optimize=True)
        kind = "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"
