"""EFRUFN: one shared unit, run to its fixed point.

Wang, Deng, Cao, Vivone, "A General Image Fusion Approach Exploiting Gradient Transfer
Learning and Fusion Rule Unfolding", Sec. 3.2.2.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from ..layers import pad_to_multiple
from .fixed_point import Convergence, equilibrium
from .frufn import UnfoldingUnit
from .head import ResidualBlend, zero_last_layer
from .unit import CHANNELS, Responses, conv, make_decoder, make_encoder

#: Tiles converge to this fraction of the tolerance, so that neighbours agree at their border.
TILE_SHARE = 0.1


class ConvergenceWarning(UserWarning):
    """A fixed point was not reached to tolerance; the result may depend on the start."""


class Settled(NamedTuple):
    """A fused plane, the share that was used, and the convergence of the mask.

    `image` and `share` are (B, 1, H, W).
    """

    image: Tensor
    share: Tensor
    convergence: Convergence


class EFRUFN(nn.Module):
    """The network on pairs of luminance planes: one unit, whose mask is a fixed point.

    With d = ReLU(F1 - F2), the mask solves M = G(d, M), and the features are
    F2 + M * T(d). The authors' checkpoint presumably works in this way: of the interpretations of
    Eq. 16 to 18 that its tensors allow, this one has the lowest loss on training pairs
    (`docs/models/frufn.md`). T is then needed once, and the state of the equilibrium is the mask.

    Parameters
    ----------
    steps : int
        Maximum number of evaluations of the mask generator.
    tolerance : float
        Relative residual at which the mask has converged; in bfloat16 at least 4e-3.
    head : {"blend", "published"}
        Whether the decoded features are a correction of the sources blended by the mask
        (`ResidualBlend`), or, as published, the image itself.

    Notes
    -----
    Sides must be at least 8 pixels. Sizes other than multiples of 8 are reflected at the bottom
    and right, and cropped afterwards. The paper's I1 and I2 are the first and second plane. If the
    mask does not converge in evaluation mode, a `ConvergenceWarning` is issued.
    """

    size_multiple = 8
    #: Number of surveys of the whole image before a part can be fused.
    surveys = 1

    def __init__(
        self,
        steps: int = 30,
        tolerance: float = 1e-3,
        head: Literal["blend", "published"] = "blend",
    ):
        super().__init__()
        self.steps, self.tolerance = steps, tolerance
        self.encode_first, self.encode_second = make_encoder(), make_encoder()
        self.unit = UnfoldingUnit()
        self.decode = zero_last_layer(make_decoder()) if head == "blend" else make_decoder()
        self.blend = ResidualBlend() if head == "blend" else None
        #: In the published parameter count and checkpoint, but never trained or read: its
        #: weights fill the interval of PyTorch's default initialisation evenly.
        self.unread = conv(2 * CHANNELS, CHANNELS) if head == "published" else None

    def _settle(
        self,
        first: Tensor,
        second: Tensor,
        known: Sequence[Responses] = (),
        share: float = 1.0,
    ) -> tuple[Tensor, Tensor, Tensor, Convergence]:
        """Return F2, d, the mask and its convergence, sides padded.

        The search continues to this fraction of the tolerance. Reaching the tolerance is enough.
        """
        encoded = self.encode_first(pad_to_multiple(first, self.size_multiple))
        features = self.encode_second(pad_to_multiple(second, self.size_multiple))
        difference = torch.relu(encoded - features)
        # The number format limits convergence; for bfloat16 to 4e-3.
        finest = torch.finfo(difference.dtype).eps / 2
        mask, convergence = equilibrium(
            lambda mask: self.unit.mask(difference, mask, known[-1] if known else None),
            torch.zeros_like(difference[:, :1], dtype=torch.float32),
            steps=self.steps,
            tolerance=max(self.tolerance * share, finest),
        )
        enough = convergence.residual <= max(self.tolerance, finest)
        return features, difference, mask, convergence._replace(converged=enough)

    def forward(self, first: Tensor, second: Tensor) -> Settled:
        """Fuse two (B, 1, H, W) planes in [0, 1]."""
        settled = self._fuse(first, second)
        convergence = settled.convergence
        if not (self.training or convergence.converged):
            warnings.warn(
                f"EFRUFN's mask did not settle: after {convergence.steps} steps it still changes "
                f"by {convergence.residual:.1e} of its norm, which is too much.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return settled

    def statistics(
        self, first: Tensor, second: Tensor, known: Sequence[Responses] = ()
    ) -> list[Tensor]:
        """Return the inputs of the GRNs at the fixed point, (B, C, h, w) for every scale.

        `known` are the statistics of earlier surveys of the whole image, if any.
        """
        _, difference, mask, _ = self._settle(first, second, known)
        return self.unit.mask.responses(difference, mask)

    def render(self, first: Tensor, second: Tensor, known: Sequence[Responses]) -> Settled:
        """Fuse a part of two planes with the statistics of the whole, without warnings."""
        return self._fuse(first, second, known, TILE_SHARE)

    def _fuse(
        self,
        first: Tensor,
        second: Tensor,
        known: Sequence[Responses] = (),
        share: float = 1.0,
    ) -> Settled:
        features, difference, mask, convergence = self._settle(first, second, known, share)
        transformed = self.unit.transform(difference)
        crop = (..., slice(first.shape[-2]), slice(first.shape[-1]))
        image = self.decode(features + mask.to(transformed.dtype) * transformed)[crop]
        mask = mask[crop]
        if self.blend is not None:
            image = self.blend(mask, image, first, second)
        return Settled(image, mask, convergence)

    def shares(self, first: Tensor, second: Tensor) -> Tensor:
        """Return only the mask, for the warm-up; sides are multiples of 8."""
        return self._settle(first, second)[2]

    def reconstruct(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """Encode and decode each plane separately, for the warm-up, without padding."""
        return self.decode(self.encode_first(first)), self.decode(self.encode_second(second))
