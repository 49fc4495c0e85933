"""FRUFN, EFRUFN and ColorNet, and the authors' EFRUFN checkpoint."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import gifnet
from gifnet import fuse
from gifnet.errors import WeightsError
from gifnet.models.frufn import checkpoint as keymap_efrufn
from gifnet.models.frufn.color_net import ColorNet
from gifnet.models.frufn.convnext_v2 import GlobalResponseNorm
from gifnet.models.frufn.efrufn import EFRUFN, ConvergenceWarning
from gifnet.models.frufn.either_order import EitherOrder
from gifnet.models.frufn.frufn import FRUFN
from gifnet.models.frufn.swin_v2 import CosineAttention, SwinV2Block, log_offsets, shift_mask
from gifnet.models.frufn.unit import MultiScaleMaskGenerator
from gifnet.models.registry import SPECS, model_spec
from gifnet.models.weights import build_model, load_weights, save_weights


def planes(height: int, width: int, batch: int = 1, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    smooth = F.avg_pool2d(torch.rand(2, batch, height + 2, width + 2, generator=generator), 3, 1)
    return smooth[0, :, None], smooth[1, :, None]


def seeded(kind: type[torch.nn.Module]) -> torch.nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return kind().eval()


@pytest.fixture(scope="module")
def efrufn() -> EFRUFN:
    return seeded(EFRUFN)  # type: ignore[return-value]


@pytest.fixture(scope="module")
def frufn() -> FRUFN:
    return seeded(FRUFN)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("name", "millions"),
    [("frufn-published", 0.864), ("efrufn-published", 0.236), ("color-net", 0.132)],
)
def test_parameter_counts_are_the_papers(name: str, millions: float) -> None:
    count = sum(p.numel() for p in SPECS[name].build().parameters())
    assert count / 1e6 == pytest.approx(millions, rel=0.01)


@pytest.mark.parametrize("kind", [FRUFN, EFRUFN])
def test_the_blend_head_corrects_the_blend_by_the_mask(kind: type[torch.nn.Module]) -> None:
    module, published = seeded(kind), kind(head="published").eval()
    published.load_state_dict(module.state_dict(), strict=False)
    first, second = planes(16, 24)
    with torch.no_grad():
        blend = module(first, second)
        torch.testing.assert_close(blend.image, second + blend.share * (first - second))
        torch.testing.assert_close(module.shares(first, second), blend.share)
        module.decode[-1].weight.normal_()
        published.decode[-1].weight.copy_(module.decode[-1].weight)
        module.blend.gain.fill_(0.5)
        decoded = published(first, second)
        torch.testing.assert_close(blend.share, decoded.share)
        corrected = module(first, second).image
    torch.testing.assert_close(corrected, blend.image + 0.5 * decoded.image)


@pytest.mark.parametrize("size", [(8, 8), (17, 30), (24, 9)])
@pytest.mark.parametrize("name", ["efrufn", "frufn"])
def test_any_size_goes_in_and_comes_out(
    name: str, size: tuple[int, int], request: pytest.FixtureRequest
) -> None:
    module = request.getfixturevalue(name)
    with torch.no_grad():
        fused = module(*planes(*size))
    assert fused.image.shape == fused.share.shape == (1, 1, *size)
    assert float(fused.share.min()) >= 0
    assert float(fused.share.max()) <= 1


def test_padding_is_reflection_that_is_cut_back(efrufn: EFRUFN) -> None:
    first, second = planes(13, 22)
    padded = [F.pad(plane, (0, 2, 0, 3), mode="reflect") for plane in (first, second)]
    with torch.no_grad():
        torch.testing.assert_close(
            efrufn(first, second).image, efrufn(*padded).image[..., :13, :22]
        )


def test_the_mask_is_a_fixed_point(efrufn: EFRUFN) -> None:
    first, second = planes(16, 24)
    with torch.no_grad():
        fused = efrufn(first, second)
        difference = torch.relu(efrufn.encode_first(first) - efrufn.encode_second(second))
        again = efrufn.unit.mask(difference, fused.share)
    assert fused.convergence.converged
    assert float((again - fused.share).norm() / again.norm()) < efrufn.tolerance


def test_a_mask_that_does_not_settle_is_reported(efrufn: EFRUFN) -> None:
    hasty = EFRUFN(steps=1, tolerance=1e-9)
    hasty.load_state_dict(efrufn.state_dict())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        hasty.train()(*planes(8, 8))
    with pytest.warns(ConvergenceWarning, match="did not settle: after 1 steps"):
        fused = hasty.eval()(*planes(8, 8))
    assert not fused.convergence.converged


def test_a_mask_in_bfloat16_settles_as_far_as_that_can(efrufn: EFRUFN) -> None:
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        fused = efrufn(*planes(16, 24))
    assert fused.image.dtype == torch.float32
    assert fused.convergence.converged
    assert fused.convergence.residual < 4e-3


@pytest.mark.parametrize("task", ["mfif", "meif", "ivif", "medical"])
def test_the_bundled_weights_settle_on_real_pairs(task: str, shared_dir: Path) -> None:
    from skimage.io import imread

    folder = {"medical": "medical_pet"}.get(task, task)
    roles = {
        "mfif": ("near", "far"),
        "meif": ("over", "under"),
        "ivif": ("infrared", "visible"),
        "medical": ("pet", "mri"),
    }[task]
    pair = []
    for role in roles:
        path = sorted((shared_dir / "data/dev" / folder / role).iterdir())[0]
        grey = torch.from_numpy(imread(path, as_gray=True)).float()
        pair.append((grey / (255 if float(grey.max()) > 1 else 1))[-96:, -96:][None, None])
    module = build_model(load_weights(None, "efrufn", task))
    with torch.no_grad():
        assert module(*pair).convergence.converged


def saved_bytes(module: torch.nn.Module) -> int:
    """Return how many bytes a training step keeps for its backward pass."""
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        module(*planes(16, 16)).image.sum().backward()
    return sum(kept.values())


def test_training_memory_does_not_grow_with_the_iterations() -> None:
    sizes = [saved_bytes(EFRUFN(steps=steps, tolerance=0.0).train()) for steps in (1, 5, 20)]
    assert max(sizes) < 1.02 * min(sizes)
    unfolded = [saved_bytes(FRUFN(units).train()) for units in (1, 2, 4)]
    assert unfolded[2] - unfolded[1] == pytest.approx(2 * (unfolded[1] - unfolded[0]), rel=0.1)


def test_gradients_of_the_equilibrium_against_unrolled_ones() -> None:
    """Where the mask generator hardly looks at the last mask, leaving the Jacobian out is exact."""
    module = EFRUFN(head="published").train()
    first, second = planes(16, 16)
    with torch.no_grad():
        module.load_state_dict(seeded(EFRUFN).state_dict(), strict=False)
        module.unit.mask.embed.weight[:, -1] *= 1e-3

    def gradients(image: Tensor) -> list[Tensor]:
        wanted = [p for n, p in module.named_parameters() if not n.startswith("unread")]
        found = torch.autograd.grad(image.square().mean(), wanted, allow_unused=True)
        return [torch.zeros_like(p) if g is None else g for p, g in zip(wanted, found, strict=True)]

    implicit = gradients(module(first, second).image)
    encoded, features = module.encode_first(first), module.encode_second(second)
    difference = torch.relu(encoded - features)
    mask = torch.zeros(1, 1, 16, 16)
    for _ in range(6):
        mask = module.unit.mask(difference, mask)
    unrolled = gradients(module.decode(features + mask * module.unit.transform(difference)))
    for one, other in zip(implicit, unrolled, strict=True):
        torch.testing.assert_close(one, other, rtol=2e-2, atol=1e-5)


# -- parts ----------------------------------------------------------------------------


def test_global_response_norm_by_hand() -> None:
    norm = GlobalResponseNorm(2)
    x = torch.tensor([[3.0, 0.0], [4.0, 5.0]]).reshape(1, 2, 1, 2)
    torch.testing.assert_close(norm(x), x)
    with torch.no_grad():
        norm.gamma.fill_(1)
    # Both channels have norm 5: each is its own mean.
    torch.testing.assert_close(norm(x), 2 * x, rtol=1e-5, atol=1e-5)


def test_offsets_are_log_spaced() -> None:
    offsets = log_offsets(4)
    assert offsets.shape == (16, 16, 2)
    assert float(offsets.max()) == pytest.approx(np.log2(9) / 3)
    torch.testing.assert_close(offsets, -offsets.transpose(0, 1))


def test_cosine_attention_by_hand() -> None:
    attention = CosineAttention(8, 2, 2).eval()
    x = torch.randn(1, 4, 2, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        window = x[0, 2:].reshape(4, 8)
        query, key, value = (
            (window @ attention.query_key_value.weight.T).reshape(4, 3, 2, 4).unbind(1)
        )
        out = torch.empty(4, 2, 4)
        for head in range(2):
            q = query[:, head] / query[:, head].norm(dim=1, keepdim=True)
            k = key[:, head] / key[:, head].norm(dim=1, keepdim=True)
            logits = 10 * q @ k.T + attention.position_bias()[head]
            out[:, head] = torch.softmax(logits, dim=1) @ value[:, head]
        expected = attention.project(out.reshape(4, 8)).reshape(2, 2, 8)
        torch.testing.assert_close(attention(x)[0, 2:], expected, rtol=1e-4, atol=1e-5)


def test_the_cyclic_shift_lets_no_pixel_see_across_the_border() -> None:
    assert shift_mask(8, 8, 4, 2, torch.device("cpu")).shape == (4, 1, 16, 16)
    block = SwinV2Block(8, 2, 4, 2).eval()
    x = torch.randn(1, 8, 8, 8, generator=torch.Generator().manual_seed(0))
    changed = x.clone()
    changed[0, 0, 0] += 1
    with torch.no_grad():
        moved = (block(changed) - block(x)).abs().amax(dim=-1)[0] > 0
    assert bool(moved[:2, :2].any())
    assert not bool(moved[2:].any() or moved[:, 2:].any())


def test_the_mask_generator_sees_far() -> None:
    generator = MultiScaleMaskGenerator().eval()
    x = torch.zeros(1, 32, 64, 64)
    changed = x.clone()
    changed[..., 0, 0] = 5
    mask = torch.zeros(1, 1, 64, 64)
    with torch.no_grad():
        moved = (generator(changed, mask) - generator(x, mask)).abs()[0, 0]
    assert float(moved[:16, :16].max()) > 0
    assert float(moved[20, 20]) > 0


def test_color_net_keeps_the_size_and_starts_at_the_mean() -> None:
    module = ColorNet()
    first, second = torch.rand(2, 1, 2, 11, 13) - 0.5
    with torch.no_grad():
        module.project.weight.zero_()
        chroma = module(torch.rand(1, 1, 11, 13), first, second)
    torch.testing.assert_close(chroma, (first + second) / 2)


# -- weights --------------------------------------------------------------------------


def test_weights_of_every_kind_come_back(efrufn: EFRUFN, frufn: FRUFN, tmp_path: Path) -> None:
    for name, module in (
        ("efrufn", efrufn),
        ("frufn", frufn),
        ("efrufn-published", EFRUFN(head="published")),
        ("color-net", ColorNet()),
    ):
        path = tmp_path / f"{name}.safetensors"
        save_weights(module, path, {"model": name})
        rebuilt = build_model(load_weights(path, name))
        for key, value in module.state_dict().items():
            assert torch.equal(rebuilt.state_dict()[key], value)


def test_weights_are_chosen_by_task(monkeypatch: pytest.MonkeyPatch, efrufn: EFRUFN) -> None:
    spec = model_spec("efrufn")
    assert spec.bundled_name("medical") == spec.bundled_name("meif") == "efrufn-meif.safetensors"
    assert spec.bundled_name("nir") == spec.bundled_name("ivif") == "efrufn-ivif.safetensors"
    assert spec.bundled_name() == spec.bundled_name("pansharpen") == ""
    monkeypatch.setattr(type(spec), "tasks", lambda self: ("mfif",))
    with pytest.raises(WeightsError, match="none for task 'pansharpen'"):
        load_weights(None, "efrufn", "pansharpen")


def test_fuse_runs_it_whole(efrufn: EFRUFN, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_weights(efrufn, path, {})
    first, second = (plane[0, 0].numpy() for plane in planes(40, 50))
    fused, mask = gifnet.fuse(
        first, second, model="efrufn", weights=path, value_range=(0, 1), device="cpu",
        precision="float32", return_mask=True,
    )  # fmt: skip
    with torch.no_grad():
        expected = efrufn(torch.from_numpy(first)[None, None], torch.from_numpy(second)[None, None])
    np.testing.assert_allclose(fused, expected.image[0, 0].clamp(0, 1), atol=1e-5)
    np.testing.assert_allclose(mask, expected.share[0, 0], atol=1e-5)


# -- the authors' checkpoint ----------------------------------------------------------


@pytest.fixture(scope="module")
def published(shared_dir: Path) -> Path:
    return shared_dir / "reference" / "efrufn" / "official_ivif.pth"


def test_the_checkpoint_is_recognised_and_used_whole(published: Path) -> None:
    raw = torch.load(published, map_location="cpu", weights_only=True)
    weights = load_weights(published, "efrufn-published")
    derived = [key for key in raw if keymap_efrufn._DERIVED.fullmatch(key)]
    assert len(weights.state) == len(raw) - len(derived)
    assert set(weights.state) == set(EFRUFN(head="published").state_dict())
    # What is left out follows from the architecture.
    block = EFRUFN().unit.mask.attention.blocks[1]
    index = raw["update_block.gs.glo.blocks.1.attn.relative_position_index"].flatten()
    table = raw["update_block.gs.glo.blocks.1.attn.relative_coords_table"].reshape(-1, 2)
    torch.testing.assert_close(table[index].reshape(16, 16, 2), block.attention.offsets)
    mask = raw["update_block.gs.glo.blocks.1.attn_mask"]
    assert torch.equal(shift_mask(128, 128, 4, 2, torch.device("cpu"))[:, 0], mask)


def test_the_tensor_that_nothing_reads_was_never_trained(published: Path) -> None:
    weight = load_weights(published, "efrufn-published").state["unread.weight"]
    bound = (64 * 9) ** -0.5
    assert float(weight.abs().max()) <= bound
    assert float(weight.std()) == pytest.approx(bound / 3**0.5, rel=0.01)


def test_the_checkpoint_fuses_and_its_mask_settles(published: Path, shared_dir: Path) -> None:
    from skimage.io import imread

    module = build_model(load_weights(published, "efrufn-published"))
    infrared, visible = (
        torch.from_numpy(imread(shared_dir / "data/dev/ivif" / role / "fight.jpg", as_gray=True))
        for role in ("infrared", "visible")
    )
    first, second = (
        (plane.float() / (255 if float(plane.max()) > 1 else 1))[:96, :96][None, None]
        for plane in (infrared, visible)
    )
    fused = module(first, second)
    assert fused.convergence.converged
    assert fused.convergence.steps <= 6
    # It was trained to follow the brighter source and the stronger gradient.
    assert float(F.l1_loss(fused.image, torch.maximum(first, second))) < 0.06


def test_either_order_does_not_know_which_plane_is_first() -> None:
    torch.manual_seed(4)
    for network in (FRUFN(units=2).eval(), EFRUFN().eval()):
        both = EitherOrder(network).eval()
        first, second = torch.rand(2, 1, 1, 21, 32)
        with torch.no_grad():
            one, other = both(first, second), both(second, first)
            alone = network(first, second)
        torch.testing.assert_close(one.image, other.image)
        torch.testing.assert_close(one.share, 1 - other.share)
        assert (one.share - alone.share).abs().max() > 1e-4
        # Without a correction the image is the blend by the mask.
        torch.testing.assert_close(one.image, second + one.share * (first - second))


def test_a_card_asks_for_either_order(tmp_path: Path) -> None:
    torch.manual_seed(5)
    path = tmp_path / "weights.safetensors"
    save_weights(EFRUFN(), path, {"model": "efrufn", "either_order": True})
    first, second = np.random.default_rng(0).random((2, 64, 48), dtype=np.float32)
    how = {"model": "efrufn", "weights": path, "device": "cpu", "value_range": (0, 1)}
    fused, share = fuse(first, second, return_mask=True, **how)
    swapped, other = fuse(second, first, return_mask=True, **how)
    np.testing.assert_allclose(fused, swapped, atol=1e-6)
    np.testing.assert_allclose(share, 1 - other, atol=1e-6)
    tiled = fuse(first, second, tile=32, **how)
    np.testing.assert_allclose(tiled, fused, atol=1e-3)
