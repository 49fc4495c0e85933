"""Silent channels come back without changing what the network computes."""

import torch

from gifnet.models.gifnet.blocks import ConvStack
from gifnet.training.gifnet.config import recipe
from gifnet.training.gifnet.dormant_channels import revive_dead_channels
from gifnet.training.gifnet.losses import photography_loss


def silenced_stack() -> ConvStack:
    torch.manual_seed(0)
    stack = ConvStack(2, 8, 6, 1)
    with torch.no_grad():
        stack[0].bias[:3] = -100
        stack[2].bias[1] = -100
    return stack


def test_silent_channels_are_revived_and_nothing_changes():
    stack, x = silenced_stack(), torch.rand(2, 2, 16, 16)
    before = stack(x)
    assert revive_dead_channels(stack, lambda: stack(x)) >= 4
    torch.testing.assert_close(stack(x), before)
    assert (stack[0].bias[:3] == 0).all()
    assert (torch.relu(stack[0](x)).amax(dim=(0, 2, 3)) > 0).all()


def test_revived_channels_learn():
    stack, x = silenced_stack(), torch.rand(2, 2, 16, 16)
    revive_dead_channels(stack, lambda: stack(x))
    stack(x).square().mean().backward()
    assert (stack[2].weight.grad[:, :3] != 0).any()


def test_living_channels_are_left_alone():
    stack, x = silenced_stack(), torch.rand(2, 2, 16, 16)
    revive_dead_channels(stack, lambda: stack(x))
    state = {name: value.clone() for name, value in stack.state_dict().items()}
    assert revive_dead_channels(stack, lambda: stack(x)) == 0
    for name, value in stack.state_dict().items():
        torch.testing.assert_close(value, state[name], rtol=0, atol=0)


def test_the_blend_is_held_to_the_ground_truth():
    config = recipe("bundled-continued")
    fused, blend, target = torch.rand(3, 2, 1, 32, 32).unbind()
    alone = photography_loss(fused, target, config)
    expected = alone + config.fidelity_blend * (blend - target).abs().mean()
    torch.testing.assert_close(photography_loss(fused, target, config, blend), expected)
