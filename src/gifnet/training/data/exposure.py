"""Exposure pairs with ground truth, made from well-exposed images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.floating]

#: The camera response of Ying et al., "A New Image Contrast Enhancement Algorithm Using
#: Exposure Fusion Framework", CAIP 2017, Eq. 10, fitted to measured response curves.
_A, _B = -0.3293, 1.1258
#: Stops by which the pair is over- and under-exposed.
OVER, UNDER = (0.8, 2.3), (-3.5, -1.2)
#: Standard deviation of the read noise, as a share of the range.
NOISE = (0.0, 0.006)


def camera_response(image: Image, ratio: float) -> Image:
    """Return a camera's image of the same scene with `ratio` times the exposure.

    g(P, k) = exp(b (1 - k^a)) P^(k^a), clipped to [0, 1], per channel.
    """
    gamma = ratio**_A
    recorded: Image = np.clip(np.exp(_B * (1 - gamma)) * np.clip(image, 0, 1) ** gamma, 0, 1)
    return recorded


def record(
    image: Image, rng: np.random.Generator, noise: tuple[float, float]
) -> npt.NDArray[np.float32]:
    """Return an image with noise of a random strength, clipped to [0, 1] and in 8 bits."""
    noisy = image + float(rng.uniform(*noise)) * rng.standard_normal(image.shape)
    return np.asarray(np.round(np.clip(noisy, 0, 1) * 255) / 255, np.float32)


def bracket(
    image: Image,
    stops: Sequence[tuple[float, float]],
    rng: np.random.Generator,
    noise: tuple[float, float] = NOISE,
) -> list[npt.NDArray[np.float32]]:
    """Return an image exposed anew for every range of stops, recorded as cameras do."""
    return [
        record(camera_response(image, 2.0 ** float(rng.uniform(*each))), rng, noise)
        for each in stops
    ]


def exposure_pair(
    image: Image, rng: np.random.Generator, noise: tuple[float, float] = NOISE
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return (over-exposed, under-exposed) versions of an image in [0, 1], grey or colour.

    Both are noisy, clipped, and quantised to 8 bits, as cameras do.
    """
    over, under = bracket(image, (OVER, UNDER), rng, noise)
    return over, under


def is_well_exposed(luminance: npt.NDArray[np.uint8]) -> bool:
    """Return whether an 8-bit plane is well exposed.

    Its mean is in the middle half of the range, and under 3 % of it is black or white.
    """
    lost = float(np.mean((luminance <= 5) | (luminance >= 250)))
    return 64 <= float(luminance.mean()) <= 191 and lost < 0.03
