"""Structural similarity: SSIM, MS-SSIM and, for multi-exposure fusion, MEF-SSIM."""

from __future__ import annotations

import numpy as np

from ..errors import InvalidInputError
from ..imaging.block_means import block_means
from ..validation import require_choice
from .windows import Floats, Plane, as_planes, box_taps, gaussian_taps, local_mean, over_sources

#: Weights of the five scales of MS-SSIM (Wang, Simoncelli and Bovik, Asilomar 2003).
MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
#: The first three of them divided by their sum: those of MEF-SSIM (Ma et al., TIP 2015).
MEF_SSIM_WEIGHTS = tuple(weight / sum(MS_SSIM_WEIGHTS[:3]) for weight in MS_SSIM_WEIGHTS[:3])
WINDOW, SIGMA = 11, 1.5
K1, K2 = 0.01, 0.03
#: The largest power by which MEF-SSIM prefers the source of more contrast, as in its code.
_LARGEST_POWER = 10


def _maps(a: Floats, b: Floats, data_range: float, border: str) -> tuple[Floats, Floats]:
    """Return the SSIM map and its contrast-structure factor."""
    taps = gaussian_taps(WINDOW, SIGMA)
    mean_a, mean_b = local_mean(a, taps, border), local_mean(b, taps, border)
    covariance = local_mean(a * b, taps, border) - mean_a * mean_b
    variances = local_mean(a * a + b * b, taps, border) - mean_a**2 - mean_b**2
    one, two = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    contrast = (2 * covariance + two) / (variances + two)
    luminance = (2 * mean_a * mean_b + one) / (mean_a**2 + mean_b**2 + one)
    return luminance * contrast, contrast


def ssim(
    fused: Plane, reference: Plane, *, data_range: float = 255, border: str = "valid"
) -> float:
    """Return SSIM, with a Gaussian window of 11 x 11 and sigma 1.5, K1 = 0.01, K2 = 0.03.

    Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error visibility to
    structural similarity", TIP 2004; population covariances.

    Parameters
    ----------
    fused, reference : (H, W) arrays
    data_range : float
        The planes' span, L of the paper.
    border : str
        "valid", the mean over the windows that fit, as in the authors' code, VIFB and
        scikit-image; "mirror" counts all pixels, as torchmetrics does.

    Returns
    -------
    float
        At most 1.
    """
    a, b = as_planes(fused, reference)
    require_choice("border", border, ("valid", "mirror", "symmetric", "replicate"))
    return float(_maps(a, b, data_range, border)[0].mean())


def ssim_of_sources(
    first: Plane,
    second: Plane,
    fused: Plane,
    *,
    total: str = "mean",
    data_range: float = 255,
    border: str = "valid",
) -> float:
    """Return SSIM to the sources, their `total` "mean" (at most 1) or, as in VIFB, "sum"."""
    values = [ssim(fused, s, data_range=data_range, border=border) for s in (first, second)]
    return over_sources(values[0], values[1], total)


def ms_ssim_scales(shape: tuple[int, ...]) -> int:
    """Return on how many of the five scales MS-SSIM's window fits a plane of this shape.

    The window must fit the coarsest scale, whose smaller side is side // 2^(n - 1): 11, 22,
    44, 88 and 176 pixels for 1 to 5 scales.

    Raises
    ------
    InvalidInputError
        If the plane is smaller than the window.
    """
    side = min(shape)
    for scales in range(len(MS_SSIM_WEIGHTS), 0, -1):
        if side // 2 ** (scales - 1) >= WINDOW:
            return scales
    raise InvalidInputError(f"MS-SSIM needs sides of at least {WINDOW} pixels, not {shape}.")


def ms_ssim(
    fused: Plane,
    reference: Plane,
    *,
    data_range: float = 255,
    weights: tuple[float, ...] = MS_SSIM_WEIGHTS,
    negative: str = "zero",
    border: str = "valid",
) -> float:
    """Return MS-SSIM: contrast and structure over several scales, luminance on the last.

    Wang, Simoncelli and Bovik, "Multi-scale structural similarity for image quality
    assessment", Asilomar 2003. Scales are halved by the mean of 2 x 2 pixels.

    Parameters
    ----------
    fused, reference : (H, W) arrays
    data_range : float
        The planes' span.
    weights : tuple of float
        The scales' exponents. Planes that are too small for the last scales (see
        `ms_ssim_scales`) use only the first ones, divided by their sum.
    negative : str
        Replacement for the mean of a scale below 0, which has no real power: "zero", or
        "magnitude", its absolute value.
    border : str
        "valid", as in the authors' code; "mirror" averages SSIM of the last scale over
        all pixels, as torchmetrics does.

    Returns
    -------
    float
    """
    a, b = as_planes(fused, reference)
    require_choice("negative", negative, ("zero", "magnitude"))
    require_choice("border", border, ("valid", "mirror"))
    scales = min(len(weights), ms_ssim_scales(a.shape))
    used = np.asarray(weights[:scales])
    if scales < len(weights):
        used = used / used.sum()
    result = 1.0
    for scale, weight in enumerate(used):
        last = scale == scales - 1
        full, contrast = _maps(a, b, data_range, border if last else "valid")
        mean = float((full if last else contrast).mean())
        result *= (max(mean, 0.0) if negative == "zero" else abs(mean)) ** float(weight)
        if not last:
            a, b = block_means(a, 2), block_means(b, 2)
    return result


