"""Puts channels that a ReLU has silenced for good back to work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from ...models.gifnet.blocks import ConvStack


@torch.no_grad()
def revive_dead_channels(stack: ConvStack, run: Callable[[], object]) -> int:
    """Give channels that never pass their ReLU new incoming and no outgoing weights.

    Early in training many channels of a narrow decoder fall silent, and no gradient ever
    reaches them again. With outgoing weights of zero the network computes what it did
    before, and the fresh channels can learn (Sokar et al., "The Dormant Neuron Phenomenon",
    ICML 2023).

    Parameters
    ----------
    stack : ConvStack
        Whose channels to look at.
    run : callable
        Runs the network on the images to judge by.

    Returns
    -------
    int
        The number of channels revived.
    """
    convs = [layer for layer in stack if isinstance(layer, nn.Conv2d)]
    greatest: dict[nn.Conv2d, Tensor] = {}

    def see(conv: nn.Conv2d, output: Tensor) -> None:
        found = output.amax(dim=(0, 2, 3))
        greatest[conv] = torch.maximum(greatest.get(conv, found), found)

    _watch(convs[:-1], run, see)
    revived = 0
    for conv, following in pairwise(convs):
        dead = greatest[conv] <= 0
        fresh = torch.empty_like(conv.weight)
        nn.init.kaiming_normal_(fresh, nonlinearity="relu")
        conv.weight[dead] = fresh[dead]
        if conv.bias is not None:
            conv.bias[dead] = 0
        following.weight[:, dead] = 0
        revived += int(dead.sum())
    return revived


@torch.no_grad()
def split_channels(
    stack: ConvStack, run: Callable[[], object], *, least: float = 0.03, noise: float = 0.15
) -> int:
    """Replace channels that hardly contribute by halves of those that do.

    A channel's contribution is the root mean square of its activation times the norm of its
    outgoing weights. One below `least` of its layer's largest becomes a copy of a strong one,
    with which it shares the outgoing weights; the copies' incoming weights differ by `noise` of
    their size, so that they part in training (Chen et al., "Net2Net", ICLR 2016). Unlike fresh
    channels, copies have gradients on both sides from the first step.

    Returns
    -------
    int
        The number of channels replaced.
    """
    convs = [layer for layer in stack if isinstance(layer, nn.Conv2d)]
    energy: dict[nn.Conv2d, list[Tensor]] = {conv: [] for conv in convs[:-1]}

    def see(conv: nn.Conv2d, output: Tensor) -> None:
        energy[conv].append(output.clamp_min(0).square().mean(dim=(0, 2, 3)))

    _watch(convs[:-1], run, see)
    replaced = 0
    for conv, following in pairwise(convs):
        size = torch.stack(energy[conv]).mean(dim=0).sqrt()
        contribution = size * following.weight.float().square().sum(dim=(0, 2, 3)).sqrt()
        weak = contribution < least * contribution.max()
        strong = contribution.argsort(descending=True)[: max(1, int((~weak).sum()))].tolist()
        for index, channel in enumerate(weak.nonzero().flatten().tolist()):
            donor = strong[index % len(strong)]
            spread = noise * conv.weight[donor].std()
            conv.weight[channel] = conv.weight[donor] + spread * torch.randn_like(
                conv.weight[donor]
            )
            if conv.bias is not None:
                conv.bias[channel] = conv.bias[donor]
            following.weight[:, donor] *= 0.5
            following.weight[:, channel] = following.weight[:, donor]
            replaced += 1
    return replaced


def _watch(
    convs: Sequence[nn.Conv2d], run: Callable[[], object], see: Callable[[nn.Conv2d, Tensor], None]
) -> None:
    """Show what convolutions give, in float32, while something runs."""

    def record(conv: nn.Module, _: object, output: Tensor) -> None:
        assert isinstance(conv, nn.Conv2d)
        see(conv, output.float())

    handles = [conv.register_forward_hook(record) for conv in convs]
    try:
        run()
    finally:
        for handle in handles:
            handle.remove()
