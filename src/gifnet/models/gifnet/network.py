"""GIFNet: a generalised image fusion network with low-level task interaction.

Cheng et al., "One Model for ALL: Low-Level Task Interaction Is a Key to Task-Agnostic
Image Fusion", CVPR 2025. The multi-modal (MM) and digital-photography (DP) branches share
an encoder and a decoder and exchange features through the cross-fusion gating mechanism.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, cast

import torch
from torch import Tensor, nn

from ..contract import Fused
from ..layers import pad_to_multiple
from .attention import LogPositionBias, TaskBlock, window_attention
from .blocks import ConvStack, DenseEncoder, ReflectConv, pointwise
from .heads import BandHead, BlendHead, Head, TanhHead

Branch = Literal["mm", "dp"]
HeadName = Literal["tanh", "blend", "bands"]

HEADS: dict[str, type[Head]] = {
    "tanh": TanhHead,
    "blend": BlendHead,
    "bands": BandHead,
}


def other_branch(branch: Branch) -> Branch:
    """Return the branch that is auxiliary when `branch` is the main one."""
    return "dp" if branch == "mm" else "mm"


class TrainingOutput(NamedTuple):
    """The outputs of one training step."""

    fused: Fused
    reconstruction: Tensor


class InteractionBlock(nn.Module):
    """A transformer block of both branches, which share its position bias."""

    def __init__(self, channels: int, heads: int, window: int, shift: int, mlp_channels: int):
        super().__init__()
        self.window, self.shift = window, shift
        self.mm = TaskBlock(channels, mlp_channels)
        self.dp = TaskBlock(channels, mlp_channels)
        self.position_bias = LogPositionBias(window, heads)

    def task(self, branch: Branch) -> TaskBlock:
        return self.mm if branch == "mm" else self.dp

    def attend(self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
        return window_attention(query, key, value, bias, window=self.window, shift=self.shift)

    def forward(self, x: Tensor, branch: Branch) -> Tensor:
        """Run one branch alone."""
        task = self.task(branch)
        y, rescale, rebias = task.norm(x)
        q, k, v = task.attention_inputs(y)
        return task.finish(x, self.attend(q, k, v, self.position_bias()), v, rescale, rebias)

    def interact(self, x_main: Tensor, x_auxiliary: Tensor, main: Branch) -> tuple[Tensor, Tensor]:
        """Run both branches; the auxiliary one is queried by the main one."""
        main_task, auxiliary_task = self.task(main), self.task(other_branch(main))
        bias = self.position_bias()

        y, rescale, rebias = main_task.norm(x_main)
        q, k, v = main_task.attention_inputs(y)
        out_main = main_task.finish(x_main, self.attend(q, k, v, bias), v, rescale, rebias)

        y, rescale, rebias = auxiliary_task.norm(x_auxiliary)
        _, k_aux, v_aux = auxiliary_task.attention_inputs(y)
        attended = self.attend(q, k_aux, v_aux, bias)
        # The released code feeds the main branch's values to the auxiliary branch's
        # depthwise path when MM is main; its checkpoint was trained that way.
        local_source = v if main == "mm" else v_aux
        out_auxiliary = auxiliary_task.finish(x_auxiliary, attended, local_source, rescale, rebias)
        return out_main, out_auxiliary


class GlobalDecoder(nn.Module):
    """G-Dec: encoder and branch features to the head's input (paper, Fig. 3)."""

    def __init__(self, channels: int, channels_out: int):
        super().__init__()
        self.mix = nn.Sequential(
            pointwise(2 * channels, channels, bias=False),
            nn.ReLU(),
            pointwise(channels, 128, bias=False),
        )
        self.convs = ConvStack(128, 64, 32, 16, channels_out)

    def forward(self, features: Tensor, branch: Tensor) -> Tensor:
        return self.convs(self.mix(torch.cat((features, branch), dim=1)))  # type: ignore[no-any-return]


