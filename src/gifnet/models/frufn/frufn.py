"""FRUFN: the fundamental fusion rule, unfolded into a network of units in a row.

Wang, Deng, Cao, Vivone, "A General Image Fusion Approach Exploiting Gradient Transfer
Learning and Fusion Rule Unfolding", Sec. 3.2.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, cast

import torch
from torch import Tensor, nn

from ..contract import Fused
from ..layers import pad_to_multiple
from .head import ResidualBlend, zero_last_layer
from .unit import (
    CHANNELS,
    GlobalLocalTransformation,
    MultiScaleMaskGenerator,
    Responses,
    make_decoder,
    make_encoder,
)


class Unfolded(NamedTuple):
    """The features after a unit, and the mask that was used."""

    features: Tensor
    mask: Tensor


class UnfoldingUnit(nn.Module):
    """One step of Eq. 14: F + M * T(F1 - F) with M = G(F1 - F, last M)."""

    def __init__(self, channels: int = CHANNELS):
        super().__init__()
        self.transform = GlobalLocalTransformation(channels)
        self.mask = MultiScaleMaskGenerator(channels)

    def difference(self, features: Tensor, first: Tensor) -> Tensor:
        """Return F1 - F as in the released unit: positive parts only."""
        return torch.relu(first - features)

    def forward(
        self, features: Tensor, first: Tensor, mask: Tensor, known: Responses | None = None
    ) -> Unfolded:
        difference = self.difference(features, first)
        mask = self.mask(difference, mask, known)
        transformed = self.transform(difference)
        return Unfolded(features + mask.to(transformed.dtype) * transformed, mask)


class FRUFN(nn.Module):
    """The network on pairs of luminance planes: units with parameters of their own.

    Parameters
    ----------
    units : int
        Number of unfolded steps (paper: 5).
    head : {"blend", "published"}
        Whether the decoded features are a correction of the sources blended by the mask
        (`ResidualBlend`), or, as published, the image itself.

    Notes
    -----
    Sides must be at least 8 pixels. Sizes other than multiples of 8 are reflected at the bottom
    and right, and cropped afterwards. The paper's I1 and I2 are the first and second plane. The
    mask is M of the last unit.
    """

    size_multiple = 8

    def __init__(self, units: int = 5, head: Literal["blend", "published"] = "blend"):
        super().__init__()
        self.encode_first, self.encode_second = make_encoder(), make_encoder()
        self.units = nn.ModuleList(UnfoldingUnit() for _ in range(units))
        self.decode = zero_last_layer(make_decoder()) if head == "blend" else make_decoder()
        self.blend = ResidualBlend() if head == "blend" else None

    def _encode(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """Return F1 and F2, sides padded."""
        encoded = self.encode_first(pad_to_multiple(first, self.size_multiple))
        return encoded, self.encode_second(pad_to_multiple(second, self.size_multiple))

    def _unfold(
        self,
        encoded: Tensor,
        features: Tensor,
        known: Sequence[Responses] = (),
        units: int | None = None,
    ) -> Unfolded:
        """Apply the units to F1 and F2, or the first ones of them."""
        mask = torch.zeros_like(encoded[:, :1])
        for index, unit in enumerate(self.units[:units]):
            features, mask = unit(features, encoded, mask, known[index] if known else None)
        return Unfolded(features, mask)

    @property
    def surveys(self) -> int:
        """Number of surveys of the whole image before a part can be fused."""
        return len(self.units)

    def forward(self, first: Tensor, second: Tensor) -> Fused:
        """Fuse two (B, 1, H, W) planes in [0, 1]."""
        return self.render(first, second, ())

    def statistics(self, first: Tensor, second: Tensor, known: Sequence[Responses]) -> list[Tensor]:
        """Return the inputs of a unit's GRNs, (B, C, h, w) for every scale.

        `known` are the statistics of the whole image for the units before that one.
        """
        encoded, features = self._encode(first, second)
        features, mask = self._unfold(encoded, features, known, len(known))
        unit = cast(UnfoldingUnit, self.units[len(known)])
        return unit.mask.responses(unit.difference(features, encoded), mask)

    def render(self, first: Tensor, second: Tensor, known: Sequence[Responses]) -> Fused:
        """Fuse two planes, or a part of them with the `known` statistics of the whole."""
        features, mask = self._unfold(*self._encode(first, second), known)
        crop = (..., slice(first.shape[-2]), slice(first.shape[-1]))
        image, mask = self.decode(features)[crop], mask[crop]
        if self.blend is not None:
            image = self.blend(mask, image, first, second)
        return Fused(image, mask)

    def shares(self, first: Tensor, second: Tensor) -> Tensor:
        """Return only the mask, for the warm-up; sides are multiples of 8."""
        return self._unfold(*self._encode(first, second)).mask

    def reconstruct(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """Encode and decode each plane separately, for the warm-up, without padding."""
        return self.decode(self.encode_first(first)), self.decode(self.encode_second(second))
