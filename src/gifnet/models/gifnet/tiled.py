"""GIFNet folded for inference, as four stages.

The same function as `GIFNet.forward` with DP as the main branch, in fewer operations:

- the auxiliary branch ends after block 0, and there has no queries of its own;
- a normalisation whose two scalars are known goes into the 1 x 1 convolution after it, and
  its rescaling into the projection;
- the gate's lambda goes into the auxiliary branch's last convolution;
- the branch's last 3 x 3 convolution and the decoder's first 1 x 1 one become one, and so do
  the decoder's second 1 x 1 and first 3 x 3 one.
"""

from __future__ import annotations

from functools import partial
from typing import cast

import torch
from torch import Tensor, nn

from ...geometry.region import Region
from ..contract import Fused, KnownMoments, Pipeline, ReadPlanes, ReadyStage, Stage, StageTask
from ..maps import convolution_output, crop, reflect
from .blocks import ReflectConv
from .folding import Convolution, ConvolutionFolding, to_float64
from .network import Branch, GIFNet, InteractionBlock, other_branch
from .tiled_block import BlockWeights, ReadyBlock

MAIN: Branch = "dp"
AUXILIARY: Branch = other_branch(MAIN)


class Encoder:
    """The shared dense encoder on a region of the image."""

    radius = 3

    def __init__(self, model: GIFNet, folding: ConvolutionFolding):
        convs = [cast(nn.Conv2d, conv) for conv in model.encoder.convs]
        groups = [convs[0].in_channels]
        self.convs: list[Convolution] = []
        for conv in convs:
            inputs, outputs = folding.layout(*groups), folding.layout(conv.out_channels)
            self.convs.append(folding.layer(conv, inputs, outputs))
            groups.append(conv.out_channels)
        self.layout = folding.layout(*groups)
        self.dtype = folding.dtype
        self.plane_padding = folding.layout(groups[0]).size - groups[0]

    def __call__(self, planes: ReadPlanes, to: Region, image: Region) -> Tensor:
        at = to.expand_within(self.radius, image)
        features = planes(at).to(self.dtype)
        if self.plane_padding:
            zeros = features.new_zeros((1, self.plane_padding, at.height, at.width))
            features = torch.cat((features, zeros), dim=1)
        features = features.contiguous(memory_format=torch.channels_last)
        for conv in self.convs:
            new = conv(features, at, image).relu_()
            shrunk = convolution_output(at, 1, image)
            features = torch.cat((crop(features, at, shrunk), new), dim=1)
            at = shrunk
        return crop(features, at, to)


class EmbeddingStage:
    """Planes to the inputs of block 0: the main and the auxiliary branch's."""

    name = "embedding"
    shift = 0
    block_factor = 1

    def __init__(self, model: GIFNet, folding: ConvolutionFolding, encoder: Encoder):
        self.encoder = encoder
        self.multiple = model.size_multiple
        width = model.encoder.channels
        layout = folding.layout(width)
        # One convolution for both: their channels together waste less of a vector.
        self.both = folding.together(
            [
                folding.layer(cast(ReflectConv, model.embed[branch]), encoder.layout, layout)
                for branch in (MAIN, AUXILIARY)
            ]
        )
        self.maps: tuple[int, ...] = (layout.size, layout.size)
        self.measured: tuple[int | None, ...] = (width, width)

    def bounds(self, image: Region) -> Region:
        return image.padded_to(self.multiple)

    def reads(self, to: Region, image: Region) -> Region:
        return to

    def with_moments(self, known: KnownMoments) -> ReadyStage:
        return self

    def __call__(self, inputs: tuple[Tensor, ...], task: StageTask) -> tuple[Tensor, ...]:
        to, image = task.to, task.image
        bounds = self.bounds(image)
        at = to.expand_within(1, bounds)
        known = at.reflection_source(image)
        features = reflect(self.encoder(task.planes, known, image), known, at, image)
        both = crop(self.both(features, at, bounds), convolution_output(at, 1, bounds), to)
        return tuple(both.split(self.maps, dim=1))


class InteractionStage:
    """Block 0 of both branches and the cross-fusion gate: the input of block 1."""

    name = "interaction"
    block_factor = 1

    def __init__(self, model: GIFNet, folding: ConvolutionFolding):
        self.multiple = model.size_multiple
        block = cast(InteractionBlock, model.blocks[0])
        layout = folding.layout(model.encoder.channels)
        self.main = BlockWeights.of(block, MAIN, folding)
        self.auxiliary = BlockWeights.of(
            block, AUXILIARY, folding, with_query=False, gate=float(to_float64(model.gate[MAIN]))
        )
        self.shift = block.shift
        self.maps: tuple[int, ...] = (layout.size,)
        self.measured: tuple[int | None, ...] = (model.encoder.channels,)

    def bounds(self, image: Region) -> Region:
        return image.padded_to(self.multiple)

    def reads(self, to: Region, image: Region) -> Region:
        return self.main.reads(to, self.bounds(image))

    def with_moments(self, known: KnownMoments) -> ReadyStage:
        main, auxiliary = known[0]
        return partial(
            self._run, self.main.with_moments(main), self.auxiliary.with_moments(auxiliary)
        )

    def _run(
        self,
        main: ReadyBlock,
        auxiliary: ReadyBlock,
        inputs: tuple[Tensor, ...],
        task: StageTask,
    ) -> tuple[Tensor, ...]:
        to, into = task.to, task.into
        bounds, at = self.bounds(task.image), self.reads(to, task.image)
        x, x_auxiliary = inputs
        values, values_auxiliary = main.value.pointwise(x), auxiliary.value.pointwise(x_auxiliary)
        attended, attended_auxiliary = main.attend(
            x, values, at, to, bounds, (auxiliary, x_auxiliary, values_auxiliary)
        )
        out = main.finish(x, values, attended, at, to, bounds, into[0] if into else None)
        auxiliary.finish(
            x_auxiliary, values_auxiliary, attended_auxiliary, at, to, bounds, out, add=True
        )
        return (out,)


