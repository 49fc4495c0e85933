"""GIFNet computed the way its published description reads: the baseline of the speed benchmark.

NCHW, float32, the whole image at once, nothing folded or left out: both branches run to the
end, attention is written out (scaled queries, logits plus bias, softmax, weighted values), the
normalisation and its rescaling are steps of their own.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gifnet.models.gifnet import GIFNet, InteractionBlock
from gifnet.models.swin import TaskBlock


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
        padded = F.pad(features, (0, right, 0, bottom), mode="reflect")
        x_dp, x_mm = model.embed["dp"](padded), model.embed["mm"](padded)
        for index, block in enumerate(model.blocks):
            x_dp, x_mm = _block(block, x_dp, x_mm, exchange=index % 2 == 0)
            if index % 2 == 0:
                x_dp = x_dp + model.gate["dp"] * x_mm
        x = model.unembed(x_dp)[:, :, :height, :width]
        raw = model.decoder.convs(model.decoder.mix(torch.cat((features, x), dim=1)))
        fused: Tensor = model.head(raw, first, second).image
        return fused


def _block(
    block: InteractionBlock, x_dp: Tensor, x_mm: Tensor, exchange: bool
) -> tuple[Tensor, Tensor]:
    bias = block.position_bias()
    y_dp, rescale_dp, rebias_dp = block.dp.norm(x_dp)
    q_dp, k_dp, v_dp = block.dp.attention_inputs(y_dp)
    y_mm, rescale_mm, rebias_mm = block.mm.norm(x_mm)
    q_mm, k_mm, v_mm = block.mm.attention_inputs(y_mm)
    attended = _attention(q_dp, k_dp, v_dp, bias, block.window, block.shift)
    out_dp = _finish(block.dp, x_dp, attended, v_dp, rescale_dp, rebias_dp)
    query = q_dp if exchange else q_mm
    attended = _attention(query, k_mm, v_mm, bias, block.window, block.shift)
    return out_dp, _finish(block.mm, x_mm, attended, v_mm, rescale_mm, rebias_mm)


def _attention(q: Tensor, k: Tensor, v: Tensor, bias: Tensor, window: int, shift: int) -> Tensor:
    height, width = q.shape[-2:]
    channels, heads = q.shape[1], bias.shape[0]
    bottom, right = -(height + shift) % window, -(width + shift) % window
    x = F.pad(torch.cat((q, k, v), dim=1), (shift, right, shift, bottom), mode="reflect")
    rows, columns = x.shape[-2] // window, x.shape[-1] // window
    x = x.permute(0, 2, 3, 1).view(-1, rows, window, columns, window, 3 * channels)
    x = x.permute(0, 1, 3, 2, 4, 5).reshape(-1, window**2, 3, heads, channels // heads)
    query, key, value = x.permute(2, 0, 3, 1, 4)
    logits = (query * (channels // heads) ** -0.5) @ key.transpose(-2, -1) + bias[None]
    x = (torch.softmax(logits, dim=-1) @ value).transpose(1, 2)
    x = x.reshape(-1, rows, columns, window, window, channels).permute(0, 5, 1, 3, 2, 4)
    x = x.reshape(-1, channels, rows * window, columns * window)
    return x[:, :, shift : shift + height, shift : shift + width]


def _finish(
    task: TaskBlock, x: Tensor, attended: Tensor, value: Tensor, rescale: Tensor, rebias: Tensor
) -> Tensor:
    return task.finish(x, attended, value, rescale, rebias)
