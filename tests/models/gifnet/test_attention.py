"""Normalisation, windows and attention against slow, explicit counterparts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from gifnet.models.contract import Moments
from gifnet.models.gifnet.attention import LogPositionBias, RescaledLayerNorm, window_attention
from gifnet.models.layers import WindowGrid


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def test_moments_are_over_channels_height_and_width() -> None:
    x = noise(2, 3, 4, 5).double() * torch.tensor([1.0, 7.0])[:, None, None, None]
    mean, std = Moments.of(x)
    assert mean.shape == std.shape == (2, 1, 1, 1)
    for index in range(2):
        values = x[index].numpy()
        np.testing.assert_allclose(mean[index].item(), values.mean(), rtol=1e-6)
        np.testing.assert_allclose(std[index].item(), np.sqrt(values.var() + 1e-5), rtol=1e-6)


def test_moments_of_bfloat16_are_summed_in_float32() -> None:
    x = (noise(1, 4, 64, 64) + 8).bfloat16()
    mean, std = Moments.of(x)
    values = x.double()
    assert mean.dtype == std.dtype == torch.float32
    assert abs(mean.item() - values.mean().item()) < 1e-4
    assert abs(std.item() - values.var(correction=0).add(1e-5).sqrt().item()) < 1e-4


def test_rescaled_layer_norm() -> None:
    torch.manual_seed(4)
    norm = RescaledLayerNorm(3)
    with torch.no_grad():
        norm.weight.copy_(noise(1, 3, 1, 1) + 0.5)
        norm.bias.copy_(noise(1, 3, 1, 1, seed=1))
        norm.to_rescale.weight.copy_(noise(3, 1, 1, 1, seed=2))
        norm.to_rebias.weight.copy_(noise(3, 1, 1, 1, seed=3))
    x = noise(1, 3, 4, 4, seed=5) * 3 + 2
    y, rescale, rebias = norm(x)
    values = x.numpy()
    mean, std = values.mean(), np.sqrt(values.var() + 1e-5)
    weight, bias = (t.detach().numpy() for t in (norm.weight, norm.bias))
    np.testing.assert_allclose(y.detach(), (values - mean) / std * weight + bias, atol=1e-5)
    for found, layer, moment in ((rescale, norm.to_rescale, std), (rebias, norm.to_rebias, mean)):
        expected = layer.weight[:, 0] * float(moment) + layer.bias[:, None, None]
        torch.testing.assert_close(found[0], expected)


# -- windows and attention ------------------------------------------------------------


def split_slowly(plane: np.ndarray, window: int, shift: int) -> list[np.ndarray]:
    """Return the windows of one (H, W) plane, row by row, by reflecting indices."""

    def reflected(index: int, length: int) -> int:
        index = abs(index)
        return index if index < length else 2 * (length - 1) - index

    height, width = plane.shape
    windows = []
    for top in range(-shift, height, window):
        for left in range(-shift, width, window):
            cut = np.empty((window, window), plane.dtype)
            for row in range(window):
                for column in range(window):
                    y, x = reflected(top + row, height), reflected(left + column, width)
                    cut[row, column] = plane[y, x]
            windows.append(cut)
    return windows


@pytest.mark.parametrize("shift", [0, 2])
@pytest.mark.parametrize("size", [(4, 4), (8, 12), (5, 6), (7, 11)])
def test_windows_are_those_of_an_explicit_loop(size: tuple[int, int], shift: int) -> None:
    heads, depth, window = 2, 3, 4
    x = noise(2, heads * depth, *size)
    grid = WindowGrid(*size, window, shift)
    windows = grid.split(x, heads)
    for batch in range(2):
        for head in range(heads):
            for channel in range(depth):
                slow = split_slowly(x[batch, head * depth + channel].numpy(), window, shift)
                assert len(slow) == grid.rows * grid.columns
                for index, expected in enumerate(slow):
                    found = windows[batch * len(slow) + index, head, :, channel]
                    np.testing.assert_array_equal(found.reshape(window, window), expected)


@pytest.mark.parametrize("shift", [0, 4])
@pytest.mark.parametrize("size", [(8, 8), (16, 24), (12, 20), (17, 9)])
def test_joining_undoes_splitting(size: tuple[int, int], shift: int) -> None:
    x = noise(2, 6, *size)
    grid = WindowGrid(*size, 8, shift)
    assert torch.equal(grid.join(grid.split(x, 2)), x)


@pytest.mark.parametrize("shift", [0, 2])
def test_window_attention_is_that_of_an_explicit_loop(shift: int) -> None:
    heads, depth, window, size = 2, 3, 4, (6, 7)
    q, k, v = (noise(1, heads * depth, *size, seed=seed).double() * 4 for seed in range(3))
    bias = noise(heads, window**2, window**2, seed=3).double()
    found = window_attention(q, k, v, bias, window=window, shift=shift)

    expected = np.zeros((heads * depth, *size))
    maps = [x[0].numpy() for x in (q, k, v)]
    cuts = [[split_slowly(plane, window, shift) for plane in x] for x in maps]
    tops = range(-shift, size[0], window)
    lefts = range(-shift, size[1], window)
    corners = [(top, left) for top in tops for left in lefts]
    for head in range(heads):
        channels = range(head * depth, (head + 1) * depth)
        for index, (top, left) in enumerate(corners):
            qw, kw, vw = ([x[c][index].ravel() for c in channels] for x in cuts)
            for query in range(window**2):
                logits = np.array(
                    [
                        sum(qw[d][query] * kw[d][key] for d in range(depth)) / np.sqrt(depth)
                        + bias[head, query, key].item()
                        for key in range(window**2)
                    ]
                )
                share = np.exp(logits - logits.max())
                share /= share.sum()
                y, x = top + query // window, left + query % window
                if 0 <= y < size[0] and 0 <= x < size[1]:
                    for d, channel in enumerate(channels):
                        expected[channel, y, x] = share @ vw[d]
    np.testing.assert_allclose(found[0], expected, rtol=1e-9, atol=1e-12)


def test_position_bias_depends_on_the_offset_alone() -> None:
    bias_net = LogPositionBias(window=4, heads=2)
    bias = bias_net()
    assert bias.shape == (2, 16, 16)
    for query in range(16):
        for key in range(16):
            offset = np.array([query // 4 - key // 4, query % 4 - key % 4], np.float32)
            logged = np.sign(offset) * np.log(1 + np.abs(offset))
            np.testing.assert_allclose(bias_net.offsets[query, key], logged, rtol=1e-6)
    torch.testing.assert_close(bias[:, 0, 5], bias[:, 10, 15])
    assert "offsets" not in bias_net.state_dict()
