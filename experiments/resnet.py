"""ResNet-56 for small images (He et al., "Deep Residual Learning", CVPR 2016, Sec. 4.2)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class _Block(nn.Module):
    """Two 3 x 3 convolutions and a shortcut that subsamples and adds empty channels (option A)."""

    def __init__(self, channels_in: int, channels: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.stride, self.added = stride, channels - channels_in

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        shortcut = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.added))
        return F.relu(y + shortcut)


class CifarResNet(nn.Module):
    """A residual network of 6 n + 2 layers on (B, 3, 32, 32) images; n is 9 for ResNet-56."""

    def __init__(self, blocks: int = 9, classes: int = 100):
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
        ]  # fmt: skip
        before = 16
        for channels, stride in ((16, 1), (32, 2), (64, 2)):
            for index in range(blocks):
                layers.append(_Block(before, channels, stride if index == 0 else 1))
                before = channels
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(before, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Return the classes' logits, (B, classes)."""
        result: Tensor = self.classifier(self.features(x).mean(dim=(2, 3)))
        return result
