"""Heads: the last layers, which make a fused luminance plane."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..contract import Fused


class Head(nn.Module):
    """Fuses two (B, 1, H, W) planes by the output of the decoder's last convolution."""

    #: Channels of that convolution.
    channels: int
    #: Context in pixels that the head needs of the planes.
    margin = 0

    def forward(self, raw: Tensor, first: Tensor, second: Tensor) -> Fused:
        if not self.margin:
            return self.combine(raw, first, second)
        pad = (self.margin,) * 4
        extended = (F.pad(plane.float(), pad, mode="reflect") for plane in (first, second))
        return self.combine(raw, *extended)

    def combine(self, raw: Tensor, first: Tensor, second: Tensor) -> Fused:
        """Fuse planes that reach `margin` pixels beyond `raw` on every side."""
        raise NotImplementedError


class TanhHead(Head):
    """The published head: tanh(y) / 2 + 0.5, a free image in (0, 1)."""

    channels = 1

    def combine(self, raw: Tensor, first: Tensor, second: Tensor) -> Fused:
        return Fused(torch.tanh(raw) / 2 + 0.5, None)


class BlendHead(Head):
    """A share of each source plus a residual: m first + (1 - m) second + r.

    m = sigmoid(4 y0) and r = tanh(y1) / 2. One saturated channel copies a source exactly, as
    multi-focus fusion needs. The residual can express what the published head can, within half
    the range.
    """

    channels = 2

    def combine(self, raw: Tensor, first: Tensor, second: Tensor) -> Fused:
        # A blend in bfloat16 would lose the low bits of 8-bit data.
        share, residual = raw.float().chunk(2, dim=1)
        share = torch.sigmoid(4 * share)
        image = second + share * (first - second) + 0.5 * torch.tanh(residual)
        return Fused(image, share)


class BandHead(Head):
    """A share of each source and a gain in every band, plus a residual.

    Both planes are split into three bands of detail and a base by the undecimated wavelet
    transform with the cubic B-spline (Starck, Fadili, Murtagh, "The Undecimated Wavelet
    Decomposition and its Reconstruction", IEEE TIP 2007): the sum of all is the plane. Band i of
    the result is g_i (m_i D_i first + (1 - m_i) D_i second), with m = sigmoid(4 y) and
    g = exp(tanh(2 y)); the base has no gain. So detail of one source can be added to the base of
    the other, as in a pyramid, and a single source is sharpened by the gains. The residual is
    tanh(y) / 2.

    `share` is the mean of the four shares.
    """

    bands = 3
    #: Shares of the bands and the base, gains of the bands, the residual.
    channels = 2 * bands + 2
    margin = 2 * (2**bands - 1)

    def combine(self, raw: Tensor, first: Tensor, second: Tensor) -> Fused:
        raw = raw.float()
        shares = torch.sigmoid(4 * raw[:, : self.bands + 1])
        gains = torch.exp(torch.tanh(2 * raw[:, self.bands + 1 : -1]))
        image = 0.5 * torch.tanh(raw[:, -1:])
        mean, difference = second.float(), first.float() - second.float()
        for band in range(self.bands):
            detail, mean = _detail(mean, band, self.bands)
            of_difference, difference = _detail(difference, band, self.bands)
            share, gain = shares[:, band : band + 1], gains[:, band : band + 1]
            image = image + gain * (detail + share * of_difference)
        image = image + mean + shares[:, self.bands :] * difference
        return Fused(image, shares.mean(dim=1, keepdim=True))


def _detail(x: Tensor, band: int, bands: int) -> tuple[Tensor, Tensor]:
    """Return a band of detail, cropped to the result's size, and the smooth rest of a plane.

    The rest is smaller than `x` by 2 x 2**band pixels on every side. For band 0, `x` extends
    2 x (2**bands - 1) pixels beyond the result.
    """
    step = 2**band
    smooth = _spline(_spline(x, -1, step), -2, step)
    inside = 2 * (2**bands - 2**band)
    beyond = inside - 2 * step
    detail = _inner(x, inside) - _inner(smooth, beyond)
    return detail, smooth


def _spline(x: Tensor, dim: int, step: int) -> Tensor:
    """Filter along an axis with (1, 4, 6, 4, 1) / 16, `step` pixels between the taps."""
    length = x.shape[dim] - 4 * step
    a, b, c, d, e = (x.narrow(dim, i * step, length) for i in range(5))
    return 0.0625 * (a + e) + 0.25 * (b + d) + 0.375 * c


def _inner(x: Tensor, by: int) -> Tensor:
    return x[..., by : x.shape[-2] - by, by : x.shape[-1] - by] if by else x
