"""The network's parts against slow, explicit counterparts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import convolve1d
from torch import Tensor

from gifnet.engine.passes import Passes, measured_stages
from gifnet.engine.threads import Workers
from gifnet.errors import InvalidInputError
from gifnet.geometry.region import Region
from gifnet.models.contract import Moments
from gifnet.models.gifnet.blocks import ConvStack, DenseEncoder
from gifnet.models.gifnet.heads import BandHead, BlendHead, TanhHead
from gifnet.models.gifnet.network import HEADS, Branch, GIFNet, other_branch
from gifnet.models.layers import pad_to_multiple
from gifnet.models.registry import MODELS, model_spec

BRANCHES: tuple[Branch, ...] = ("mm", "dp")


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def networks() -> dict[str, GIFNet]:
    torch.manual_seed(1)
    built = {head: GIFNet(head).eval().requires_grad_(False) for head in HEADS}
    for network in built.values():
        with torch.no_grad():
            network.gate["mm"].fill_(0.4)
            network.gate["dp"].fill_(0.7)
    return built


# -- the whole network ----------------------------------------------------------------


@pytest.mark.parametrize("main", BRANCHES)
@pytest.mark.parametrize(
    ("head", "size"),
    [
        *((head, (8, 8)) for head in ("blend", "tanh")),
        *((head, size) for head in ("blend", "tanh") for size in ((9, 8), (11, 13))),
        *((head, size) for head in HEADS for size in ((16, 16), (16, 23), (30, 17))),
    ],
)
def test_any_size_from_the_smallest_gives_a_plane_of_that_size(
    size: tuple[int, int], head: str, main: Branch, networks: dict[str, GIFNet]
) -> None:
    network = networks[head]
    fused = network(noise(2, 1, *size), noise(2, 1, *size, seed=1), main=main)
    assert fused.image.shape == (2, 1, *size)
    assert fused.image.isfinite().all()
    if head == "tanh":
        assert fused.share is None
        assert fused.image.min() >= 0
        assert fused.image.max() <= 1
    else:
        assert fused.share.shape == (2, 1, *size)
        assert fused.share.min() >= 0
        assert fused.share.max() <= 1
    assert network.reconstruct(noise(2, 1, *size), noise(2, 1, *size)).shape == (2, 1, *size)


def test_images_of_a_batch_do_not_mix(networks: dict[str, GIFNet]) -> None:
    first, second = noise(3, 1, 16, 16), noise(3, 1, 16, 16, seed=1)
    together = networks["blend"](first, second).image
    alone = networks["blend"](first[1:2], second[1:2]).image
    torch.testing.assert_close(together[1:2], alone, atol=1e-5, rtol=0)


def test_the_main_branch_matters(networks: dict[str, GIFNet]) -> None:
    first, second = noise(1, 1, 16, 16), noise(1, 1, 16, 16, seed=1)
    by_branch = [networks["blend"](first, second, main=branch).image for branch in BRANCHES]
    assert (by_branch[0] - by_branch[1]).abs().max() > 1e-4
    assert (other_branch("mm"), other_branch("dp")) == ("dp", "mm")


@pytest.mark.parametrize("main", BRANCHES)
def test_without_its_gate_the_auxiliary_branch_has_no_say(
    main: Branch, networks: dict[str, GIFNet]
) -> None:
    network = GIFNet("blend").eval().requires_grad_(False)
    network.load_state_dict(networks["blend"].state_dict())
    with torch.no_grad():
        network.gate[main].zero_()
    pair = (noise(1, 1, 16, 16), noise(1, 1, 16, 16, seed=1))
    before = network(*pair, main=main).image
    with torch.no_grad():
        for parameter in network.branch_parameters(other_branch(main)):
            parameter.add_(0.1)
    assert torch.equal(network(*pair, main=main).image, before)


@pytest.mark.parametrize("name", [name for name in MODELS if name.startswith("gifnet")])
def test_a_tile_reads_as_far_as_the_halo_and_no_window_less(name: str) -> None:
    spec = model_spec(name)
    pipeline = spec.pipeline(spec.build(), torch.device("cpu"), torch.float32)
    assert [len(pipeline.stages[i].measured) for i in measured_stages(pipeline)] == [2, 1]
    image, tile, moments = (
        Region.of(128, 128),
        Region(48, 56, 88, 80),
        Moments.of(noise(1, 1, 4, 4)),
    )
    read = [tile]

    def planes(region: Region) -> Tensor:
        read.append(read[-1] | region)
        return noise(1, 2, region.height, region.width)

    known = [[moments] * 2, [moments]]
    passes = Passes(pipeline, image, planes, step=1 << 20, workers=Workers(1), known=known)
    for _ in passes.render(tile):
        pass
    assert read[-1] in tile.expand(spec.halo)
    assert read[-1] not in tile.expand(spec.halo - spec.window)


# -- training -------------------------------------------------------------------------


def gradients(network: GIFNet, main: Branch) -> dict[str, Tensor | None]:
    network.zero_grad(set_to_none=True)
    for parameter in network.branch_parameters(other_branch(main)):
        parameter.requires_grad_(False)
    pairs = [(noise(1, 1, 16, 16, seed=i), noise(1, 1, 16, 16, seed=i + 1)) for i in (0, 2)]
    output = network.training_forward(*pairs, main)
    (output.fused.image.square().mean() + output.reconstruction.square().mean()).backward()
    network.requires_grad_(True)
    return {name: parameter.grad for name, parameter in network.named_parameters()}


@pytest.mark.parametrize("main", BRANCHES)
def test_only_the_main_branch_and_what_both_share_get_gradients(main: Branch) -> None:
    torch.manual_seed(2)
    network = GIFNet("blend")
    grads = gradients(network, main)
    frozen = {n for n in grads if f".{other_branch(main)}." in f".{n}."}
    assert frozen
    assert all(grads[name] is None for name in frozen)
    without = {name for name in set(grads) - frozen if grads[name] is None}
    assert without == set()
    assert grads[f"gate.{main}"].abs() > 0  # type: ignore[union-attr]


def test_every_parameter_belongs_to_one_branch_or_to_both() -> None:
    network = GIFNet("blend")
    ids = [{id(p) for p in network.branch_parameters(branch)} for branch in BRANCHES]
    assert not ids[0] & ids[1]
    named = {id(parameter): name for name, parameter in network.named_parameters()}
    for branch, members in zip(BRANCHES, ids, strict=True):
        expected = {n for n in named.values() if f".{branch}." in f".{n}."}
        assert {named[member] for member in members} == expected


def test_the_auxiliary_pair_reaches_the_fused_image_without_gradient() -> None:
    torch.manual_seed(2)
    network = GIFNet("blend")
    pair = (noise(1, 1, 16, 16), noise(1, 1, 16, 16, seed=1))
    auxiliary = noise(1, 1, 16, 16, seed=2).requires_grad_(True)
    output = network.training_forward(pair, (auxiliary, auxiliary), "dp").fused.image
    output.sum().backward()
    assert auxiliary.grad is None
    changed = network.training_forward(pair, (1 - auxiliary, auxiliary), "dp").fused.image
    assert (changed - output).abs().max() > 1e-5


def test_training_on_one_pair_computes_what_inference_does() -> None:
    network = GIFNet("blend").eval()
    pair = (noise(1, 1, 12, 20), noise(1, 1, 12, 20, seed=1))
    for main in BRANCHES:
        output = network.training_forward(pair, pair, main)
        torch.testing.assert_close(output.fused.image, network(*pair, main=main).image)
        torch.testing.assert_close(output.reconstruction, network.reconstruct(*pair))


# -- heads ----------------------------------------------------------------------------


def test_tanh_head() -> None:
    raw = torch.tensor([-9.0, -1.0, 0.0, 0.5]).reshape(1, 1, 1, 4)
    image, mask = TanhHead()(raw, raw, raw)
    torch.testing.assert_close(image, torch.tanh(raw) / 2 + 0.5)
    assert mask is None


def test_blend_head_is_shares_plus_residual() -> None:
    raw = noise(2, 2, 3, 5) * 4 - 2
    first, second = noise(2, 1, 3, 5, seed=1), noise(2, 1, 3, 5, seed=2)
    image, mask = BlendHead()(raw, first, second)
    share = 1 / (1 + torch.exp(-4 * raw[:, :1]))
    expected = share * first + (1 - share) * second + 0.5 * torch.tanh(raw[:, 1:])
    torch.testing.assert_close(mask, share)
    torch.testing.assert_close(image, expected)


@pytest.mark.parametrize(("share", "source"), [(20.0, 0), (-20.0, 1)])
def test_a_saturated_share_copies_a_source(share: float, source: int) -> None:
    raw = torch.cat((torch.full((1, 1, 4, 4), share), torch.zeros(1, 1, 4, 4)), dim=1)
    sources = (noise(1, 1, 4, 4), noise(1, 1, 4, 4, seed=1))
    image, _ = BlendHead()(raw, *sources)
    torch.testing.assert_close(image, sources[source], atol=1e-7, rtol=0)


def test_the_blend_is_float32_under_bfloat16() -> None:
    raw = (noise(1, 2, 4, 4) - 0.5).bfloat16()
    first, second = noise(1, 1, 4, 4, seed=1), noise(1, 1, 4, 4, seed=2)
    image, mask = BlendHead()(raw, first, second)
    assert image.dtype == mask.dtype == torch.float32


def splines(plane: np.ndarray, band: int) -> np.ndarray:
    """Smooth a plane with the cubic B-spline, 2**band pixels between the taps."""
    taps = np.zeros(4 * 2**band + 1)
    taps[:: 2**band] = np.array([1, 4, 6, 4, 1]) / 16
    for axis in (0, 1):
        plane = convolve1d(plane, taps, axis=axis, mode="mirror")
    return plane


def test_band_head_mixes_and_amplifies_every_band() -> None:
    raw = noise(1, 8, 20, 31) - 0.5
    first, second = noise(1, 1, 20, 31, seed=1), noise(1, 1, 20, 31, seed=2)
    image, mask = BandHead()(raw, first, second)
    y = raw[0].double().numpy()
    shares, gains = 1 / (1 + np.exp(-4 * y[:4])), np.exp(np.tanh(2 * y[4:7]))
    expected = np.tanh(y[7]) / 2
    smooth = [plane[0, 0].double().numpy() for plane in (first, second)]
    for band in range(3):
        smoother = [splines(plane, band) for plane in smooth]
        details = [a - b for a, b in zip(smooth, smoother, strict=True)]
        expected += gains[band] * (shares[band] * details[0] + (1 - shares[band]) * details[1])
        smooth = smoother
    expected += shares[3] * smooth[0] + (1 - shares[3]) * smooth[1]
    np.testing.assert_allclose(image[0, 0], expected, atol=2e-6)
    np.testing.assert_allclose(mask[0, 0], shares.mean(axis=0), atol=1e-6)


def test_one_share_for_all_bands_is_a_blend() -> None:
    share, residual = noise(1, 1, 17, 16) - 0.5, noise(1, 1, 17, 16, seed=3) - 0.5
    sources = (noise(1, 1, 17, 16, seed=1), noise(1, 1, 17, 16, seed=2))
    raw = torch.cat((share.expand(1, 4, 17, 16), torch.zeros(1, 3, 17, 16), residual), dim=1)
    image, mask = BandHead()(raw, *sources)
    blended, blend_mask = BlendHead()(torch.cat((share, residual), dim=1), *sources)
    torch.testing.assert_close(image, blended, atol=1e-6, rtol=0)
    torch.testing.assert_close(mask, blend_mask)


def test_gains_sharpen_a_single_image_and_keep_its_mean() -> None:
    plane = noise(1, 1, 24, 24)
    raw = torch.zeros(1, 8, 24, 24)
    raw[:, 4:7] = 0.3
    image, _ = BandHead()(raw, plane, plane)
    assert image.std() > 1.2 * plane.std()
    assert abs(float(image.mean() - plane.mean())) < 0.01


# -- convolutions ---------------------------------------------------------------------


def test_the_encoder_is_densely_connected_and_keeps_the_planes() -> None:
    encoder = DenseEncoder()
    planes = noise(1, 2, 6, 7)
    features = encoder(planes)
    assert features.shape == (1, encoder.channels, 6, 7) == (1, 98, 6, 7)
    assert torch.equal(features[:, :2], planes)
    for index, conv in enumerate(encoder.convs):
        start = 2 + 32 * index
        assert conv.in_channels == start
        expected = torch.relu(conv(features[:, :start]))
        torch.testing.assert_close(features[:, start : start + 32], expected)


def test_a_convolution_reflects_its_border() -> None:
    stack = ConvStack(1, 1)
    with torch.no_grad():
        stack[0].weight.copy_(torch.arange(9.0).reshape(1, 1, 3, 3))
        stack[0].bias.zero_()
    plane = noise(1, 1, 5, 6)
    padded = np.pad(plane[0, 0].numpy(), 1, mode="reflect")
    expected = sum(
        float(3 * row + column) * padded[row : row + 5, column : column + 6]
        for row in range(3)
        for column in range(3)
    )
    np.testing.assert_allclose(stack(plane)[0, 0].detach(), expected, rtol=1e-5)


def test_padding_reflects_right_and_bottom_only() -> None:
    plane = noise(1, 1, 5, 8)
    padded = pad_to_multiple(plane, 4)
    expected = np.pad(plane[0, 0].numpy(), ((0, 3), (0, 0)), mode="reflect")
    np.testing.assert_array_equal(padded[0, 0], expected)
    assert pad_to_multiple(padded, 4) is padded


# -- the registry ---------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in MODELS if name.startswith("gifnet")])
def test_the_registry_describes_what_it_builds(name: str) -> None:
    spec = model_spec(name)
    network = spec.build()
    assert isinstance(network, GIFNet)
    share = network(noise(1, 1, 16, 16), noise(1, 1, 16, 16, seed=1)).share
    assert (share is not None) == spec.has_share
    assert network.window == spec.window
    assert spec.halo % spec.window == 0
    assert spec.name == name


def test_the_published_head_has_the_papers_number_of_parameters() -> None:
    count = sum(parameter.numel() for parameter in GIFNet("tanh").parameters())
    # The released file counts two gates that nothing reads.
    assert count == 822_780 - 2


def test_an_unknown_model_is_named() -> None:
    with pytest.raises(InvalidInputError, match="no model 'resnet'"):
        model_spec("resnet")
