"""The losses of sequential gradient transfer, by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from gifnet.training.frufn.losses import (
    blend_loss,
    colour_loss,
    gradient_magnitude,
    gradient_transfer_loss,
    intensity_loss,
    reconstruction_loss,
    similarity_loss,
    structure_loss,
    texture_loss,
)
from gifnet.training.gifnet.losses import ssim


def ramp(slope: float, side: int = 16) -> Tensor:
    """Return a plane that rises by `slope` a column."""
    return (torch.arange(side) * slope).expand(side, side)[None, None].clone()


def test_the_gradient_of_a_ramp_is_its_slope() -> None:
    inside = gradient_magnitude(ramp(0.02))[..., 1:-1, 1:-1]
    torch.testing.assert_close(inside, torch.full_like(inside, 0.02))
    diagonal = ramp(0.02) + ramp(0.01).transpose(-1, -2)
    inside = gradient_magnitude(diagonal)[..., 1:-1, 1:-1]
    torch.testing.assert_close(inside, torch.full_like(inside, 0.03))


def test_only_stronger_gradients_of_the_teacher_are_transferred() -> None:
    weak, strong = ramp(0.01), ramp(0.03)
    # The reflected first and last column have no gradient.
    expected = 0.02 * 14 / 16
    assert float(gradient_transfer_loss(weak, strong)) == pytest.approx(expected, rel=1e-4)
    assert float(gradient_transfer_loss(strong, weak)) == 0
    assert float(gradient_transfer_loss(strong, strong + 0.3)) == pytest.approx(0, abs=1e-6)


def test_gradient_transfer_pulls_the_student_alone() -> None:
    student, teacher = ramp(0.01).requires_grad_(), ramp(0.03)
    gradient_transfer_loss(student, teacher).backward()
    assert student.grad is not None
    # A steeper student has a smaller loss.
    assert float((student.grad * ramp(1.0)).sum()) < 0


def test_intensity_follows_the_brighter_source() -> None:
    first, second = (
        torch.tensor([0.2, 0.9]).view(2, 1, 1, 1),
        torch.tensor([0.5, 0.1]).view(2, 1, 1, 1),
    )
    fused = torch.tensor([0.4, 0.9]).view(2, 1, 1, 1)
    assert float(intensity_loss(fused, first, second)) == pytest.approx(0.05)


def test_texture_follows_the_stronger_gradient() -> None:
    first, second = ramp(0.01), 1 - ramp(0.03)
    assert float(texture_loss(second, first, second)) == 0
    assert float(texture_loss(first, first, second)) == pytest.approx(0.02 * 14 / 16, rel=1e-4)


def test_structure_adds_up_both_sources() -> None:
    first = torch.rand(1, 1, 24, 24, generator=torch.Generator().manual_seed(0))
    second = 1 - first
    expected = 1 - float(ssim(first, second))
    assert float(structure_loss(first, first, second)) == pytest.approx(expected, rel=1e-5)
    assert float(similarity_loss(first, first)) == pytest.approx(0, abs=1e-6)


def test_the_unsupervised_loss_weighs_its_parts() -> None:
    first, second, fused = torch.rand(3, 1, 1, 24, 24, generator=torch.Generator().manual_seed(0))
    expected = (
        intensity_loss(fused, first, second)
        + 3 * texture_loss(fused, first, second)
        + 0.5 * structure_loss(fused, first, second)
    )
    found = reconstruction_loss(fused, first, second, texture=3, structure=0.5)
    torch.testing.assert_close(found, expected)


def test_the_sum_of_both_sources_lacks_no_difference() -> None:
    first, second = 0.5 * torch.rand(2, 1, 1, 32, 32)
    weights = {"texture": 0.0, "structure": 0.0}
    plain = reconstruction_loss(first + second, first, second, **weights)
    of_sum = reconstruction_loss(first + second, first, second, **weights, differences=2.0)
    assert float(of_sum - plain) == pytest.approx(0, abs=0.05)
    plain = reconstruction_loss(first, first, second, **weights)
    of_first = reconstruction_loss(first, first, second, **weights, differences=2.0)
    # Nothing of the second source is in the first, whose difference to itself is flat.
    assert float(of_first - plain) > 1.5


def test_colour_and_blend() -> None:
    zeros = torch.zeros(1, 2, 4, 4)
    assert float(colour_loss(zeros + 0.25, zeros)) == pytest.approx(0.25)
    first, second = torch.ones(1, 1, 4, 4), torch.zeros(1, 1, 4, 4)
    mask = torch.full((1, 1, 4, 4), 0.75)
    assert float(blend_loss(mask, first, second, first)) == pytest.approx(0.25)
    assert float(blend_loss(first, first, second, first)) == 0
