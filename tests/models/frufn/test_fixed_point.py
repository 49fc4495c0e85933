"""Fixed points: found, reported, and differentiated."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from gifnet.models.frufn.fixed_point import anderson, equilibrium


def contraction(seed: int = 0, size: int = 8, strength: float = 0.3) -> Callable[[Tensor], Tensor]:
    generator = torch.Generator().manual_seed(seed)
    matrix = torch.randn(size, size, generator=generator) * strength / size**0.5
    offset = torch.randn(size, generator=generator)
    return lambda z: torch.tanh(z @ matrix.T) + offset


def test_a_linear_problem_is_solved_exactly() -> None:
    matrix = torch.diag(torch.tensor([0.9, -0.5, 0.2]))
    offset = torch.tensor([1.0, 2.0, 3.0])
    found = anderson(lambda z: z @ matrix + offset, torch.zeros(1, 3), steps=12, tolerance=1e-6)
    torch.testing.assert_close(found.point[0], offset / (1 - matrix.diagonal()), rtol=1e-4, atol=0)
    assert found.convergence.converged
    # Plain iteration would take over a hundred steps to shrink 0.9^n that far.
    assert found.convergence.steps <= 8


@pytest.mark.parametrize("batch", [1, 3])
def test_the_residual_falls_below_the_tolerance(batch: int) -> None:
    function = contraction()
    start = torch.zeros(batch, 8)
    point, convergence = anderson(function, start, steps=30, tolerance=1e-5)
    assert convergence.converged
    residual = (function(point) - point).norm(dim=1) / point.norm(dim=1)
    assert float(residual.max()) < 1e-5


def test_samples_of_a_batch_do_not_mix() -> None:
    function = contraction()
    starts = torch.randn(2, 8, generator=torch.Generator().manual_seed(1))
    together = anderson(function, starts, steps=4, tolerance=0.0).point
    apart = [anderson(function, start[None], steps=4, tolerance=0.0).point for start in starts]
    torch.testing.assert_close(together, torch.cat(apart), rtol=1e-4, atol=1e-5)


def test_a_search_that_is_cut_short_says_so() -> None:
    found = anderson(contraction(), torch.zeros(1, 8), steps=1, tolerance=1e-6)
    assert not found.convergence.converged
    assert found.convergence.steps == 1
    assert found.convergence.residual > 1e-6


def test_the_best_point_is_kept_where_the_search_diverges() -> None:
    convergence = anderson(lambda z: z.square() + 10, torch.ones(1, 1), steps=6, tolerance=1e-3)[1]
    assert not convergence.converged
    assert convergence.residual == pytest.approx(10 / 11)


def test_gradients_are_those_of_one_more_application() -> None:
    weight = torch.tensor(0.3, requires_grad=True)
    offset = torch.tensor([[1.0, 2.0]])
    point = equilibrium(
        lambda z: torch.tanh(weight * z) + offset, torch.zeros(1, 2), steps=40, tolerance=1e-7
    ).point
    point.sum().backward()
    fixed = point.detach()
    expected = (fixed * (1 - torch.tanh(0.3 * fixed) ** 2)).sum()
    assert weight.grad is not None
    torch.testing.assert_close(weight.grad, expected, rtol=1e-4, atol=1e-5)


def test_gradients_agree_with_unrolled_ones_up_to_the_jacobian() -> None:
    """JFB leaves out (1 - J)^-1; with J the same everywhere it is a factor that can be put back."""
    jacobian = 0.4
    weight = torch.tensor([2.0, -1.0], requires_grad=True)
    start = torch.zeros(1, 2)
    point = equilibrium(lambda z: jacobian * z + weight, start, steps=30, tolerance=1e-7).point
    (direct,) = torch.autograd.grad(point.square().sum(), weight)
    unrolled = start
    for _ in range(60):
        unrolled = jacobian * unrolled + weight
    (exact,) = torch.autograd.grad(unrolled.square().sum(), weight)
    torch.testing.assert_close(direct / (1 - jacobian), exact, rtol=1e-4, atol=1e-5)


def test_without_gradients_nothing_is_applied_once_more() -> None:
    calls = []

    def function(z: Tensor) -> Tensor:
        calls.append(z)
        return 0.5 * z + 1

    with torch.no_grad():
        equilibrium(function, torch.zeros(1, 2), steps=3, tolerance=0.0)
    assert len(calls) == 3
