"""GIFNet folded for inference, as four stages.

The same function as `GIFNet.forward` with DP as the main branch, with less to compute:

- the auxiliary branch ends after block 0, and there has no queries of its own;
- a normalisation whose two scalars are known goes into the 1 x 1 convolution after it, and
  its rescaling into the projection;
- the gate's lambda goes into the auxiliary branch's last convolution;
- the branch's last 3 x 3 convolution and the decoder's first 1 x 1 one become one, and so do
  the decoder's second 1 x 1 and first 3 x 3 one.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from ..contract import BoundStage, Known, Part, Pipeline, Planes, Stage
from ..heads import Fused
from ..layers import ReflectConv
from ..maps import Region, convolved, crop, reflect
from .folding import Convolution, Folder, exact
from .network import Branch, GIFNet, InteractionBlock, other
from .tiled_block import BlockWeights, BoundBlock

MAIN: Branch = "dp"
AUXILIARY: Branch = other(MAIN)


class Encoder:
    """The shared dense encoder on a region of the image."""

    radius = 3

    def __init__(self, model: GIFNet, folder: Folder):
        convs = [cast(nn.Conv2d, conv) for conv in model.encoder.convs]
        groups = [convs[0].in_channels]
        self.convs: list[Convolution] = []
        for conv in convs:
            inputs, outputs = folder.layout(*groups), folder.layout(conv.out_channels)
            self.convs.append(folder.layer(conv, inputs, outputs))
            groups.append(conv.out_channels)
        self.layout = folder.layout(*groups)
        self.dtype = folder.dtype
        self.plane_padding = folder.layout(groups[0]).size - groups[0]

    def __call__(self, planes: Planes, to: Region, image: Region) -> Tensor:
        at = to.grown(self.radius, image)
        features = planes(at).to(self.dtype)
        if self.plane_padding:
            zeros = features.new_zeros((1, self.plane_padding, at.height, at.width))
            features = torch.cat((features, zeros), dim=1)
        features = features.contiguous(memory_format=torch.channels_last)
        for conv in self.convs:
            new = conv(features, at, image).relu_()
            shrunk = convolved(at, 1, image)
            features = torch.cat((crop(features, at, shrunk), new), dim=1)
            at = shrunk
        return crop(features, at, to)


class EmbeddingStage:
    """Planes to the inputs of block 0: the main and the auxiliary branch's."""

    name = "embedding"
    shift = 0
    step = 1

    def __init__(self, model: GIFNet, folder: Folder, encoder: Encoder):
        self.encoder = encoder
        self.multiple = model.size_multiple
        width = model.encoder.channels
        layout = folder.layout(width)
        # One convolution for both: their channels together waste less of a vector.
        self.both = folder.together(
            [
                folder.layer(cast(ReflectConv, model.embed[branch]), encoder.layout, layout)
                for branch in (MAIN, AUXILIARY)
            ]
        )
        self.maps: tuple[int, ...] = (layout.size, layout.size)
        self.measured: tuple[int, ...] = (width, width)

    def bounds(self, image: Region) -> Region:
        return image.padded_to(self.multiple)

    def reads(self, to: Region, image: Region) -> Region:
        return to

    def bind(self, known: Known) -> BoundStage:
        return self

    def __call__(self, inputs: tuple[Tensor, ...], part: Part) -> tuple[Tensor, ...]:
        to, image = part.to, part.image
        bounds = self.bounds(image)
        at = to.grown(1, bounds)
        known = at.mirrored(image)
        features = reflect(self.encoder(part.planes, known, image), known, at, image)
        both = crop(self.both(features, at, bounds), convolved(at, 1, bounds), to)
        return tuple(both.split(self.maps, dim=1))


class InteractionStage:
    """Block 0 of both branches and the cross-fusion gate: the input of block 1."""

    name = "interaction"
    step = 1

    def __init__(self, model: GIFNet, folder: Folder):
        self.multiple = model.size_multiple
        block = cast(InteractionBlock, model.blocks[0])
        layout = folder.layout(model.encoder.channels)
        self.main = BlockWeights.of(block, MAIN, folder)
        self.auxiliary = BlockWeights.of(
            block, AUXILIARY, folder, with_query=False, gate=float(exact(model.gate[MAIN]))
        )
        self.shift = block.shift
        self.maps: tuple[int, ...] = (layout.size,)
        self.measured: tuple[int, ...] = (model.encoder.channels,)

    def bounds(self, image: Region) -> Region:
        return image.padded_to(self.multiple)

    def reads(self, to: Region, image: Region) -> Region:
        return self.main.reads(to, self.bounds(image))

    def bind(self, known: Known) -> BoundStage:
        main, auxiliary = known[0]
        return _BoundInteraction(self, self.main.bind(main), self.auxiliary.bind(auxiliary))


