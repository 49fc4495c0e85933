"""A network on pairs whose order means nothing, such as the slices of a focus stack."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from ..contract import Fused
from .efrufn import EFRUFN, Settled
from .frufn import FRUFN
from .unit import Responses


class EitherOrder(nn.Module):
    """The mean of a network's results in both orders of a pair.

    The result does not depend on the order, and is more accurate where the network is uncertain.
    It takes twice the time. Weights ask for it in their model card (``"either_order": true``).

    Parameters
    ----------
    network : FRUFN or EFRUFN
    """

    def __init__(self, network: FRUFN | EFRUFN):
        super().__init__()
        self.network = network
        self.size_multiple = network.size_multiple

    @property
    def surveys(self) -> int:
        """Number of surveys of the whole image: those of one order, then of the other."""
        return 2 * self.network.surveys

    def statistics(self, first: Tensor, second: Tensor, known: Sequence[Responses]) -> list[Tensor]:
        """Return the inputs of the GRNs in the next survey, (B, C, h, w) for every scale."""
        count = self.network.surveys
        if len(known) < count:
            return self.network.statistics(first, second, known)
        return self.network.statistics(second, first, known[count:])

    def render(self, first: Tensor, second: Tensor, known: Sequence[Responses]) -> Fused | Settled:
        """Fuse a part of two planes with the statistics of the whole."""
        count = self.network.surveys
        return _mean(
            self.network.render(first, second, known[:count]),
            self.network.render(second, first, known[count:]),
        )

    def forward(self, first: Tensor, second: Tensor) -> Fused | Settled:
        """Fuse two (B, 1, H, W) planes in [0, 1]."""
        return _mean(self.network(first, second), self.network(second, first))


def _mean(one: Fused | Settled, other: Fused | Settled) -> Fused | Settled:
    assert one.share is not None
    assert other.share is not None
    image, mask = (one.image + other.image) / 2, (one.share + 1 - other.share) / 2
    if isinstance(one, Settled) and isinstance(other, Settled):
        worse = max(one.convergence, other.convergence, key=lambda found: found.residual)
        return Settled(image, mask, worse)
    return Fused(image, mask)
