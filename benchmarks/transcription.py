"""GIFNet computed the way its published description reads: the baseline of the speed benchmark.

NCHW, float32, the whole image at once, nothing folded or left out: both branches run abreast to
the end, attention is written out (scaled queries, logits plus bias, softmax, weighted values),
the normalisation and its rescaling are steps of their own. As in the release, a block lets go of
what it computed when it is through, not before: that is where its memory goes.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gifnet.models.gifnet.attention import TaskBlock
from gifnet.models.gifnet.network import Branch, GIFNet, InteractionBlock

BRANCHES: tuple[Branch, Branch] = ("mm", "dp")


class Transcription(nn.Module):
    """The published forward pass over a `GIFNet`'s weights, DP as the main branch."""

    def __init__(self, model: GIFNet):
        super().__init__()
        self.model = model

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the fused (B, 1, H, W) plane of two."""
        model = self.model
        height, width = first.shape[-2:]
        features = torch.cat((first, second), dim=1)
        for conv in model.encoder.convs:
            features = torch.cat((features, F.relu(conv(features))), dim=1)
        bottom, right = -height % 4, -width % 4
        # Each branch pads its own copy of the features, also where there is nothing to pad.
        copies = [F.pad(features, (0, right, 0, bottom), mode="reflect") for _ in BRANCHES]
        branches = [model.embed[b](copy) for b, copy in zip(BRANCHES, copies, strict=True)]
        for index, block in enumerate(model.blocks):
            branches = _block(block, branches, exchange=index % 2 == 0)
            if index % 2 == 0:
                branches[1] = branches[1] + model.gate["dp"] * branches[0]
        x = model.unembed(branches[1])[:, :, :height, :width]
        raw = model.decoder.convs(model.decoder.mix(torch.cat((features, x), dim=1)))
        fused: Tensor = model.head(raw, first, second).image
        return fused


def _block(block: InteractionBlock, branches: list[Tensor], exchange: bool) -> list[Tensor]:
    tasks = [block.task(b) for b in BRANCHES]
    normed = [task.norm(x) for task, x in zip(tasks, branches, strict=True)]
    attended = _attention(block, tasks, [y for y, _, _ in normed], exchange)
    scaled = [
        y * rescale + rebias for y, (_, rescale, rebias) in zip(attended, normed, strict=True)
    ]
    summed = [x + y for x, y in zip(branches, scaled, strict=True)]
    hidden = [task.mlp(x) for task, x in zip(tasks, summed, strict=True)]
    return [x + y for x, y in zip(summed, hidden, strict=True)]


def _attention(
    block: InteractionBlock, tasks: list[TaskBlock], inputs: list[Tensor], exchange: bool
) -> list[Tensor]:
    """Return what attention and the depthwise convolution add to each branch."""
    height, width = inputs[0].shape[-2:]
    size, shift = block.window, block.shift
    values = [task.value(y) for task, y in zip(tasks, inputs, strict=True)]
    query_keys = [task.query_key(y) for task, y in zip(tasks, inputs, strict=True)]
    maps = [torch.cat(pair, dim=1) for pair in zip(query_keys, values, strict=True)]
    bottom, right = -(height + shift) % size, -(width + shift) % size
    padded = [F.pad(x, (shift, right, shift, bottom), mode="reflect") for x in maps]
    rows, columns = padded[0].shape[-2] // size, padded[0].shape[-1] // size
    windows = [_windows(x, size) for x in padded]

    bias = block.position_bias()
    heads, channels = bias.shape[0], windows[0].shape[-1] // 3
    split = [
        x.reshape(-1, size**2, 3, heads, channels // heads).permute(2, 0, 3, 1, 4) for x in windows
    ]
    queries = [x[0] * (channels // heads) ** -0.5 for x in split]
    if exchange:
        queries[0] = queries[1]
    logits = [q @ x[1].transpose(-2, -1) for q, x in zip(queries, split, strict=True)]
    logits = [x + bias[None] for x in logits]
    weights = [torch.softmax(x, dim=-1) for x in logits]
    del logits
    mixed = [
        (w @ x[2]).transpose(1, 2).reshape(-1, size**2, channels)
        for w, x in zip(weights, split, strict=True)
    ]

    joined = [_join(x, rows, columns, size) for x in mixed]
    cut = [x[:, :, shift : shift + height, shift : shift + width] for x in joined]
    local = [task.local(value) for task, value in zip(tasks, values, strict=True)]
    return [task.project(a + b) for task, a, b in zip(tasks, local, cut, strict=True)]


def _windows(x: Tensor, size: int) -> Tensor:
    batch, channels, height, width = x.shape
    x = x.permute(0, 2, 3, 1).reshape(batch, height // size, size, width // size, size, channels)
    return x.permute(0, 1, 3, 2, 4, 5).contiguous().view(-1, size**2, channels)


def _join(windows: Tensor, rows: int, columns: int, size: int) -> Tensor:
    channels = windows.shape[-1]
    x = windows.view(-1, rows, columns, size, size, channels).permute(0, 1, 3, 2, 4, 5)
    x = x.contiguous().view(-1, rows * size, columns * size, channels)
    return x.permute(0, 3, 1, 2)
