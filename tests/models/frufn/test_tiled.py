"""FRUFN and EFRUFN in tiles against the same networks on whole planes."""

import warnings

import numpy as np
import pytest
import torch
from torch import Tensor

from gifnet import Fuser, fuse
from gifnet.engine import memory as room
from gifnet.engine.passes import measured_stages
from gifnet.errors import Cancelled, DeviceError, InvalidInputError
from gifnet.models.frufn.convnext_v2 import GlobalResponseNorm
from gifnet.models.frufn.efrufn import EFRUFN, ConvergenceWarning
from gifnet.models.frufn.frufn import FRUFN
from gifnet.models.frufn.unit import RESPONSES
from gifnet.models.registry import MODELS, model_spec
from gifnet.models.weights import save_weights
from gifnet.progress import Reporter
from tests.helpers.engine_samples import limit_memory, make_engine, planes, run

NAMES = ["efrufn", "frufn"]
#: Worst differences of image and mask from the whole plane, with random weights: see
#: docs/performance.md, also for the bundled ones.
TOLERANCE, MASK_TOLERANCE = 1e-3, 0.01
#: The same of the image, with the bundled weights.
BUNDLED_TOLERANCE = 2e-4


def lively(name, **settings):
    """Return a network whose GRN and decoder say something, which they do not untrained."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = {"efrufn": EFRUFN, "frufn": FRUFN}[name](**settings).eval()
        for part in module.modules():
            if isinstance(part, GlobalResponseNorm):
                torch.nn.init.normal_(part.gamma)
        torch.nn.init.normal_(module.decode[-1].weight, std=0.05)
    return module.requires_grad_(False)


@pytest.fixture(scope="module")
def modules():
    return {"efrufn": lively("efrufn"), "frufn": lively("frufn", units=2)}


@pytest.fixture(scope="module")
def weights(modules, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "efrufn.safetensors"
    save_weights(modules["efrufn"], path, {"model": "efrufn"})
    return path


@pytest.fixture
def options(weights):
    how = {"model": "efrufn", "device": "cpu", "precision": "float32"}
    return how | {"weights": weights, "value_range": (0, 1)}


@pytest.fixture(scope="module")
def pair():
    return planes(37, 44)


def whole(module, first, second):
    with torch.inference_mode():
        fused = module(*(torch.from_numpy(x.copy())[None, None] for x in (first, second)))
    return fused.image[0, 0].numpy(), fused.share[0, 0].numpy()


@pytest.mark.parametrize("name", NAMES)
def test_tiles_are_close_to_the_whole(name, modules):
    """Sides off the grid, tiles that see a part of the plane only, statistics unlike its own."""
    first, second = planes(21, 331)
    image, mask = whole(modules[name], first, second)
    engine = make_engine(modules[name], name=name, tile=120)
    result = run(engine, first, second)
    assert engine.units(21, 331) == 3 * (modules[name].surveys + 1)
    np.testing.assert_allclose(result.image, image, atol=TOLERANCE)
    np.testing.assert_allclose(result.share, mask, atol=MASK_TOLERANCE)
    # What it would be without the surveys.
    naive, _ = whole(modules[name], first[:, 56:304], second[:, 56:304])
    error = np.abs(result.image - image)[:, 120:240].max()
    assert np.abs(naive[:, 64:184] - image[:, 120:240]).max() > 10 * error


def test_a_single_unit_in_tiles_is_the_whole():
    """A unit sees no further than the margin, and the statistics are the plane's own."""
    first, second = planes(21, 331)
    module = lively("frufn", units=1)
    image, mask = whole(module, first, second)
    result = run(make_engine(module, name="frufn", tile=120), first, second)
    np.testing.assert_allclose(result.image, image, atol=1e-5)
    np.testing.assert_allclose(result.share, mask, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_single_tile_is_the_plain_network(name, modules, pair):
    image, mask = whole(modules[name], *pair)
    for tile in ("auto", 0, 64):
        engine = make_engine(modules[name], name=name, tile=tile)
        result = run(engine, *pair)
        np.testing.assert_array_equal(result.image, image)
        np.testing.assert_array_equal(result.share, mask)
        assert engine.units(37, 44) == 1


@pytest.mark.parametrize("name", NAMES)
def test_what_is_known_of_the_whole_stands_in_for_it(name, modules, pair):
    module = modules[name]
    first, second = (torch.from_numpy(x)[None, None] for x in pair)

    def root_mean_square(x: Tensor) -> Tensor:
        return x.square().mean(dim=(0, 2, 3)).sqrt()[None, None, None]

    known = []
    for _ in range(module.surveys):
        seen = module.statistics(first, second, known)
        assert tuple(x.shape[1] for x in seen) == RESPONSES
        known.append([root_mean_square(x) for x in seen])
    with torch.inference_mode():
        torch.testing.assert_close(
            module.render(first, second, known).image, module(first, second).image,
            atol=1e-4, rtol=0,
        )  # fmt: skip


@pytest.mark.parametrize("name", ["efrufn", "efrufn-published", "frufn", "frufn-published"])
def test_the_registry_describes_its_tiles(name):
    spec, network = model_spec(name), MODELS[name].build()
    pipeline = spec.pipeline(network, torch.device("cpu"), torch.float32)
    assert network.surveys == len(measured_stages(pipeline)) == len(pipeline.stages) - 1
    assert network.size_multiple == spec.window == pipeline.window
    assert spec.halo % spec.window == 0


# -- ways in and out ------------------------------------------------------------------


def test_memory_maps_and_masks(pair, options, tmp_path):
    expected, share = fuse(*pair, **options, return_mask=True)
    out = [
        np.lib.format.open_memmap(tmp_path / f"{i}.npy", "w+", np.float32, expected.shape)
        for i in range(2)
    ]
    result, mask = fuse(*pair, **options, tile=16, out=tuple(out), return_mask=True)
    assert result is out[0]
    np.testing.assert_allclose(out[0], expected, atol=TOLERANCE)
    np.testing.assert_allclose(mask, share, atol=MASK_TOLERANCE)


def test_zarr_to_zarr(pair, options, tmp_path):
    zarr = pytest.importorskip("zarr")
    stored = [
        zarr.create_array(tmp_path / name, shape=pair[0].shape, chunks=(16, 16), dtype=np.float32)
        for name in "abc"
    ]
    for array, data in zip(stored, pair, strict=False):
        array[:] = data
    fuse(*stored[:2], **options, tile=24, out=stored[2])
    np.testing.assert_array_equal(stored[2][:], fuse(*pair, **options, tile=24))


def test_dask_gives_what_numpy_gives(pair, options):
    da = pytest.importorskip("dask.array")
    expected, share = fuse(*pair, **options, tile=24, return_mask=True)
    lazy, mask = fuse(
        da.from_array(pair[0], chunks=20), pair[1], **options, tile=24, return_mask=True
    )
    assert lazy.numblocks == (2, 2)
    np.testing.assert_allclose(lazy.compute(scheduler="synchronous"), expected, atol=1e-6)
    np.testing.assert_allclose(mask.compute(scheduler="synchronous"), share, atol=1e-6)


def test_a_lazy_plane_without_data_is_refused(pair, options):
    da = pytest.importorskip("dask.array")
    first = da.from_array(np.full_like(pair[0], np.nan), chunks=20)
    with pytest.raises(InvalidInputError, match="The first image has no finite pixel"):
        fuse(first, pair[1], **options, tile=24).compute(scheduler="synchronous")


@pytest.mark.parametrize("stop_at", [1, 5, 7])
def test_cancel_in_every_pass(modules, pair, stop_at):
    engine = make_engine(modules["efrufn"], name="efrufn", tile=24)
    total = engine.units(*pair[0].shape)
    assert total == 8
    reporter = Reporter(lambda done, total: done < stop_at)
    reporter.expect(total)
    with pytest.raises(Cancelled, match=f"after {stop_at} of 8"):
        run(engine, *pair, reporter)


def test_a_mask_that_does_not_settle_warns_once_an_image(pair, tmp_path):
    module = lively("efrufn", steps=1, tolerance=1e-9)
    engine = make_engine(module, name="efrufn", tile=24)
    with pytest.warns(ConvergenceWarning, match="did not settle in every tile") as caught:
        run(engine, *pair)
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(make_engine(lively("efrufn"), name="efrufn", tile=24), *pair)


def test_bundled_weights_in_tiles():
    """A structured pair: what is sharp in one plane is flat in the other, and so is each tile."""
    if not model_spec("efrufn").has_weights("mfif"):
        pytest.skip("needs the bundled weights")
    rng = np.random.default_rng(0)
    sharp = rng.random((24, 304)).astype(np.float32)
    near = np.where(np.arange(304) < 150, sharp, sharp.mean()).astype(np.float32)
    far = np.where(np.arange(304) < 150, sharp.mean(), sharp).astype(np.float32)
    how = {"model": "efrufn", "task": "mfif", "device": "cpu", "precision": "float32"}
    fuser = Fuser(**how, value_range=(0, 1))
    image, mask = fuser.fuse(near, far, return_mask=True)
    tiled, tiled_mask = fuser.with_options(tile=104).fuse(near, far, return_mask=True)
    np.testing.assert_allclose(tiled, image, atol=BUNDLED_TOLERANCE)
    assert np.abs(tiled_mask - mask).mean() < 1e-4


# -- memory ---------------------------------------------------------------------------


def limit_free(monkeypatch, side):
    """Let so many pixels a side fit."""
    free = side**2 * model_spec("efrufn").plane_bytes
    monkeypatch.setattr(room, "free_bytes", lambda device: free)


def test_free_memory_decides_the_tiles(modules, monkeypatch):
    module = modules["efrufn"]

    def tile_size(height, width, **settings):
        return make_engine(module, name="efrufn", **settings).tile_size(height, width)

    limit_free(monkeypatch, 1000)
    assert tile_size(1000, 1000) == 0
    assert tile_size(1001, 1000) == 576  # of half of it, less a margin of 64 on both sides
    assert tile_size(1001, 1000, dtype=torch.bfloat16) == 0
    assert tile_size(1001, 1000, tile=0) == 0
    assert tile_size(1001, 1000, tile=48) == 48
    assert tile_size(900, 900, memory=400**2 * 4700) == 272
    assert tile_size(1001, 1000, memory=10**12) == 576
    assert tile_size(900, 900, memory=0) == 64
    limit_free(monkeypatch, 100_000)
    assert tile_size(100_001, 100_000) == 2048
    monkeypatch.setattr(room, "free_bytes", lambda device: None)
    assert tile_size(100_001, 100_000) == 0


def test_the_plan_does_not_change_with_what_is_free(modules, monkeypatch):
    engine = make_engine(modules["efrufn"], name="efrufn")
    limit_free(monkeypatch, 1000)
    assert engine.units(1001, 1000) == 2 * 4
    limit_free(monkeypatch, 2000)
    assert engine.units(1001, 1000) == 2 * 4


def test_a_plane_that_does_not_fit_runs_in_tiles(options, monkeypatch):
    first, second = planes(8, 400)
    expected = fuse(first, second, **options)
    monkeypatch.setattr(room, "free_bytes", lambda device: 8 * 300 * 4700)
    steps = list(Fuser(**options).fuse_steps(first, second))
    assert steps[-1] == (14, 14)
    np.testing.assert_allclose(fuse(first, second, **options), expected, atol=TOLERANCE)
    with pytest.raises(DeviceError, match=r"for a plane of 8 x 400 pixels.*tile='auto'"):
        fuse(first, second, **options, tile=0)
    with pytest.raises(DeviceError, match="for tiles of 240 pixels"):
        fuse(first, second, **options, tile=240)


def test_out_of_memory_halves_the_tile(modules, monkeypatch):
    first, second = planes(12, 150)
    module = modules["efrufn"]
    expected = run(make_engine(module, name="efrufn"), first, second).image
    done = []
    engine = make_engine(module, name="efrufn")
    limit_memory(monkeypatch, 80)
    reporter = Reporter(lambda *counts: done.append(counts))
    reporter.expect(engine.units(12, 150))
    result = run(engine, first, second, reporter)
    np.testing.assert_allclose(result.image, expected, atol=TOLERANCE)
    assert done[-1] == (2 * 3, 2 * 3)