def ms_ssim_of_sources(
    first: Plane, second: Plane, fused: Plane, *, total: str = "mean", data_range: float = 255
) -> float:
    """Return the mean (or the "sum", by `total`) of MS-SSIM to either source."""
    values = [ms_ssim(fused, source, data_range=data_range) for source in (first, second)]
    return over_sources(values[0], values[1], total)


def mef_ssim(
    first: Plane,
    second: Plane,
    fused: Plane,
    *,
    data_range: float = 255,
    weights: tuple[float, ...] = MEF_SSIM_WEIGHTS,
) -> float:
    """Return MEF-SSIM: the similarity to the patches of an ideal fusion of exposures.

    An ideal patch has the higher one of both contrasts. Its structure mixes both sources. The
    better these agree, the more the one with more contrast counts (Ma, Zeng and Wang,
    "Perceptual quality assessment for multi-exposure image fusion", TIP 2015, Eqs. 2 to 8).
    Brightness is ignored. Windows of 11 x 11, compared with Gaussian weights, sigma 1.5,
    K = 0.03.

    Parameters
    ----------
    first, second, fused : (H, W) arrays
    data_range : float
        The planes' span.
    weights : tuple of float
        Exponents of the scales: three as published; (1.0,) is the single-scale index that
        some toolboxes list as SSIM. Small planes use only the first ones, divided by
        their sum.

    Returns
    -------
    float
        At most 1.
    """
    a, b, f = (plane * (255 / data_range) for plane in as_planes(first, second, fused))
    scales = len(weights)
    while scales > 1 and min(a.shape) // 2 ** (scales - 1) < WINDOW:
        scales -= 1
    used = np.asarray(weights[:scales])
    if scales < len(weights):
        used = used / used.sum()
    result = 1.0
    for scale, weight in enumerate(used):
        result *= max(float(_mef_map(a, b, f).mean()), 0.0) ** float(weight)
        if scale < scales - 1:
            a, b, f = (_shrink(plane) for plane in (a, b, f))
    return result


def _shrink(plane: Floats) -> Floats:
    """Return 2 x 2 means at even pixels, the border doubled, as the index's code has it."""
    padded = np.pad(plane, ((0, 1), (0, 1)), mode="symmetric")
    mean = (padded[:-1, :-1] + padded[1:, :-1] + padded[:-1, 1:] + padded[1:, 1:]) / 4
    return mean[::2, ::2]


def _mef_map(a: Floats, b: Floats, f: Floats) -> Floats:
    box, bell = box_taps(WINDOW), gaussian_taps(WINDOW, SIGMA)

    def moments(taps: Floats, pairs: tuple[tuple[Floats, Floats], ...]) -> list[Floats]:
        """Return the windowed covariances of pairs of planes."""
        means = {id(plane): local_mean(plane, taps) for pair in pairs for plane in pair}
        return [local_mean(one * two, taps) - means[id(one)] * means[id(two)] for one, two in pairs]

    # Inner products of the centred patches around each pixel.
    aa, bb, ab = (WINDOW**2 * m for m in moments(box, ((a, a), (b, b), (a, b))))
    aa, bb = np.maximum(aa, 0), np.maximum(bb, 0)
    # A flat patch has no structure to divide by; the constant is that of the authors' code.
    size_a, size_b = np.sqrt(aa) + 0.001, np.sqrt(bb) + 0.001
    tiny = np.finfo(np.float64).eps
    joint = np.sqrt(np.maximum(aa + bb + 2 * ab, 0))
    agreement = np.clip((joint + tiny) / (np.sqrt(aa) + np.sqrt(bb) + tiny), tiny, 1 - tiny)
    power = np.minimum(np.tan(np.pi / 2 * agreement), _LARGEST_POWER)
    weight_a, weight_b = (size_a / WINDOW) ** power + tiny, (size_b / WINDOW) ** power + tiny
    total = weight_a + weight_b
    share_a, share_b = weight_a / total / size_a, weight_b / total / size_b

    length = np.sqrt(np.maximum(share_a**2 * aa + share_b**2 * bb + 2 * share_a * share_b * ab, 0))
    contrast = np.maximum(size_a, size_b)
    scale = np.divide(contrast, length, out=np.zeros_like(length), where=length > 0)
    share_a, share_b = share_a * scale, share_b * scale
    pairs = ((a, a), (b, b), (f, f), (a, b), (a, f), (b, f))
    cov_aa, cov_bb, cov_ff, cov_ab, cov_af, cov_bf = moments(bell, pairs)
    ideal = share_a**2 * cov_aa + share_b**2 * cov_bb + 2 * share_a * share_b * cov_ab
    shared = share_a * cov_af + share_b * cov_bf
    constant = (K2 * 255) ** 2
    result: Floats = (2 * shared + constant) / (ideal + cov_ff + constant)
    return result
