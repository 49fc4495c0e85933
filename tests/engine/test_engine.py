"""The engine against the plain module on the whole image."""

import threading
import warnings

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gifnet.engine import engine as engine_run
from gifnet.engine.device import float32_products, resolve_device, resolve_precision
from gifnet.engine.engine import Engine
from gifnet.engine.moment_sum import MomentSum
from gifnet.engine.passes import Passes
from gifnet.engine.threads import Workers, cpu_threads
from gifnet.engine.tile_io import TileBuffer
from gifnet.errors import Cancelled, DeviceError, GifnetWarning, InvalidInputError
from gifnet.geometry.region import Region
from gifnet.models.contract import Moments
from gifnet.models.gifnet.network import GIFNet
from gifnet.models.gifnet.tiled import gifnet_pipeline
from gifnet.models.registry import MODELS
from gifnet.models.weights import build_model, load_weights
from gifnet.progress import Reporter
from tests.helpers.engine_samples import CPU, limit_memory, make_engine, planes, run


@pytest.fixture(scope="module")
def module(random_weights):
    module = build_model(load_weights(random_weights, "gifnet"))
    # Untrained, the head hardly reacts; make a fault in its input visible.
    with torch.no_grad():
        module.decoder.convs.last.weight.mul_(20)
    return module


def whole(module, first, second):
    with torch.inference_mode():
        fused = module(*(torch.from_numpy(x.copy())[None, None] for x in (first, second)))
    return fused.image[0, 0].numpy(), fused.share[0, 0].numpy()


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
@given(
    height=st.integers(16, 140),
    width=st.integers(16, 140),
    tile=st.sampled_from([0, 16, 40, 64]),
    block_side=st.sampled_from([16, 32, 56]),
    seed=st.integers(0, 9),
)
def test_tiles_equal_the_whole(module, height, width, tile, block_side, seed):
    first, second = planes(height, width, seed)
    image, mask = whole(module, first, second)
    result = run(make_engine(module, tile=tile, block_side=block_side), first, second)
    np.testing.assert_allclose(result.image, image, atol=1e-5)
    np.testing.assert_allclose(result.share, mask, atol=1e-5)


