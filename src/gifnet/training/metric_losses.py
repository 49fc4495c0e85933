"""Differentiable forms of fusion metrics, for pairs without ground truth.

All take (B, 1, H, W) tensors in [0, 1] and return one value per sample, (B,); larger is better.
The metrics themselves are in `gifnet.metrics`, with their references.
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from .data.synthesis import WARM_FROM, WARM_FULL, WARM_SQUARE
from .losses import sobel

#: Weaker gradients are no edges, in grey levels per pixel.
_LEAST_GRADIENT = 2 / 255
#: Weights of the three scales of MS-SSIM that fit a training crop.
_SCALES = (0.25, 0.4, 0.35)


@lru_cache(maxsize=16)
def _taps(size: int, sigma: float) -> Tensor:
    offsets = torch.arange(size) - size // 2
    taps = torch.exp(-offsets.square() / (2 * sigma**2))
    return taps / taps.sum()


def gaussian(planes: Tensor, size: int, sigma: float, *, pad: bool = False) -> Tensor:
    """Return (B, C, H, W) planes smoothed by a Gaussian; only their valid part unless `pad`."""
    channels = planes.shape[1]
    taps = _taps(size, sigma).to(planes.device).expand(channels, 1, 1, size)
    half = size // 2
    if pad:
        planes = F.pad(planes, (half, half, half, half), mode="reflect")
    planes = F.conv2d(planes, taps, groups=channels)
    return F.conv2d(planes, taps.transpose(2, 3), groups=channels)


def _moments(a: Tensor, b: Tensor, size: int, sigma: float) -> tuple[Tensor, ...]:
    """Return local means, variances and the covariance of two planes."""
    stacked = torch.cat((a, b, a * a, b * b, a * b), dim=1)
    mean_a, mean_b, aa, bb, ab = gaussian(stacked, size, sigma).split(1, dim=1)
    variance_a = (aa - mean_a.square()).clamp_min(0)
    variance_b = (bb - mean_b.square()).clamp_min(0)
    return mean_a, mean_b, variance_a, variance_b, ab - mean_a * mean_b


def _per_sample(planes: Tensor) -> Tensor:
    return planes.mean(dim=(1, 2, 3))


def ms_ssim(fused: Tensor, source: Tensor) -> Tensor:
    """Return MS-SSIM over three scales, as a weighted sum of the scales' means."""
    total = torch.zeros(len(fused), device=fused.device)
    for scale, weight in enumerate(_SCALES):
        mean_a, mean_b, var_a, var_b, cov = _moments(fused, source, 11, 1.5)
        value = (2 * cov + 0.03**2) / (var_a + var_b + 0.03**2)
        if scale == len(_SCALES) - 1:
            lightness = 2 * mean_a * mean_b + 0.01**2
            value = value * lightness / (mean_a.square() + mean_b.square() + 0.01**2)
        else:
            fused, source = F.avg_pool2d(fused, 2), F.avg_pool2d(source, 2)
        total = total + weight * _per_sample(value)
    return total


def visual_information(fused: Tensor, source: Tensor) -> Tensor:
    """Return pixel-domain VIF of one source over three scales, on the scale 0 to 255."""
    fused, source = 255 * fused, 255 * source
    carried: list[Tensor] = []
    present: list[Tensor] = []
    for size in (9, 5, 3):
        if carried:
            fused, source = (
                gaussian(plane, size, size / 5)[:, :, ::2, ::2] for plane in (fused, source)
            )
        _, _, var_s, var_f, cov = _moments(source, fused, size, size / 5)
        # More contrast than in the source gives no reward. VIF itself rewards excess contrast.
        gain = (cov / (var_s + 1e-3)).clamp(0, 1)
        noise = (var_f - gain * cov).clamp_min(0)
        carried.append(torch.log1p(gain.square() * var_s / (noise + 2)).sum(dim=(1, 2, 3)))
        present.append(torch.log1p(var_s / 2).sum(dim=(1, 2, 3)))
    return torch.stack(carried).sum(dim=0) / (torch.stack(present).sum(dim=0) + 50)


def _correlation(a: Tensor, b: Tensor) -> Tensor:
    a = a - a.mean(dim=(1, 2, 3), keepdim=True)
    b = b - b.mean(dim=(1, 2, 3), keepdim=True)
    # The constant, a hundredth of the range squared, limits the weight of flat crops.
    return _per_sample(a * b) / torch.sqrt(
        (_per_sample(a.square()) + 1e-4) * (_per_sample(b.square()) + 1e-4)
    )