class _BoundInteraction:
    def __init__(self, stage: InteractionStage, main: BoundBlock, auxiliary: BoundBlock):
        self.stage, self.main, self.auxiliary = stage, main, auxiliary

    def __call__(self, inputs: tuple[Tensor, ...], part: Part) -> tuple[Tensor, ...]:
        to, into = part.to, part.into
        bounds, at = self.stage.bounds(part.image), self.stage.reads(to, part.image)
        main, auxiliary = self.main, self.auxiliary
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
    step = 1
    measured: tuple[int, ...] = ()

    def __init__(self, model: GIFNet, folder: Folder):
        block = cast(InteractionBlock, model.blocks[1])
        self.multiple = model.size_multiple
        self.block = BlockWeights.of(block, MAIN, folder)
        self.shift = block.shift
        self.maps: tuple[int, ...] = (folder.layout(model.encoder.channels).size,)

    def bounds(self, image: Region) -> Region:
        return image.padded_to(self.multiple)

    def reads(self, to: Region, image: Region) -> Region:
        return self.block.reads(to, self.bounds(image))

    def bind(self, known: Known) -> BoundStage:
        return _BoundTransform(self, self.block.bind(known[1][0]))


class _BoundTransform:
    def __init__(self, stage: TransformStage, block: BoundBlock):
        self.stage, self.block = stage, block

    def __call__(self, inputs: tuple[Tensor, ...], part: Part) -> tuple[Tensor, ...]:
        to, into = part.to, part.into
        bounds, at = self.stage.bounds(part.image), self.stage.reads(to, part.image)
        (x,) = inputs
        values = self.block.value.pointwise(x)
        (attended,) = self.block.attend(x, values, at, to, bounds)
        return (self.block.finish(x, values, attended, at, to, bounds, into[0] if into else None),)


class DecodingStage:
    """The global decoder: the fused image."""

    name = "decoding"
    maps: tuple[int, ...] = ()
    measured: tuple[int, ...] = ()
    shift = 0
    step = 2

    def __init__(self, model: GIFNet, folder: Folder, encoder: Encoder):
        self.multiple = model.size_multiple
        self.encoder, self.head = encoder, model.head
        width = model.encoder.channels
        mix_in, mix_out = (cast(nn.Conv2d, model.decoder.mix[i]) for i in (0, 2))
        convs = [conv for conv in model.decoder.convs if isinstance(conv, nn.Conv2d)]
        layout = folder.layout(width)
        # mix_in(cat(features, unembed(x))): a 1 x 1 share of the features, a 3 x 3 one of x.
        weight = exact(mix_in.weight)
        of_features, of_branch = weight[:, :width], weight[:, width:, 0, 0]
        unembed = model.unembed
        self.of_features = folder.convolution(of_features, None, encoder.layout, layout)
        self.of_branch = folder.convolution(
            torch.einsum("om,mikl->oikl", of_branch, exact(unembed.weight)),
            of_branch @ exact(unembed.bias),
            layout,
            layout,
        )
        first = torch.einsum(
            "omkl,mi->oikl", exact(convs[0].weight), exact(mix_out.weight)[:, :, 0, 0]
        )
        outputs = folder.layout(convs[0].out_channels)
        self.convs = [folder.convolution(first, exact(convs[0].bias), layout, outputs)]
        for conv in convs[1:]:
            inputs, outputs = outputs, folder.layout(conv.out_channels)
            self.convs.append(folder.layer(conv, inputs, outputs))

    def bounds(self, image: Region) -> Region:
        return image

    def reads(self, to: Region, image: Region) -> Region:
        return self._decoded(to, image).grown(1, self._padded(image))

    def bind(self, known: Known) -> BoundStage:
        return self

    def _padded(self, image: Region) -> Region:
        return image.padded_to(self.multiple)

    def _decoded(self, to: Region, image: Region) -> Region:
        """Return where the decoder's convolutions need their input."""
        return to.grown(len(self.convs), image)

    def __call__(self, inputs: tuple[Tensor, ...], part: Part) -> Fused:
        to, image, planes = part.to, part.image, part.planes
        bounds, read = self._padded(image), self.reads(to, image)
        at = self._decoded(to, image)
        (x,) = inputs
        x = crop(self.of_branch(x, read, bounds), convolved(read, 1, bounds), at)
        x = x + self.of_features.pointwise(self.encoder(planes, at, image))
        for conv in self.convs:
            x = conv(x.relu_(), at, image)
            at = convolved(at, 1, image)
        raw = crop(x, at, to)[:, : self.head.channels]
        around = to.surrounded(self.head.margin)
        known = around.mirrored(image)
        first, second = reflect(planes(known), known, around, image).split(1, dim=1)
        fused: Fused = self.head.combine(raw.float(), first, second)
        return fused


def gifnet_pipeline(
    model: nn.Module, device: torch.device, dtype: torch.dtype, *, multiple: int = 1
) -> Pipeline:
    """Fold a trained GIFNet.

    Parameters
    ----------
    model : GIFNet
        Not changed; with either head.
    multiple : int
        Pad channels to multiples of this: 8 suits tensor cores, 1 the CPU.
    """
    assert isinstance(model, GIFNet)
    folder = Folder(device, dtype, multiple)
    encoder = Encoder(model, folder)
    stages: tuple[Stage, ...] = (
        EmbeddingStage(model, folder, encoder),
        InteractionStage(model, folder),
        TransformStage(model, folder),
        DecodingStage(model, folder, encoder),
    )
    return Pipeline(stages, model.window, device, dtype)