class GIFNet(nn.Module):
    """The network on pairs of luminance planes.

    Parameters
    ----------
    head : {"bands", "blend", "tanh"}
        "tanh" is the published output; "bands" and "blend" give every source's share as well.

    Notes
    -----
    Sides must be at least 8 pixels, 16 with the band head. The first plane is the functional or
    spectral source (infrared, PET, over-exposed, multispectral), the second the structural one.
    """

    window = 8
    size_multiple = 4

    def __init__(self, head: HeadName = "bands"):
        super().__init__()
        self.encoder = DenseEncoder()
        channels, heads = self.encoder.channels, 2
        self.reconstruction = ConvStack(channels, 64, 32, 16, 1)
        self.embed = nn.ModuleDict({b: ReflectConv(channels, channels) for b in ("mm", "dp")})
        self.blocks = nn.ModuleList(
            InteractionBlock(channels, heads, self.window, shift, 2 * channels)
            for shift in (0, self.window // 2)
        )
        #: lambda of the cross-fusion gate, for either branch as the main one (paper, Eq. 4)
        self.gate = nn.ParameterDict({b: nn.Parameter(torch.ones(1)) for b in ("mm", "dp")})
        self.unembed = ReflectConv(channels, channels)
        self.head = HEADS[head]()
        self.decoder = GlobalDecoder(channels, self.head.channels)
        # Start from an even, noiseless output: the mean of both sources for the blend head.
        with torch.no_grad():
            self.decoder.convs.last.weight.mul_(0.1)

    def encode(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the shared features (B, 98, H, W) of two (B, 1, H, W) planes."""
        return self.encoder(torch.cat((first, second), dim=1))  # type: ignore[no-any-return]

    def _embed(self, features: Tensor, branch: Branch) -> Tensor:
        x: Tensor = self.embed[branch](pad_to_multiple(features, self.size_multiple))
        return x

    def _interact(self, x_main: Tensor, x_auxiliary: Tensor, main: Branch) -> Tensor:
        x_main, x_auxiliary = self.blocks[0].interact(x_main, x_auxiliary, main)  # type: ignore[operator]
        return cast(Tensor, x_main + self.gate[main] * x_auxiliary)

    def _decode(self, features: Tensor, x: Tensor, first: Tensor, second: Tensor) -> Fused:
        height, width = features.shape[-2:]
        x = self.unembed(x)[:, :, :height, :width]
        return self.head(self.decoder(features, x), first, second)  # type: ignore[no-any-return]

    def forward(self, first: Tensor, second: Tensor, *, main: Branch = "dp") -> Fused:
        """Fuse two (B, 1, H, W) planes in [0, 1].

        Parameters
        ----------
        main : {"dp", "mm"}
            The main branch. "dp" is the paper's choice for inference (supplement, Sec. 4).
        """
        features = self.encode(first, second)
        auxiliary = self._embed(features, other_branch(main))
        x = self.blocks[1](self._interact(self._embed(features, main), auxiliary, main), main)
        return self._decode(features, x, first, second)

    def reconstruct(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the REC branch's (B, 1, H, W) reconstruction of the shared modality."""
        return torch.tanh(self.reconstruction(self.encode(first, second)))

    def training_forward(
        self,
        pair: tuple[Tensor, Tensor],
        auxiliary_pair: tuple[Tensor, Tensor],
        main: Branch,
    ) -> TrainingOutput:
        """Fuse `pair` with `main`, gated by the frozen other branch's view of `auxiliary_pair`.

        No gradient reaches the auxiliary branch's input. The trainer freezes that branch's own
        parameters (paper, Fig. 3c).
        """
        features = self.encode(*pair)
        with torch.no_grad():
            auxiliary = self._embed(self.encode(*auxiliary_pair), other_branch(main))
        x = self._interact(self._embed(features, main), auxiliary, main)
        x = self.blocks[1](x, main)
        return TrainingOutput(
            self._decode(features, x, *pair), torch.tanh(self.reconstruction(features))
        )

    def branch_parameters(self, branch: Branch) -> list[nn.Parameter]:
        """Return the parameters of one branch that the other does not share."""
        tasks = [block.task(branch) for block in self.blocks]  # type: ignore[operator]
        modules = [self.embed[branch], *tasks]
        return [p for module in modules for p in module.parameters()] + [self.gate[branch]]