def difference_correlation(fused: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Return the sum of correlations of differences, SCD."""
    return _correlation(fused - second, first) + _correlation(fused - first, second)


def edge_preservation(
    fused: Tensor, first: Tensor, second: Tensor, slopes: tuple[float, float] = (15, 22)
) -> Tensor:
    """Return Qabf with gradients and orientations that are smooth near zero.

    `slopes` are those of its sigmoids over strength and orientation. With the metric's own slopes
    a missing edge gives almost no gradient, so training uses gentler ones.
    """
    gradient = sobel(fused)
    size = torch.sqrt(gradient.square().sum(dim=1) + 1e-8)
    carried, present = [], []
    for source in (first, second):
        wanted = sobel(source)
        strength = torch.sqrt(wanted.square().sum(dim=1) + 1e-8)
        ratio = torch.minimum(size, strength) / torch.maximum(size, strength)
        cosine = (gradient * wanted).sum(dim=1) / (size * strength)
        turn = 1 - torch.acos(cosine.abs().clamp(0, 0.9995)) * (2 / torch.pi)
        quality = torch.sigmoid(slopes[0] * (ratio - 0.5))
        quality = quality * torch.sigmoid(slopes[1] * (turn - 0.8))
        # Line orientation is blind to the sign; an inverted edge is not preserved.
        quality = quality * (cosine > 0)
        carried.append((quality * strength).sum(dim=(1, 2)))
        present.append(strength.sum(dim=(1, 2)))
    return torch.stack(carried).sum(dim=0) / (torch.stack(present).sum(dim=0) + 1.0)


def signed_gradient_error(fused: Tensor, *sources: Tensor) -> Tensor:
    """Return the mean error to each derivative of the source where the gradient is strongest.

    The choice depends on the gradients in a small neighbourhood, so that noise of one source does
    not replace weak texture of the other.
    """
    gradients = [sobel(source) for source in sources]
    energies = [gaussian(g.square().sum(dim=1, keepdim=True), 5, 1.0, pad=True) for g in gradients]
    strongest, most = gradients[0], energies[0]
    for gradient, energy in zip(gradients[1:], energies[1:], strict=True):
        strongest, most = torch.where(most > energy, strongest, gradient), most.maximum(energy)
    return _per_sample((sobel(fused) - strongest).abs())


def _smooth_gradient(planes: Tensor) -> Tensor:
    """Return central differences of smoothed (B, 1, H, W) planes, (B, 2, H - 2, W - 2)."""
    x = gaussian(planes, 9, 1.5, pad=True)
    rows = x[..., 2:, 1:-1] - x[..., :-2, 1:-1]
    columns = x[..., 1:-1, 2:] - x[..., 1:-1, :-2]
    return torch.cat((columns, rows), dim=1) / 2


def edges_lost(fused: Tensor, *sources: Tensor) -> Tensor:
    """Return the lost part of each source's own edges, (B,): 1 - `gifnet.metrics.kept`.

    It is the mean over the sources and half the largest. An edge is a source's own where its
    gradient is the strongest. Edges that are more than a tenth stronger than in the source cost
    a little, and inverted ones more than lost ones.
    """
    result = _smooth_gradient(fused)
    gradients = [_smooth_gradient(source) for source in sources]
    energies = torch.stack([g.square().sum(dim=1) for g in gradients])
    lost = []
    for index, gradient in enumerate(gradients):
        energy = energies[index]
        others = torch.cat((energies[:index], energies[index + 1 :])).amax(dim=0)
        own = (energy > others) & (energy > _LEAST_GRADIENT**2)
        ratio = (result * gradient).sum(dim=1) / (energy + 1e-6)
        cost = F.relu(1 - ratio) + 0.3 * F.relu(ratio - 1.1)
        # A crop with next to no edge of this source decides little.
        count = own.sum(dim=(1, 2)) + 0.01 * own[0].numel()
        lost.append((own * cost).sum(dim=(1, 2)) / count)
    each = torch.stack(lost)
    return each.mean(dim=0) + 0.5 * each.amax(dim=0)


def outside_sources(fused: Tensor, planes: Tensor) -> Tensor:
    """Return the overshoot of fused (B, 1, H, W) planes beyond their sources' local range, (B,).

    The range is that of all sources, (B, N, H, W), in 5 x 5 pixels.
    """
    high = F.max_pool2d(planes.amax(dim=1, keepdim=True), 5, stride=1, padding=2)
    low = -F.max_pool2d(-planes.amin(dim=1, keepdim=True), 5, stride=1, padding=2)
    return _per_sample(F.relu(fused - high) + F.relu(low - fused))


def mutual_information(fused: Tensor, source: Tensor, bins: int = 24) -> Tensor:
    """Return the mutual information of two planes in bits, from soft histograms."""
    centres = torch.linspace(0, 1, bins, device=fused.device)

    def memberships(planes: Tensor) -> Tensor:
        distance = (planes.clamp(0, 1).flatten(1)[..., None] - centres).abs() * (bins - 1)
        return (1 - distance).clamp_min(0)

    one, two = memberships(fused), memberships(source)
    joint = one.transpose(1, 2) @ two / one.shape[1]
    independent = joint.sum(dim=2, keepdim=True) * joint.sum(dim=1, keepdim=True)
    return (joint * torch.log2((joint + 1e-7) / (independent + 1e-7))).sum(dim=(1, 2))


def warmth_lost(fused: Tensor, infrared: Tensor, size: int = WARM_SQUARE) -> Tensor:
    """Return the loss of contrast of warm objects in fused (B, 1, H, W) planes, (B,).

    A warm object is brighter than the mean of the square around it. The result should have the
    same contrast to its surroundings there. The mean is over warm pixels.
    """

    def contrast(x: Tensor) -> Tensor:
        pad = (size // 2,) * 4
        return x - F.avg_pool2d(F.pad(x, pad, mode="reflect"), size, stride=1)

    standing_out = contrast(infrared)
    weight = ((standing_out - WARM_FROM) / (WARM_FULL - WARM_FROM)).clamp(0, 1)
    lost = weight * F.relu(standing_out - contrast(fused))
    # Crops with few warm pixels have little weight.
    return lost.sum(dim=(1, 2, 3)) / (weight.sum(dim=(1, 2, 3)) + 0.01 * weight[0].numel())