class TransformStage:
    """Block 1 of the main branch."""

    name = "transform"
    block_factor = 1
    measured: tuple[int | None, ...] = ()

    def __init__(self, model: GIFNet, folding: ConvolutionFolding):
        block = cast(InteractionBlock, model.blocks[1])
        self.multiple = model.size_multiple
        self.block = BlockWeights.of(block, MAIN, folding)
        self.shift = block.shift
        self.maps: tuple[int, ...] = (folding.layout(model.encoder.channels).size,)

    def bounds(self, image: Region) -> Region:
        return image.padded_to(self.multiple)

    def reads(self, to: Region, image: Region) -> Region:
        return self.block.reads(to, self.bounds(image))

    def with_moments(self, known: KnownMoments) -> ReadyStage:
        return partial(self._run, self.block.with_moments(known[1][0]))

    def _run(
        self, block: ReadyBlock, inputs: tuple[Tensor, ...], task: StageTask
    ) -> tuple[Tensor, ...]:
        to, into = task.to, task.into
        bounds, at = self.bounds(task.image), self.reads(to, task.image)
        (x,) = inputs
        values = block.value.pointwise(x)
        (attended,) = block.attend(x, values, at, to, bounds)
        return (block.finish(x, values, attended, at, to, bounds, into[0] if into else None),)


class DecodingStage:
    """The global decoder: the fused image."""

    name = "decoding"
    maps: tuple[int, ...] = ()
    measured: tuple[int | None, ...] = ()
    shift = 0
    block_factor = 2

    def __init__(self, model: GIFNet, folding: ConvolutionFolding, encoder: Encoder):
        self.multiple = model.size_multiple
        self.encoder, self.head = encoder, model.head
        width = model.encoder.channels
        mix_in, mix_out = (cast(nn.Conv2d, model.decoder.mix[i]) for i in (0, 2))
        convs = [conv for conv in model.decoder.convs if isinstance(conv, nn.Conv2d)]
        layout = folding.layout(width)
        # mix_in(cat(features, unembed(x))): a 1 x 1 share of the features, a 3 x 3 one of x.
        weight = to_float64(mix_in.weight)
        of_features, of_branch = weight[:, :width], weight[:, width:, 0, 0]
        unembed = model.unembed
        self.of_features = folding.convolution(of_features, None, encoder.layout, layout)
        self.of_branch = folding.convolution(
            torch.einsum("om,mikl->oikl", of_branch, to_float64(unembed.weight)),
            of_branch @ to_float64(unembed.bias),
            layout,
            layout,
        )
        first = torch.einsum(
            "omkl,mi->oikl", to_float64(convs[0].weight), to_float64(mix_out.weight)[:, :, 0, 0]
        )
        outputs = folding.layout(convs[0].out_channels)
        self.convs = [folding.convolution(first, to_float64(convs[0].bias), layout, outputs)]
        for conv in convs[1:]:
            inputs, outputs = outputs, folding.layout(conv.out_channels)
            self.convs.append(folding.layer(conv, inputs, outputs))

    def bounds(self, image: Region) -> Region:
        return image

    def reads(self, to: Region, image: Region) -> Region:
        return self._decoded(to, image).expand_within(1, self._padded(image))

    def with_moments(self, known: KnownMoments) -> ReadyStage:
        return self

    def _padded(self, image: Region) -> Region:
        return image.padded_to(self.multiple)

    def _decoded(self, to: Region, image: Region) -> Region:
        """Return the region that the decoder's convolutions read."""
        return to.expand_within(len(self.convs), image)

    def __call__(self, inputs: tuple[Tensor, ...], task: StageTask) -> Fused:
        to, image, planes = task.to, task.image, task.planes
        bounds, read = self._padded(image), self.reads(to, image)
        at = self._decoded(to, image)
        (x,) = inputs
        x = crop(self.of_branch(x, read, bounds), convolution_output(read, 1, bounds), at)
        x = x + self.of_features.pointwise(self.encoder(planes, at, image))
        for conv in self.convs:
            x = conv(x.relu_(), at, image)
            at = convolution_output(at, 1, image)
        raw = crop(x, at, to)[:, : self.head.channels]
        around = to.expand(self.head.margin)
        known = around.reflection_source(image)
        first, second = reflect(planes(known), known, around, image).split(1, dim=1)
        fused: Fused = self.head.combine(raw.float(), first, second)
        return fused


def gifnet_pipeline(
    model: nn.Module, device: torch.device, dtype: torch.dtype, *, multiple: int | None = None
) -> Pipeline:
    """Fold a trained GIFNet.

    Parameters
    ----------
    model : GIFNet
        Not changed; with either head.
    multiple : int, optional
        Pad channels to multiples of this. By default 8 for tensor cores and 1 otherwise, because
        padding slows the CPU down.
    """
    assert isinstance(model, GIFNet)
    multiple = multiple or (8 if device.type == "cuda" else 1)
    folding = ConvolutionFolding(device, dtype, multiple)
    encoder = Encoder(model, folding)
    stages: tuple[Stage, ...] = (
        EmbeddingStage(model, folding, encoder),
        InteractionStage(model, folding),
        TransformStage(model, folding),
        DecodingStage(model, folding, encoder),
    )
    return Pipeline(stages, model.window, device, dtype)
