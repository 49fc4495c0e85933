"""Images that are read and written by parts: zarr, memory maps, dask, dask.distributed."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gifnet import Fuser, enhance, fuse
from gifnet.errors import Cancelled, InvalidInputError

OPTIONS = {"device": "cpu", "precision": "float32"}


@pytest.fixture(scope="module")
def pair():
    rng = np.random.default_rng(0)
    ramp = np.linspace(0, 1, 150)
    first = (rng.random((110, 150)) * 2000 * ramp + 100).astype(np.uint16)
    second = (rng.random((110, 150)) * 60000 * ramp[::-1]).astype(np.uint16)
    return first, second


@pytest.fixture
def options(random_weights):
    return OPTIONS | {"weights": random_weights}


def assert_same(found, expected):
    """Equal but for the rounding of numbers half way between two integers."""
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found.astype(float), expected.astype(float), atol=1)
    assert (found != expected).mean() < 0.001


@settings(
    max_examples=5, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(
    sides=st.tuples(st.integers(2, 700), st.integers(1, 90)),
    upright=st.booleans(),
    tile=st.sampled_from([40, 64, 128]),
    offset=st.tuples(st.integers(0, 5), st.integers(0, 5)),
    dtype=st.sampled_from([np.uint8, np.uint16, np.float32, np.float64]),
)
def test_tiles_of_any_image_equal_the_whole(options, sides, upright, tile, offset, dtype):
    """Views into larger arrays, of any size, shape and type, in tiles of any size."""
    shape = sides if upright else sides[::-1]
    rng = np.random.default_rng(sum(sides))
    images = []
    for gain in (200, 90):
        noise = rng.random(tuple(s + o for s, o in zip(shape, offset, strict=True)))
        images.append((noise * gain).astype(dtype)[offset[0] :, offset[1] :])
    fuser = Fuser(**options, value_range=(0, 250))
    whole = fuser.fuse(*(x.astype(np.float32) for x in images))
    in_tiles = fuser.with_options(tile=tile, memory=0)
    tiled = in_tiles.fuse(*(x.astype(np.float32) for x in images))
    typed = in_tiles.fuse(*images)
    np.testing.assert_allclose(tiled, whole, atol=250 * 1e-5)
    assert typed.dtype == dtype
    rounding = 0.501 if typed.dtype.kind == "u" else 0.0
    np.testing.assert_allclose(typed, whole, atol=rounding + 250 * 1e-5)


def holes(image, *parts):
    image = image.astype(np.float32)
    for part in parts:
        image[part] = np.nan
    return image


class Stored:
    """An array that can only be read by parts, and counts how much is read at once."""

    def __init__(self, data, chunks=(32, 32)):
        self._data, self.chunks, self.largest, self.read = data, chunks, 0, 0
        self.shape, self.dtype, self.ndim = data.shape, data.dtype, data.ndim

    def __getitem__(self, index):
        part = self._data[index]
        self.largest = max(self.largest, part.size)
        self.read += part.size
        return part

    def __array__(self, *args, **kwargs):
        raise AssertionError("read as a whole")


def test_tiles_read_and_write_parts(pair, options):
    expected, share = fuse(*pair, **options, return_mask=True)
    stored = [Stored(x) for x in pair]
    out = np.zeros_like(expected)
    limits = tuple((float(x.min()), float(x.max())) for x in pair)
    result, mask = fuse(*stored, **options, tile=32, value_range=limits, out=out, return_mask=True)
    assert result is out
    assert_same(out, expected)
    np.testing.assert_allclose(mask, share, atol=1e-5)
    assert max(x.largest for x in stored) <= (32 + 2 * 24) ** 2


def test_zarr_to_zarr(pair, options, tmp_path):
    zarr = pytest.importorskip("zarr")
    sources = []
    for name, data in zip("ab", pair, strict=True):
        sources.append(
            zarr.create_array(tmp_path / name, shape=data.shape, chunks=(40, 40), dtype=data.dtype)
        )
        sources[-1][:] = data
    out = zarr.create_array(tmp_path / "c", shape=pair[0].shape, chunks=(40, 40), dtype=np.uint16)
    fuse(*sources, **options, tile=48, out=out)
    assert_same(out[:], fuse(*pair, **options))
    # Without a place for it, the result is in memory.
    assert isinstance(fuse(*sources, **options), np.ndarray)


def test_stored_colour_with_alpha(options, tmp_path):
    pytest.importorskip("dask")
    rng = np.random.default_rng(1)
    data = rng.integers(0, 60000, (40, 50, 4), dtype=np.uint16)
    stored = Stored(data, (20, 20, 4))
    found = enhance(stored, **options, channel_axis=-1)
    np.testing.assert_array_equal(found, enhance(data, **options, channel_axis=-1))


def test_a_memory_map_takes_the_result(pair, options, tmp_path):
    out = np.lib.format.open_memmap(
        tmp_path / "out.npy", mode="w+", dtype=np.uint16, shape=pair[0].shape
    )
    fuse(*pair, **options, out=out)
    assert_same(np.load(tmp_path / "out.npy"), fuse(*pair, **options))


@pytest.mark.parametrize("out", [np.zeros((3, 3), np.uint16), np.zeros((110, 150)), [1, 2]])
def test_an_unfit_out_is_refused(pair, options, out):
    with pytest.raises(
        InvalidInputError, match=r"out has shape.*the result has shape \(110, 150\)"
    ):
        fuse(*pair, **options, out=out)


def test_holes_are_filled_alike_in_tiles(pair, options):
    """A hole far wider than a tile, in both sources."""
    first = holes(pair[0], np.s_[20:90, 30:120])
    second = holes(pair[1], np.s_[40:80, 50:110], np.s_[:5, :5])
    whole = fuse(first, second, **options)
    tiled = fuse(first, second, **options, tile=16)
    assert np.isnan(whole).sum() == 40 * 60
    np.testing.assert_array_equal(np.isnan(tiled), np.isnan(whole))
    np.testing.assert_allclose(tiled, whole, rtol=1e-4)


def test_a_plane_without_data_is_found_in_tiles(pair, options):
    first = np.full_like(pair[0], np.nan, dtype=np.float32)
    with pytest.raises(InvalidInputError, match="no finite"):
        fuse(first, pair[1], **options, tile=16, value_range=(0, 1))


@pytest.mark.parametrize("tile", ["auto", 48])
def test_dask_gives_what_numpy_gives(pair, options, tile):
    da = pytest.importorskip("dask.array")
    first = np.stack([pair[0], pair[0][::-1]])
    expected, share = fuse(first, pair[1], **options, return_mask=True)
    lazy, mask = fuse(
        da.from_array(first, chunks=(1, 50, 60)), pair[1], **options, tile=tile, return_mask=True
    )
    assert_same(lazy.compute(), expected)
    np.testing.assert_allclose(mask.compute(), share, atol=1e-5)
    assert lazy.numblocks == ((2, 1, 1) if tile == "auto" else (2, 3, 4))


def test_dask_tiles_with_holes_and_enhancement(pair, options):
    da = pytest.importorskip("dask.array")
    first = holes(pair[0], np.s_[20:90, 30:120])
    lazy = enhance(da.from_array(first, chunks=64), **options, tile=48)
    np.testing.assert_allclose(lazy.compute(), enhance(first, **options), rtol=1e-4)


@pytest.mark.parametrize("tile", [0, 48])
def test_a_file_beside_dask_is_read_when_computed(pair, options, tile):
    da = pytest.importorskip("dask.array")
    first, second = da.from_array(pair[0], chunks=50), Stored(pair[1])
    limits = tuple((float(x.min()), float(x.max())) for x in pair)
    lazy = fuse(first, second, **options, tile=tile, value_range=limits)
    assert second.read == 0
    assert_same(lazy.compute(), fuse(*pair, **options))


def test_dask_colour_with_alpha(options):
    da = pytest.importorskip("dask.array")
    image = np.random.default_rng(1).integers(0, 256, (40, 50, 4), dtype=np.uint8)
    lazy = enhance(da.from_array(image, chunks=(20, 20, 2)), **options, tile=24)
    assert_same(lazy.compute(), enhance(image, **options))


@pytest.mark.parametrize("tile", [0, 16])
@pytest.mark.parametrize("lacking", ["first", "second"])
def test_a_lazy_plane_without_data_is_refused(options, tile, lacking):
    da = pytest.importorskip("dask.array")
    images = {name: np.random.default_rng(2).random((3, 40, 32)) for name in ("first", "second")}
    images["first"][0, 8:, :] = np.nan  # some tiles without data are no plane without
    images[lacking][1] = np.nan
    wrong = rf"The {lacking} image has no finite pixel at plane \(1,\)"
    with pytest.raises(InvalidInputError, match=wrong):
        fuse(*images.values(), **options, tile=tile)
    for name in images:
        sources = {**images, name: da.from_array(images[name], chunks=(1, 16, 16))}
        lazy = fuse(*sources.values(), **options, tile=tile, value_range=(0, 1))
        with pytest.raises(InvalidInputError, match=wrong):
            lazy.compute()
        kept = [image[0] for image in images.values()]
        expected = fuse(*kept, **options, value_range=(0, 1))
        np.testing.assert_allclose(lazy[0].compute(), expected, atol=1e-5)


def test_a_lazy_plane_that_is_masked_is_refused(options):
    da = pytest.importorskip("dask.array")
    codes = np.full((40, 32), 7, np.uint16)
    masked = da.ma.masked_equal(da.from_array(codes, chunks=16), 7)
    other = np.arange(40 * 32, dtype=np.uint16).reshape(40, 32)
    lazy = fuse(masked, other, **options, tile=16, value_range=(0, 9))
    with pytest.raises(InvalidInputError, match="The first image has no finite pixel:"):
        lazy.compute()


def test_dask_distributed(pair, options):
    """The graph runs in another process, which has nothing but what the graph brings."""
    distributed = pytest.importorskip("distributed")
    da = pytest.importorskip("dask.array")
    first, second = (x[:64, :96] for x in pair)
    expected = fuse(first, second, **options)
    cluster = distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None
    )
    with cluster, distributed.Client(cluster):
        lazy = fuse(da.from_array(first, chunks=40), second, **options, tile=48)
        assert_same(lazy.compute(), expected)


def test_cancel_leaves_the_fuser_usable(pair, options):
    fuser = Fuser(**options, tile=32)
    with pytest.raises(Cancelled):
        fuser.fuse(*pair, progress=lambda done, total: done < total // 2)
    assert_same(fuser.fuse(*pair), fuse(*pair, **options))


def test_step_by_step(pair, options):
    expected = fuse(*pair, **options)
    steps = Fuser(**options, tile=64).fuse_steps(*pair)
    result = None

    def collect():
        nonlocal result
        result = yield from steps

    seen = list(collect())
    assert_same(result, expected)
    done, totals = zip(*seen, strict=True)
    assert done == tuple(range(1, len(seen) + 1))
    assert set(totals) == {len(seen)}


def test_closing_the_steps_stops(pair, options):
    fuser = Fuser(**options, tile=64)
    out = np.zeros_like(pair[0])
    steps = fuser.fuse_steps(*pair, out=out)
    next(steps)
    steps.close()
    assert not out.any()
    assert_same(fuser.fuse(*pair), fuse(*pair, **options))


def test_out_makes_both_results(pair, options):
    expected, share = fuse(*pair, **options, return_mask=True)
    made = []

    def make(shape, dtype):
        made.append((shape, np.dtype(dtype)))
        return np.zeros(shape, dtype)

    result, mask = fuse(*pair, **options, return_mask=True, out=(make, make))
    assert made == [(pair[0].shape, np.dtype(np.uint16)), (pair[0].shape, np.dtype(np.float32))]
    np.testing.assert_array_equal(result, expected)
    np.testing.assert_array_equal(mask, share)


def test_an_unfit_mask_is_refused(pair, options):
    out = (np.zeros_like(pair[0]), np.zeros(pair[0].shape))
    with pytest.raises(InvalidInputError, match=r"float64; the mask has .* float32"):
        fuse(*pair, **options, return_mask=True, out=out)
