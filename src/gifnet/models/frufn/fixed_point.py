"""Fixed points by Anderson acceleration, and layers whose output is one.

Anderson, "Iterative procedures for nonlinear integral equations", J. ACM 12 (4), 1965; the
Jacobian-free backward pass is that of Fung et al., "JFB", AAAI 2022.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


class Convergence(NamedTuple):
    """The end of the search for a fixed point of f.

    `residual` is |f(z) - z| / |f(z)| (Euclidean, the worst sample of the batch), `steps` the
    number of evaluations of f, `converged` whether the residual fell to the tolerance.
    """

    steps: int
    residual: float
    converged: bool


class Equilibrium(NamedTuple):
    """A fixed point and the convergence of its search."""

    point: Tensor
    convergence: Convergence


def _mix(points: list[Tensor], values: list[Tensor], regularisation: float) -> Tensor:
    """Return the next point: the values, weighted so that their residuals cancel best.

    The weights add up to 1 and minimise |sum w_i (f(z_i) - z_i)|^2 + regularisation |w|^2.
    """
    stacked = torch.stack(values, dim=1)
    residuals = stacked - torch.stack(points, dim=1)
    products = residuals @ residuals.transpose(1, 2)
    # Relative to the size of the residuals, so that the scale of the features does not matter.
    size = products.diagonal(dim1=1, dim2=2).mean(dim=1)[:, None, None].clamp_min(1e-30)
    eye = torch.eye(products.shape[-1], device=products.device, dtype=products.dtype)
    weights = torch.linalg.solve(products / size + regularisation * eye, torch.ones_like(eye[0]))
    weights = weights / weights.sum(dim=1, keepdim=True)
    mixed: Tensor = (weights[:, None] @ stacked)[:, 0]
    return mixed


@torch.no_grad()
def anderson(
    function: Callable[[Tensor], Tensor],
    start: Tensor,
    *,
    steps: int,
    tolerance: float,
    memory: int = 5,
    regularisation: float = 1e-6,
) -> Equilibrium:
    """Find z with f(z) = z, for each sample of the batch separately.

    Parameters
    ----------
    function : callable
        f, from and to tensors of `start`'s shape.
    start : (B, ...) tensor
    steps : int
        Maximum number of evaluations of f, at least 1.
    tolerance : float
        The relative residual at which to stop.
    memory : int
        Number of earlier points that are mixed.
    regularisation : float
        Keeps the mixing weights small if residuals are nearly parallel.

    Returns
    -------
    Equilibrium
        f(z) of the z with the smallest residual.
    """
    shape = start.shape
    point = start.flatten(1)
    points: list[Tensor] = []
    values: list[Tensor] = []
    best, least = start, float("inf")
    for step in range(1, steps + 1):
        value = function(point.view(shape)).flatten(1)
        # Sums over a megapixel need float32.
        change, norm = (value - point).float().norm(dim=1), value.float().norm(dim=1)
        residual = float((change / norm.clamp_min(1e-12)).max())
        if residual <= least:
            best, least = value.view(shape), residual
        if least <= tolerance or step == steps:
            break
        points, values = [*points, point][-memory:], [*values, value][-memory:]
        point = value if len(points) < 2 else _mix(points, values, regularisation)
    return Equilibrium(best, Convergence(step, least, least <= tolerance))


def equilibrium(
    function: Callable[[Tensor], Tensor], start: Tensor, *, steps: int, tolerance: float
) -> Equilibrium:
    """Return a differentiable fixed point of `function`.

    The search is not recorded for gradients. They are those of one more application of f at the
    fixed point, with the identity for the inverse Jacobian of Eq. 19 (Wang et al., Eq. 20). So
    memory does not grow with the number of steps.
    """
    found = anderson(function, start, steps=steps, tolerance=tolerance)
    if not torch.is_grad_enabled():
        return found
    return Equilibrium(function(found.point), found.convergence)
