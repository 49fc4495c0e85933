"""Shares with random weights that decide distinctly, unlike an untrained network."""

from __future__ import annotations

from pathlib import Path

import torch

from gifnet.models.shares.network import SharesNet
from gifnet.models.weights import save_weights


def deciding_network(seed: int, spread: float) -> SharesNet:
    """Return a network whose heads have weights of this standard deviation."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = SharesNet()
        for head in (*module.heads, module.base):
            torch.nn.init.normal_(head.out.weight, std=spread)
    return module.eval()


def save_network(network: SharesNet, folder: Path) -> Path:
    """Write a weights file of model shares, and return its path."""
    path = folder / "shares.safetensors"
    save_weights(network, path, {"model": "shares", "recipe": "none: random numbers"})
    return path
