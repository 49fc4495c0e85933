"""Puts channels that a ReLU has silenced for good back to work."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

from ..models.blocks import ConvStack


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

    def record(conv: nn.Module, _: object, output: Tensor) -> None:
        assert isinstance(conv, nn.Conv2d)
        found = output.float().amax(dim=(0, 2, 3))
        greatest[conv] = torch.maximum(greatest.get(conv, found), found)

    handles = [conv.register_forward_hook(record) for conv in convs[:-1]]
    try:
        run()
    finally:
        for handle in handles:
            handle.remove()
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
