"""The engine against the plain module on the whole image."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gifnet.engine import run as engine_run
from gifnet.engine.device import resolve_device, resolve_precision
from gifnet.engine.moments import MomentSum
from gifnet.engine.run import Engine
from gifnet.errors import Cancelled, DeviceError, InvalidInputError
from gifnet.models.registry import MODELS
from gifnet.models.swin import Moments
from gifnet.models.weights import build_model, load_weights
from gifnet.progress import Reporter


@pytest.fixture(scope="module")
def module(random_weights):
    module = build_model(load_weights(random_weights, "gifnet"), "gifnet")
    # Untrained, the head hardly reacts; make a fault in its input visible.
    with torch.no_grad():
        module.decoder.convs.last.weight.mul_(20)
    return module


def make_engine(module, **settings):
    keywords = {"device": torch.device("cpu"), "dtype": torch.float32} | settings
    return Engine(module, MODELS["gifnet"], **keywords)


def planes(height, width, seed=0):
    rng = np.random.default_rng(seed)
    # A gradient on top of noise: statistics of a tile then differ from the image's.
    ramp = np.linspace(0, 0.7, width, dtype=np.float32)
    return tuple(
        (0.3 * rng.random((height, width), np.float32) + direction).astype(np.float32)
        for direction in (ramp, ramp[::-1])
    )


def whole(module, first, second):
    with torch.inference_mode():
        fused = module(*(torch.from_numpy(x.copy())[None, None] for x in (first, second)))
    return fused.image[0, 0].numpy(), fused.mask[0, 0].numpy()


@settings(max_examples=8, deadline=None)
@given(
    height=st.integers(8, 100),
    width=st.integers(8, 130),
    tile=st.sampled_from([16, 32, 40, 64]),
    seed=st.integers(0, 9),
)
def test_tiles_equal_the_whole(module, height, width, tile, seed):
    first, second = planes(height, width, seed)
    image, mask = whole(module, first, second)
    result = make_engine(module, tile=tile).run(first, second, Reporter(None))
    np.testing.assert_allclose(result.image, image, atol=1e-5)
    np.testing.assert_allclose(result.mask, mask, atol=1e-5)


def test_a_naive_tile_would_differ(module):
    """The statistics matter: this is what exactness is measured against."""
    first, second = planes(64, 128)
    image, _ = whole(module, first, second)
    naive, _ = whole(module, first[:, :64], second[:, :64])
    assert np.abs(naive[:, :40] - image[:, :40]).max() > 1e-3


@pytest.mark.parametrize("shape", [(1, 2), (1, 50), (7, 3), (5, 200), (9, 9)])
def test_small_and_thin_planes(module, shape):
    first, second = planes(*shape)
    for tile in (0, 16):
        result = make_engine(module, tile=tile).run(first, second, Reporter(None))
        assert result.image.shape == result.mask.shape == shape
        assert np.isfinite(result.image).all()


def test_sampled_statistics_are_close_and_cheaper(module):
    first, second = planes(40, 150)
    exact, sampled = (
        make_engine(module, tile=16, statistics=kind) for kind in ("exact", "sampled")
    )
    assert sampled.units(40, 150) < exact.units(40, 150)
    difference = (
        sampled.run(first, second, Reporter(None)).image
        - exact.run(first, second, Reporter(None)).image
    )
    assert 0 < np.abs(difference).max() < 0.05


def test_progress_counts_every_unit(module):
    calls = []
    first, second = planes(40, 70)
    engine = make_engine(module, tile=32)
    reporter = Reporter(lambda done, total: calls.append((done, total)))
    reporter.expect(engine.units(40, 70))
    engine.run(first, second, reporter)
    total = 2 * 3 * 3
    assert calls == [(i + 1, total) for i in range(total)]


@pytest.mark.parametrize("stop_at", [1, 7, 13])
def test_cancel_in_every_pass(module, stop_at):
    first, second = planes(40, 70)
    engine = make_engine(module, tile=32)
    reporter = Reporter(lambda done, total: done < stop_at)
    reporter.expect(engine.units(40, 70))
    with pytest.raises(Cancelled, match=f"after {stop_at} of 18"):
        engine.run(first, second, reporter)


def test_out_of_memory_halves_the_tile(module, monkeypatch):
    first, second = planes(60, 140)
    expected = make_engine(module).run(first, second, Reporter(None)).image
    call, sizes = Engine._call, []

    def limited(self, function, first, second, tile, known):
        sizes.append(tile.rows.stop - tile.rows.start)
        if tile.columns.stop - tile.columns.start > 64:
            raise torch.OutOfMemoryError("pretend")
        return call(self, function, first, second, tile, known)

    monkeypatch.setattr(Engine, "_call", limited)
    done = []
    reporter = Reporter(lambda *counts: done.append(counts))
    engine = make_engine(module)
    reporter.expect(engine.units(60, 140))
    result = engine.run(first, second, reporter)
    np.testing.assert_allclose(result.image, expected, atol=1e-5)
    assert done[-1][0] == done[-1][1]


def test_out_of_memory_for_good(module, monkeypatch):
    def never(*args):
        raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 1 TB")

    monkeypatch.setattr(Engine, "_call", never)
    with pytest.raises(DeviceError, match="do not fit the memory of cpu"):
        make_engine(module).run(*planes(200, 300), Reporter(None))


def test_other_errors_pass(module, monkeypatch):
    monkeypatch.setattr(Engine, "_call", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        make_engine(module).run(*planes(16, 16), Reporter(None))


def test_auto_tiles_only_large_planes(module):
    engine = make_engine(module)
    assert engine.tile_size(100, 100) == 0
    assert engine.tile_size(4000, 4000) == engine_run.AUTO_TILE["cpu"]
    assert make_engine(module, tile=512).tile_size(300, 300) == 0


def test_bad_tile_is_refused(module):
    with pytest.raises(InvalidInputError, match="multiple"):
        make_engine(module, tile=50).run(*planes(100, 100), Reporter(None))


def test_bfloat16_is_close(module):
    first, second = planes(48, 48)
    plain, reduced = (
        make_engine(module, dtype=dtype).run(first, second, Reporter(None)).image
        for dtype in (torch.float32, torch.bfloat16)
    )
    assert plain.dtype == reduced.dtype == np.float32
    assert 0 < np.abs(plain - reduced).mean() < 0.02


def test_moments_do_not_cancel():
    x = 1e4 + torch.randn(1, 3, 40, 50, generator=torch.Generator().manual_seed(0)).double()
    total = MomentSum()
    for part in x.split(7, dim=2):
        total.add(part)
    mean, std = total.result(torch.device("cpu"))
    assert mean.item() == pytest.approx(x.mean().item(), rel=1e-6)
    expected = torch.sqrt(x.var(correction=0) + 1e-5)
    assert std.item() == pytest.approx(expected.item(), rel=1e-6)
    small = torch.rand(1, 2, 5, 5)
    one = MomentSum()
    one.add(small)
    for ours, theirs in zip(one.result(small.device), Moments.of(small), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_devices():
    assert resolve_device("cpu").type == "cpu"
    assert resolve_device("auto").type in ("cpu", "cuda", "mps")
    with pytest.raises(DeviceError, match="'tpu'"):
        resolve_device("tpu")
    with pytest.raises(DeviceError, match="CUDA device"):
        resolve_device("cuda:99")


def test_precisions():
    cpu = torch.device("cpu")
    assert resolve_precision("auto", cpu) == torch.float32
    assert resolve_precision("bfloat16", cpu) == torch.bfloat16
    assert resolve_precision("auto", cpu, eight_bit=True) in (torch.bfloat16, torch.float32)
    with pytest.raises(DeviceError, match="float16"):
        resolve_precision("float16", cpu)
