"""Weights to start from that were trained with another head."""

from __future__ import annotations

import torch
from torch import Tensor

from ..models.heads import BandHead, BlendHead, Head
from ..models.weights import identify, load_weights

LAST = "decoder.convs.6"


def starting_state(path: str, model: str, head: Head) -> dict[str, Tensor]:
    """Return the state dict of a weights file for a model with a head.

    The blend head's weights also start a band head: every band gets the one share, and gains
    of one, so that the network computes what it did before.
    """
    if not isinstance(head, BandHead) or identify(path) != "gifnet-blend":
        return load_weights(path, model).state
    state = dict(load_weights(path, "gifnet-blend").state)
    for name in (f"{LAST}.weight", f"{LAST}.bias"):
        share, residual = state[name].split(BlendHead.channels // 2)
        gains = torch.zeros_like(share).repeat_interleave(head.bands, dim=0)
        shares = share.repeat_interleave(head.bands + 1, dim=0)
        state[name] = torch.cat((shares, gains, residual))
    return state
