"""The information content of the sources of a multi-modal pair (paper, Eq. 8 and 9)."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ...errors import TrainingError

#: Takes (B, 1, H, W) planes in [0, 1], returns (B,) logits for the softmax of Eq. 9.
InformationMeasure = Callable[[Tensor], Tensor]


def laplacian_energy(maps: Tensor) -> Tensor:
    """Return the mean square of the Laplacian of (B, C, H, W) maps, shape (B,).

    The kernel is 3 x 3 with -1 in the centre and 1/8 around it; borders are reflected.
    """
    channels = maps.shape[1]
    kernel = torch.full((channels, 1, 3, 3), 1 / 8, dtype=maps.dtype, device=maps.device)
    kernel[:, :, 1, 1] = -1
    response = F.conv2d(F.pad(maps, (1, 1, 1, 1), mode="reflect"), kernel, groups=channels)
    return response.square().mean(dim=(1, 2, 3))


class GradientInformation:
    """The measure without further packages: Laplacian energy over a pyramid of five scales.

    It is the logarithm, so that the softmax of Eq. 9 is each source's share of the energy for any
    contrast of the images.
    """

    scales = 5

    def __call__(self, planes: Tensor) -> Tensor:
        planes = planes.float()
        energies = []
        for _ in range(self.scales):
            energies.append(laplacian_energy(planes))
            if min(planes.shape[-2:]) < 8:
                break
            planes = F.avg_pool2d(planes, 2)
        return torch.log(torch.stack(energies).mean(dim=0) + 1e-8)


class DenseNetInformation:
    """The paper's measure: Laplacian energy of DenseNet121's five feature stages.

    It needs torchvision and its ImageNet weights, which torchvision downloads once.
    """

    stages = ("relu0", "denseblock1", "denseblock2", "denseblock3", "denseblock4")

    def __init__(self) -> None:
        try:
            from torchvision.models import (  # type: ignore[import-not-found, unused-ignore]
                DenseNet121_Weights,
                densenet121,
            )
        except ImportError as error:
            raise TrainingError(
                "information='densenet121' needs torchvision; install it, or use 'gradient'."
            ) from error
        self.features = densenet121(weights=DenseNet121_Weights.IMAGENET1K_V1).features.eval()
        self.features.requires_grad_(False)

    def __call__(self, planes: Tensor) -> Tensor:
        self.features.to(planes.device)
        x = planes.float().expand(-1, 3, -1, -1)
        energies = []
        for name, layer in self.features.named_children():
            x = layer(x)
            if name in self.stages:
                energies.append(laplacian_energy(x))
        return torch.stack(energies).mean(dim=0)


def make_information_measure(name: str | InformationMeasure) -> InformationMeasure:
    """Return the measure for a configuration's `information`."""
    if not isinstance(name, str):
        return name
    measures: dict[str, type[GradientInformation] | type[DenseNetInformation]] = {
        "gradient": GradientInformation,
        "densenet121": DenseNetInformation,
    }
    if name not in measures:
        raise TrainingError(
            f"There is no information measure {name!r}; choose one of {sorted(measures)}."
        )
    return measures[name]()


@torch.no_grad()
def information_weights(
    measure: InformationMeasure, first: Tensor, second: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the weights of both sources, (B, 1, 1, 1) each, adding up to 1 (Eq. 9)."""
    logits = torch.stack((measure(first), measure(second)))
    weights = torch.softmax(logits, dim=0)[..., None, None, None]
    return weights[0], weights[1]
