"""A GIFNet transformer block on a region, its normalisation folded into its convolutions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from .folding import Convolution, Folder, Layout, exact
from .regions import Region, convolved, crop, reflect
from .swin import Moments, TaskBlock

if TYPE_CHECKING:
    from .gifnet import Branch, InteractionBlock

#: Attention runs on this many windows at a time, whose logits then stay in the cache.
WINDOWS_AT_ONCE = {"cpu": 64}


@dataclass(frozen=True)
class BlockWeights:
    """One branch's share of a block, waiting for its moments.

    Attributes
    ----------
    with_query : bool
        Whether queries are projected; an auxiliary branch gets them from the main one.
    gate : float
        What the block's output is multiplied with.
    bias : (heads, window^2, window^2) tensor
        Added to the logits.
    """

    task: TaskBlock
    folder: Folder
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
        folder: Folder,
        *,
        with_query: bool = True,
        gate: float = 1.0,
    ) -> BlockWeights:
        with torch.no_grad():
            bias = folder.cast(block.position_bias())
        return cls(
            block.task(branch), folder, block.window, block.shift, bias, with_query, gate
        )

    @property
    def reach(self) -> int:
        """How far the depthwise path sees."""
        return self.task.local.kernel_size[0] // 2

    def reads(self, to: Region, bounds: Region) -> Region:
        """Return where the block's input must be known."""
        windows = to.windows(self.window, self.shift)
        return windows.mirrored(bounds) | to.grown(self.reach, bounds)

    def bind(self, moments: Moments) -> BoundBlock:
        """Fold the normalisation with these moments."""
        task, folder, norm = self.task, self.folder, self.task.norm
        mean, std = (float(m) for m in moments)
        channels = task.value.in_channels
        heads = self.bias.shape[0]
        outer = folder.layout(channels)
        inner = folder.layout(*[channels // heads] * heads)

        def normalised(weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
            scale = exact(norm.weight).flatten() / std
            offset = exact(norm.bias).flatten() - mean * scale
            return weight * scale[:, None, None], bias + weight[:, :, 0, 0] @ offset

        query, key = exact(task.query_key.weight).chunk(2)
        query_bias, key_bias = exact(task.query_key.bias).chunk(2)
        scale = (channels // heads) ** -0.5
        maps = [(key, key_bias), (exact(task.value.weight), exact(task.value.bias))]
        if self.with_query:
            maps.insert(0, (query * scale, query_bias * scale))
        padded = [
            tuple(inner.pad(x, 0) for x in normalised(weight, bias)) for weight, bias in maps
        ]
        weight, bias = (torch.cat(parts) for parts in zip(*padded, strict=True))
        stacked = Layout(tuple(range(len(bias))), len(bias))

        rescale = exact(norm.to_rescale.weight).flatten() * std + exact(norm.to_rescale.bias)
        rebias = exact(norm.to_rebias.weight).flatten() * mean + exact(norm.to_rebias.bias)
        project_weight = exact(task.project.weight) * rescale[:, None, None, None]
        project_bias = exact(task.project.bias) * rescale + rebias
        widen, narrow = task.mlp[0], task.mlp[2]
        hidden = folder.layout(widen.out_channels)
        return BoundBlock(
            self,
            inner.size,
            folder.convolution(weight, bias, outer, stacked),
            folder.depthwise(exact(task.local.weight), exact(task.local.bias), inner),
            folder.convolution(project_weight, project_bias, inner, outer),
            folder.convolution(exact(widen.weight), exact(widen.bias), outer, hidden),
            folder.convolution(
                exact(narrow.weight) * self.gate, exact(narrow.bias) * self.gate, hidden, outer
            ),
        )


@dataclass(frozen=True)
class BoundBlock:
    """One branch's share of a block, normalisation and rescaling folded in.

    Attributes
    ----------
    inner : int
        Channels of the query, key and value maps each.
    """

    weights: BlockWeights
    inner: int
    qkv: Convolution
    local: Convolution
    project: Convolution
    widen: Convolution
    narrow: Convolution

    def project_in(self, x: Tensor) -> Tensor:
        """Return the query (if any), key and value maps, stacked along the channels."""
        return self.qkv.pointwise(x)

    def attend(
        self,
        maps: Tensor,
        at: Region,
        to: Region,
        bounds: Region,
        keys_values: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        """Return window attention on a region; also of other keys and values with its queries."""
        window, heads = self.weights.window, self.weights.bias.shape[0]
        cover = to.windows(window, self.weights.shift)
        sources = [maps] if keys_values is None else [maps, keys_values]
        rows = cover.height // window
        # NHWC, cut into windows: (rows, window, columns, window, maps, heads, depth)
        cut = [
            reflect(source, at, cover, bounds)
            .permute(0, 2, 3, 1)[0]
            .unflatten(2, (-1, heads, self.inner // heads))
            .unflatten(1, (-1, window))
            .unflatten(0, (-1, window))
            for source in sources
        ]
        results = [maps.new_empty((cover.height, cover.width, self.inner)) for _ in sources]
        at_once = WINDOWS_AT_ONCE.get(maps.device.type, rows * cut[0].shape[2])
        step = max(1, at_once // cut[0].shape[2])
        for start in range(0, rows, step):
            part = slice(start, start + step)
            query = None
            for source, result in zip(cut, results, strict=True):
                windows = source[part].permute(4, 0, 2, 5, 1, 3, 6)
                shape = windows.shape[1:4]
                stack = windows.reshape(len(windows), -1, window**2, self.inner // heads)
                if query is None:
                    query = stack[0]
                attended = self._attention(query, stack[-2], stack[-1])
                place = result[start * window : (start + step) * window]
                place.unflatten(2, (heads, -1)).unflatten(1, (-1, window)).unflatten(
                    0, (-1, window)
                ).copy_(
                    attended.view(*shape, window, window, -1).permute(0, 3, 1, 4, 2, 5)
                )
        return tuple(
            crop(result.permute(2, 0, 1)[None], cover, to) for result in results
        )

    def _attention(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        bias = self.weights.bias
        heads, tokens = bias.shape[:2]
        if query.device.type == "cpu":
            # Twice as fast here as the fused kernel, which is made for long sequences.
            logits = torch.bmm(query, key.transpose(1, 2))
            logits.view(-1, heads, tokens, tokens).add_(bias)
            return torch.bmm(torch.softmax(logits, dim=-1), value)
        query, key, value = (x.unflatten(0, (-1, heads)) for x in (query, key, value))
        return F.scaled_dot_product_attention(
            query, key, value, attn_mask=bias[None], scale=1.0
        ).flatten(0, 1)

    def finish(
        self, x: Tensor, maps: Tensor, attended: Tensor, at: Region, to: Region, bounds: Region
    ) -> Tensor:
        """Join attention with the depthwise path, add the input and the MLP."""
        gate = self.weights.gate
        reach = to.grown(self.weights.reach, bounds)
        values = crop(maps[:, -self.inner :], at, reach)
        local = crop(
            self.local(values, reach, bounds),
            convolved(reach, self.weights.reach, bounds),
            to,
        )
        y = self.project.pointwise(attended + local).add_(crop(x, at, to))
        out = self.narrow.pointwise(self.widen.pointwise(y).relu_())
        return out.add_(y) if gate == 1 else out.add_(y, alpha=gate)