@pytest.mark.parametrize("multiple", [1, 8])
@pytest.mark.parametrize("head", ["tanh", "blend", "bands"])
def test_the_folded_network_is_the_plain_one(head, multiple):
    """All heads, and channels padded as for tensor cores."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        module = GIFNet(head)
        for name, parameter in module.named_parameters():
            if "norm" in name:  # far from the identity that they start with
                parameter.data += 0.3 * torch.randn_like(parameter)
    first, second = planes(45, 70)
    with torch.inference_mode():
        plain = module(*(torch.from_numpy(x.copy())[None, None] for x in (first, second)))
    spec = MODELS[{"bands": "gifnet", "blend": "gifnet-blend", "tanh": "gifnet-cvpr"}[head]]
    pipeline = gifnet_pipeline(module, CPU, torch.float32, multiple=multiple)
    result = run(Engine(pipeline, spec, tile=32, block_side=16), first, second)
    np.testing.assert_allclose(result.image, plain.image[0, 0].numpy(), atol=1e-5)
    assert (result.share is None) == (plain.share is None)


def test_a_model_without_stages_runs_whole(module):
    from dataclasses import replace

    spec = replace(MODELS["gifnet"], pipeline_factory="")
    first, second = planes(40, 60)
    engine = Engine(spec.pipeline(module, CPU, torch.float32), spec, tile=16)
    image, mask = whole(module, first, second)
    result = run(engine, first, second)
    np.testing.assert_allclose(result.image, image, atol=1e-6)
    np.testing.assert_allclose(result.share, mask, atol=1e-6)
    assert engine.units(40, 60) == 1


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
        result = run(make_engine(module, tile=tile, block_side=16), first, second)
        assert result.image.shape == result.share.shape == shape
        assert np.isfinite(result.image).all()


def test_sampled_statistics_are_close_and_cheaper(module, monkeypatch):
    monkeypatch.setattr(engine_run, "SAMPLES", 3)
    monkeypatch.setattr(engine_run, "SAMPLE_SIDE", 32)
    first, second = planes(100, 150)
    exact, sampled = (
        make_engine(module, tile=48, statistics=kind) for kind in ("exact", "sampled")
    )
    assert sampled.units(100, 150) < exact.units(100, 150)
    difference = run(sampled, first, second).image - run(exact, first, second).image
    assert 0 < np.abs(difference).max() < 0.1


@pytest.mark.parametrize("tile", [0, 32])
def test_progress_counts_every_unit(module, tile):
    calls = []
    first, second = planes(40, 70)
    engine = make_engine(module, tile=tile, block_side=16)
    reporter = Reporter(lambda done, total: calls.append((done, total)))
    total = engine.units(40, 70)
    reporter.expect(total)
    run(engine, first, second, reporter)
    assert calls == [(i + 1, total) for i in range(total)]


@pytest.mark.parametrize("part", [0.05, 0.5, 0.9])
@pytest.mark.parametrize("tile", [0, 32])
def test_cancel_in_every_pass(module, part, tile):
    first, second = planes(40, 70)
    engine = make_engine(module, tile=tile, block_side=16)
    total = engine.units(40, 70)
    stop_at = max(1, int(part * total))
    reporter = Reporter(lambda done, total: done < stop_at)
    reporter.expect(total)
    threads = torch.get_num_threads()
    with pytest.raises(Cancelled, match=f"after {stop_at} of {total}"):
        run(engine, first, second, reporter)
    assert torch.get_num_threads() == threads
    assert not [t for t in threading.enumerate() if t.name.startswith("gifnet")]


def test_memory_decides_the_tiles(module):
    engine = make_engine(module)
    assert engine.tile_size(512, 640) == 0
    assert 256 <= engine.tile_size(4000, 4000) <= 1024
    assert make_engine(module, memory=10**10).tile_size(1000, 2000) == 0
    small = make_engine(module, memory=1000)
    assert small.tile_size(300, 300) == 64
    first, second = planes(80, 90)
    np.testing.assert_allclose(
        run(small, first, second).image, whole(module, first, second)[0], atol=1e-5
    )


@pytest.mark.parametrize("kind", [torch.OutOfMemoryError, RuntimeError, MemoryError])
def test_out_of_memory_halves_the_tile(module, monkeypatch, kind):
    first, second = planes(60, 140)
    expected = run(make_engine(module), first, second).image
    limit_memory(monkeypatch, 72, kind)
    done = []
    reporter = Reporter(lambda *counts: done.append(counts))
    engine = make_engine(module, block_side=32)
    reporter.expect(engine.units(60, 140))
    result = run(engine, first, second, reporter)
    np.testing.assert_allclose(result.image, expected, atol=1e-5)
    assert done[-1][0] == done[-1][1]


def test_out_of_memory_for_good(module, monkeypatch):
    limit_memory(monkeypatch, 0)
    with pytest.raises(DeviceError, match="do not fit the memory of cpu"):
        run(make_engine(module), *planes(200, 300))


def test_out_of_memory_on_a_device_goes_on_with_the_cpu(module, monkeypatch):
    first, second = planes(70, 90)
    expected = run(make_engine(module), first, second).image
    engine = make_engine(module, tile=64)
    good, calls = engine.pipeline, []

    def fallback():
        calls.append(1)
        monkeypatch.undo()
        return good

    limit_memory(monkeypatch, 0)
    engine = make_engine(module, tile=64, fallback=fallback)
    with pytest.warns(GifnetWarning, match="continuing with the CPU"):
        result = run(engine, first, second)
    assert calls == [1]
    np.testing.assert_allclose(result.image, expected, atol=1e-5)


def test_other_errors_pass(module, monkeypatch):
    monkeypatch.setattr(Passes, "_step_of", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(make_engine(module), *planes(16, 16))


def test_bad_tile_is_refused(module):
    with pytest.raises(InvalidInputError, match="multiple"):
        run(make_engine(module, tile=50), *planes(100, 100))


def test_bfloat16_is_close(module):
    first, second = planes(48, 48)
    plain, reduced = (
        run(make_engine(module, dtype=dtype), first, second).image
        for dtype in (torch.float32, torch.bfloat16)
    )
    assert plain.dtype == reduced.dtype == np.float32
    assert 0 < np.abs(plain - reduced).mean() < 0.02


def test_planes_are_read_ahead():
    """As on CUDA devices; any device may."""
    first, second = planes(40, 60)
    reads = []

    class Source:
        def read(self, region):
            reads.append((region, threading.current_thread().name))
            return np.stack((first, second))[None][(..., *region.slices)]

    image = Region.of(40, 60)
    window = TileBuffer(Source(), image, 8, CPU, ahead=True)
    tiles = [Region(0, 0, 40, 24), Region(0, 24, 40, 48), Region(0, 48, 40, 60)]
    for tile in window.over(tiles):
        held = window(tile.expand_within(8, image))[0, 1].numpy()
        np.testing.assert_array_equal(held, second[tile.expand_within(8, image).slices])
    window.close()
    assert [region for region, _ in reads] == [tile.expand_within(8, image) for tile in tiles]
    assert sum(name.startswith("gifnet-read") for _, name in reads) == 2


def test_workers_keep_order_and_give_threads_back():
    before = torch.get_num_threads()
    workers = Workers(3)
    assert torch.get_num_threads() == 1
    assert cpu_threads() == before
    assert list(workers.map(lambda x: x * x, range(20))) == [x * x for x in range(20)]
    with pytest.raises(ZeroDivisionError):
        list(workers.map(lambda x: 1 // x, [1, 0, 1, 1]))
    workers.close()
    assert torch.get_num_threads() == before


def test_moments_do_not_cancel():
    x = 1e4 + torch.randn(1, 3, 40, 50, generator=torch.Generator().manual_seed(0))
    total = MomentSum()
    for part in x.split(7, dim=2):
        total.add(part)
    mean, std = total.result()
    assert mean.item() == pytest.approx(x.double().mean().item(), rel=1e-6)
    expected = torch.sqrt(x.double().var(correction=0) + 1e-5)
    assert std.item() == pytest.approx(expected.item(), rel=1e-6)
    small = torch.rand(1, 2, 5, 5)
    one = MomentSum()
    one.add(small)
    for ours, theirs in zip(one.result(), Moments.of(small), strict=True):
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
    with pytest.raises(DeviceError, match="tf32"):
        resolve_precision("tf32", cpu)
    with warnings.catch_warnings(), float32_products(cpu, tf32=True):
        pass


def test_float32_products_hold_until_the_last_one_leaves(monkeypatch):
    """CUDA's settings are the process's; tiles of a dask graph run in several threads."""
    from types import SimpleNamespace

    from gifnet.engine import device as module

    setting = SimpleNamespace(fp32_precision="tf32")
    monkeypatch.setattr(module, "_backends", lambda: (setting, setting))
    cuda = SimpleNamespace(type="cuda")
    one, two = (float32_products(cuda, tf32=False) for _ in range(2))
    one.__enter__()
    assert setting.fp32_precision == "ieee"
    two.__enter__()
    one.__exit__(None, None, None)
    assert setting.fp32_precision == "ieee"
    two.__exit__(None, None, None)
    assert setting.fp32_precision == "tf32"
