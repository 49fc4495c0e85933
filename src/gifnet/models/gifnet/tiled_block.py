"""A GIFNet transformer block on a region, its normalisation folded into its convolutions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...geometry.region import Region
from ..contract import BYTES_AT_ONCE, Moments
from ..maps import convolution_output, crop, reflect
from .attention import TaskBlock
from .folding import Convolution, ConvolutionFolding, Layout, to_float64

if TYPE_CHECKING:
    from .network import Branch, InteractionBlock


def _rows_at_once(x: Tensor) -> int:
    """Return the number of rows of a map that a sequence of operations takes at a time."""
    if x.device.type != "cpu":
        return x.shape[-2]
    return max(1, BYTES_AT_ONCE // (x.shape[1] * x.shape[-1] * x.element_size()))


@dataclass(frozen=True)
class BlockWeights:
    """One branch's share of a block, waiting for its moments.

    Attributes
    ----------
    with_query : bool
        Whether queries are projected; an auxiliary branch gets them from the main one.
    gate : float
        Factor of the block's output.
    bias : (heads, window^2, window^2) tensor
        Added to the logits.
    """

    task: TaskBlock
    folding: ConvolutionFolding
    window: int
    shift: int
    bias: Tensor
    with_query: bool
    gate: float

    @classmethod
    def of(
        cls,
        block: InteractionBlock,
        branch: Branch,
        folding: ConvolutionFolding,
        *,
        with_query: bool = True,
        gate: float = 1.0,
    ) -> BlockWeights:
        with torch.no_grad():
            bias = folding.cast(block.position_bias()).contiguous()
        return cls(block.task(branch), folding, block.window, block.shift, bias, with_query, gate)

    @property
    def reach(self) -> int:
        """Radius of the depthwise path."""
        return self.task.local.kernel_size[0] // 2

    def reads(self, to: Region, bounds: Region) -> Region:
        """Return the region of the input that the block reads."""
        windows = to.align_to_windows(self.window, self.shift)
        return windows.reflection_source(bounds) | to.expand_within(self.reach, bounds)

    def with_moments(self, moments: Moments) -> ReadyBlock:
        """Fold the normalisation with these moments."""
        task, folding, norm = self.task, self.folding, self.task.norm
        mean, std = (float(m) for m in moments)
        channels = task.value.in_channels
        heads = self.bias.shape[0]
        outer = folding.layout(channels)
        inner = folding.layout(*[channels // heads] * heads)

        def normalised(weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
            scale = to_float64(norm.weight).flatten() / std
            offset = to_float64(norm.bias).flatten() - mean * scale
            return weight * scale[:, None, None], bias + weight[:, :, 0, 0] @ offset

        query, key = to_float64(task.query_key.weight).chunk(2)
        query_bias, key_bias = to_float64(task.query_key.bias).chunk(2)
        scale = (channels // heads) ** -0.5
        maps = [(key, key_bias)]
        if self.with_query:
            maps.insert(0, (query * scale, query_bias * scale))
        padded = [tuple(inner.pad(x, 0) for x in normalised(weight, bias)) for weight, bias in maps]
        weight, bias = (torch.cat(parts) for parts in zip(*padded, strict=True))
        stacked = Layout(tuple(range(len(bias))), len(bias))
        value = normalised(to_float64(task.value.weight), to_float64(task.value.bias))

        rescale = to_float64(norm.to_rescale.weight).flatten() * std + to_float64(
            norm.to_rescale.bias
        )
        rebias = to_float64(norm.to_rebias.weight).flatten() * mean + to_float64(
            norm.to_rebias.bias
        )
        project_weight = to_float64(task.project.weight) * rescale[:, None, None, None]
        project_bias = to_float64(task.project.bias) * rescale + rebias
        widen, narrow = (cast(nn.Conv2d, task.mlp[i]) for i in (0, 2))
        hidden = folding.layout(widen.out_channels)
        return ReadyBlock(
            self,
            inner.size,
            folding.convolution(weight, bias, outer, stacked),
            folding.convolution(*value, outer, inner),
            folding.depthwise(to_float64(task.local.weight), to_float64(task.local.bias), inner),
            folding.convolution(project_weight, project_bias, inner, outer),
            folding.convolution(to_float64(widen.weight), to_float64(widen.bias), outer, hidden),
            folding.convolution(
                to_float64(narrow.weight) * self.gate,
                to_float64(narrow.bias) * self.gate,
                hidden,
                outer,
            ),
        )


@dataclass(frozen=True)
class ReadyBlock:
    """One branch's share of a block, normalisation and rescaling folded in.

    Attributes
    ----------
    inner : int
        Channels of the query, key and value maps each.
    """

    weights: BlockWeights
    inner: int
    query_key: Convolution
    value: Convolution
    local: Convolution
    project: Convolution
    widen: Convolution
    narrow: Convolution

    def attend(
        self,
        x: Tensor,
        values: Tensor,
        at: Region,
        to: Region,
        bounds: Region,
        auxiliary: tuple[ReadyBlock, Tensor, Tensor] | None = None,
    ) -> tuple[Tensor, ...]:
        """Return window attention on a region.

        Parameters
        ----------
        x, values : (1, C, H, W) tensors on `at`
            The block's input, and its values.
        auxiliary : (block, x, values), optional
            Another branch, to which this one's queries also attend.
        """
        window = self.weights.window
        cover = to.align_to_windows(window, self.weights.shift)
        branches = [(self, x, values), auxiliary] if auxiliary else [(self, x, values)]
        padded = [
            (
                block,
                reflect(inputs, at, cover, bounds),
                reflect(v, at, cover, bounds),
            )
            for block, inputs, v in branches
        ]
        results = [_empty(values, cover) for _ in branches]
        step = max(1, _rows_at_once(results[0]) // window) * window
        for start in range(0, cover.height, step):
            band = slice(start, start + step)
            query = None
            for (block, inputs, v), result in zip(padded, results, strict=True):
                *queries, key = block._windows(block.query_key.pointwise(inputs[:, :, band]))
                query = queries[0] if query is None else query
                (value,) = block._windows(v[:, :, band])
                self._join(self._attention(query, key, value), result[:, :, band])
        return tuple(crop(result, cover, to) for result in results)

    def _cut(self, x: Tensor) -> Tensor:
        """View a map as (maps, rows, columns, heads, window, window, depth)."""
        heads, window = self.weights.bias.shape[0], self.weights.window
        cut: Tensor = (
            x.permute(0, 2, 3, 1)[0]
            .unflatten(2, (-1, heads, self.inner // heads))
            .unflatten(1, (-1, window))
            .unflatten(0, (-1, window))
            .permute(4, 0, 2, 5, 1, 3, 6)
        )
        return cut

    def _windows(self, x: Tensor) -> Tensor:
        """Return the windows of stacked maps: (maps, windows * heads, window^2, depth)."""
        cut = self._cut(x)
        return cut.reshape(len(cut), -1, self.weights.window**2, cut.shape[-1])

    def _join(self, windows: Tensor, into: Tensor) -> None:
        """Write windows back into a map."""
        cut = self._cut(into)[0]
        cut.copy_(windows.view(cut.shape))

    def _attention(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        bias = self.weights.bias
        heads, tokens = bias.shape[:2]
        if query.device.type == "cpu":
            # Twice as fast here as the fused kernel, which is optimised for long sequences.
            logits = torch.bmm(query, key.transpose(1, 2))
            logits.view(-1, heads * tokens * tokens).add_(bias.view(-1))
            return torch.bmm(torch.softmax(logits, dim=-1), value)
        query, key, value = (x.unflatten(0, (-1, heads)) for x in (query, key, value))
        return F.scaled_dot_product_attention(
            query, key, value, attn_mask=bias[None], scale=1.0
        ).flatten(0, 1)

    def finish(
        self,
        x: Tensor,
        values: Tensor,
        attended: Tensor,
        at: Region,
        to: Region,
        bounds: Region,
        into: Tensor | None = None,
        *,
        add: bool = False,
    ) -> Tensor:
        """Join attention with the depthwise path, add the input and the MLP.

        The result is written to `into`, or added to it.
        """
        reach = to.expand_within(self.weights.reach, bounds)
        local = self.local(crop(values, at, reach), reach, bounds)
        local = crop(local, convolution_output(reach, self.weights.reach, bounds), to)
        x = crop(x, at, to)
        out = _empty(x, to) if into is None else into
        step = _rows_at_once(x)
        for start in range(0, to.height, step):
            band = (slice(None), slice(None), slice(start, start + step))
            y = self.project.pointwise(attended[band] + local[band]).add_(x[band])
            z = self.narrow.pointwise(self.widen.pointwise(y).relu_())
            z.add_(y, alpha=self.weights.gate)
            if add:
                out[band].add_(z)
            else:
                out[band] = z
        return out


def _empty(like: Tensor, region: Region) -> Tensor:
    return torch.empty(
        (*like.shape[:2], region.height, region.width),
        dtype=like.dtype,
        device=like.device,
        memory_format=torch.channels_last,
    )
