"""`fuse` and `enhance`: the contracts of what goes in and what comes out.

Most tests put a known function in the network's place, so that what is around it can be
checked to the last bit; `test_golden_through_the_api` has the real one.
"""

import io
import json

import numpy as np
import pytest
import torch

import gifnet
from gifnet import FuseOptions, Fuser, enhance, fuse
from gifnet.errors import Cancelled, InvalidInputError
from tests.helpers.fusion_samples import RNG, image

# -- types and ranges -----------------------------------------------------------------


@pytest.mark.parametrize(
    "dtype", [np.uint8, np.int8, np.uint16, ">u2", np.int32, np.uint64, np.float16, "<f4", ">f8"]
)
def test_result_is_like_the_first(seen, dtype):
    first, second = image((20, 30), dtype), image((20, 30), np.uint16)
    result = fuse(first, second)
    assert result.dtype == np.dtype(dtype).newbyteorder("=")
    assert result.shape == (20, 30)
    for plane in seen[0]:
        assert plane.dtype == np.float32
        assert plane.min() >= 0
        assert plane.max() <= 1
    low, high = (0, 255) if result.dtype == np.uint8 else (first.min(), first.max())
    assert low <= result.min() <= result.max() <= high


def test_bool_images(seen):
    first = RNG.random((9, 9)) > 0.5
    result = fuse(first, first.copy())
    assert result.dtype == bool
    assert np.array_equal(result, first)


def test_uint8_maps_by_type_and_uint16_by_its_own_extremes(seen):
    first = np.full((8, 8), 51, np.uint8)
    second = np.linspace(1000, 3000, 64).reshape(8, 8).astype(np.uint16)
    fuse(first, second)
    np.testing.assert_allclose(seen[0][0], 0.2)
    assert (seen[0][1].min(), seen[0][1].max()) == (0, 1)


def test_a_range_spans_the_stack_not_the_slice(seen):
    stack = np.zeros((2, 8, 8), np.uint16)
    stack[0], stack[1] = np.arange(64).reshape(8, 8), np.arange(64).reshape(8, 8) * 10
    fuse(stack, stack.copy())
    assert seen[0][0].max() == pytest.approx(0.1)
    assert seen[1][0].max() == 1


@pytest.mark.parametrize("spec", [(0, 4095), ((0, 4095), "auto"), "dtype"])
def test_explicit_ranges(seen, spec):
    first = image((8, 8), np.uint16, 4000)
    fuse(first, first.copy(), value_range=spec)
    top = 65535 if spec == "dtype" else 4095
    np.testing.assert_allclose(seen[0][0], first / np.float32(top), rtol=1e-6)


def test_constant_first_image_takes_the_seconds_range(seen):
    second = image((8, 8), np.uint16, 900)
    result = fuse(np.full((8, 8), 7, np.uint16), second)
    assert result.max() <= 900
    assert np.isfinite(result).all()


def test_inputs_are_not_changed(seen):
    first, second = image((12, 12)), image((12, 12))
    first[3, 3] = np.nan
    before = first.copy(), second.copy()
    fuse(first, second)
    np.testing.assert_array_equal(first, before[0])
    np.testing.assert_array_equal(second, before[1])


@pytest.mark.parametrize("view", [np.s_[::-1, ::2], np.s_[:, ::-3]])
def test_strides_do_not_matter(seen, view):
    first, second = image((20, 24)), image((20, 24))
    expected = fuse(first[view].copy(), second[view].copy())
    np.testing.assert_array_equal(fuse(first[view], second[view]), expected)


# -- axes -----------------------------------------------------------------------------


def test_leading_axes_are_looped(seen):
    first, second = image((2, 3, 8, 9)), image((2, 3, 8, 9))
    result = fuse(first, second, value_range=(0, 1))
    np.testing.assert_allclose(result, (first + second) / 2, atol=1e-6)
    assert len(seen) == 6


def test_leading_axes_broadcast(seen):
    bands, pan = image((4, 8, 9)), image((8, 9))
    np.testing.assert_allclose(fuse(bands, pan, value_range=(0, 1)), (bands + pan) / 2, atol=1e-6)
    assert fuse(pan, bands, value_range=(0, 1)).shape == (4, 8, 9)
    with pytest.raises(InvalidInputError, match=r"\(4,\).*\(3,\)"):
        fuse(bands, image((3, 8, 9)))


def test_anything_with_array(seen):
    first = image((8, 9))
    tensor = torch.from_numpy(first)
    np.testing.assert_array_equal(fuse(tensor, first.tolist()), fuse(first, first.copy()))


# -- colour ---------------------------------------------------------------------------


def test_uint8_colour_is_guessed(seen):
    first, second = image((40, 50, 3), np.uint8), image((40, 50), np.uint8)
    assert fuse(first, second).shape == (40, 50, 3)
    assert fuse(second, first).shape == (40, 50, 3)
    assert seen[0][0].shape == (40, 50)


def test_colour_is_that_of_the_coloured_source(seen):
    from skimage.color import rgb2ycbcr

    grey = np.full((40, 50), 128, np.uint8)
    coloured = (image((40, 50, 3)) * 80 + 90).astype(np.uint8)
    result = fuse(grey, coloured)
    difference = rgb2ycbcr(result)[..., 1:] - rgb2ycbcr(coloured)[..., 1:]
    assert np.abs(difference).max() < 1.5


def test_two_colours_blend_and_can_be_chosen(seen):
    first, second = image((40, 40, 3), np.uint8), image((40, 40, 3), np.uint8)
    results = {c: fuse(first, second, chroma=c) for c in ("auto", "blend", "first", "second")}
    np.testing.assert_array_equal(results["auto"], results["blend"])
    assert (results["first"] != results["second"]).any()
    assert fuse(first, second, chroma="none").shape == (40, 40)


def test_same_image_twice_keeps_its_colour(seen):
    coloured = image((40, 40, 3), np.uint8)
    np.testing.assert_allclose(enhance(coloured), coloured, atol=1)
    np.testing.assert_allclose(fuse(coloured, coloured), coloured, atol=1)


def test_float_colour_is_never_guessed(seen):
    with pytest.raises(InvalidInputError, match="channel_axis=-1"):
        fuse(image((40, 50, 3)), image((40, 50)))
    assert fuse(image((40, 50, 3)), image((40, 50)), channel_axis=-1).shape == (40, 50, 3)
    assert fuse(*[image((6, 50, 3))] * 2, channel_axis=None).shape == (6, 50, 3)


def test_channel_axis_anywhere(seen):
    first = image((5, 3, 20, 30), np.uint16)
    moved = np.moveaxis(first, 1, -1)
    second = image((5, 20, 30), np.uint16)
    np.testing.assert_array_equal(
        fuse(first, second, channel_axis=1), fuse(moved, second, channel_axis=-1)
    )


def test_small_uint8_with_a_short_last_axis_is_grey(seen):
    assert fuse(image((5, 20, 3), np.uint8), image((5, 20, 3), np.uint8)).shape == (5, 20, 3)
    assert seen[0][0].shape == (20, 3)


def test_alpha_is_kept(seen):
    first = image((40, 50, 4), np.uint8)
    result = fuse(first, image((40, 50), np.uint8))
    # Transparent pixels come from the other source, which is opaque.
    kept = np.where(first[..., 3] == 0, 255, first[..., 3])
    np.testing.assert_array_equal(result[..., 3], kept)
    # From another source it is scaled to the result's type, that of the first coloured one.
    coloured = image((40, 50, 3), np.uint16)
    result = fuse(coloured, first, channel_axis=-1)
    assert result.dtype == np.uint16
    np.testing.assert_array_equal(result[..., 3], kept.astype(int) * 257)


def test_a_coloured_result_has_the_coloured_source_s_type_and_range(seen):
    grey, coloured = image((40, 50), np.float32), image((40, 50, 3), np.uint8)
    result = fuse(1000 * grey, coloured)
    assert (result.dtype, result.shape) == (np.uint8, coloured.shape)


def test_chroma_of_a_grey_image_is_refused(seen):
    first, second = image((40, 50, 3), np.uint8), image((40, 50), np.uint8)
    with pytest.raises(InvalidInputError, match="second image is grey"):
        fuse(first, second, chroma="second")
    with pytest.raises(InvalidInputError, match="second image is grey"):
        fuse(first, second, chroma="blend")
    with pytest.raises(InvalidInputError, match="no image has colour"):
        fuse(second, second.copy(), chroma="first")


# -- missing pixels -------------------------------------------------------------------


def test_where_one_lacks_data_the_other_is_used(seen):
    first, second = image((16, 16)), image((16, 16))
    first[:4], second[10:] = np.nan, np.nan
    result, mask = fuse(first, second, value_range=(0, 1), return_mask=True)
    np.testing.assert_allclose(result[:4], second[:4])
    np.testing.assert_allclose(result[10:], first[10:])
    assert (mask[:4] == 0).all()
    assert (mask[10:] == 1).all()
    assert all(np.isfinite(plane).all() for plane in seen[0])


def test_where_both_lack_data_the_result_does(seen):
    first, second = image((16, 16)), image((16, 16))
    first[2:6, 2:6], second[4:8, 4:8] = np.inf, np.nan
    result = fuse(first, second)
    lacking = np.zeros((16, 16), bool)
    lacking[4:6, 4:6] = True
    np.testing.assert_array_equal(np.isnan(result), lacking)


def test_masked_arrays(seen):
    mask = np.zeros((16, 16), bool)
    mask[:3] = True
    first = np.ma.MaskedArray(image((16, 16), np.uint16), mask)
    second = np.ma.MaskedArray(image((16, 16), np.uint16), mask[::-1])
    assert not np.ma.is_masked(fuse(first, second))
    both = fuse(first, np.ma.MaskedArray(second.data, mask))
    np.testing.assert_array_equal(np.ma.getmaskarray(both), mask)
    # The second source is masked, the first is not: nothing is lacking.
    assert not isinstance(fuse(first.data, second), np.ma.MaskedArray)


def test_where_data_lack_results_given_a_place_say_so_by_their_values(seen):
    values = RNG.integers(10, 200, (20, 30)).astype(np.uint16)
    first = np.ma.MaskedArray(values, np.zeros(values.shape, bool))
    first[3:6, 4:9] = np.ma.masked
    out = np.zeros(values.shape, np.uint16)
    assert fuse(first, first.copy(), out=out) is out
    assert (out[3:6, 4:9] == first.min()).all()


def test_a_plane_without_data_is_refused(seen):
    stack = image((3, 8, 8))
    stack[1] = np.nan
    with pytest.raises(InvalidInputError, match=r"second image has no finite pixel.*\(1,\)"):
        fuse(image((3, 8, 8)), stack)
    with pytest.raises(InvalidInputError, match=r"first image.*no finite value"):
        fuse(np.full((8, 8), np.nan), image((8, 8)))


# -- the rest -------------------------------------------------------------------------


def test_dask_with_alpha(seen):
    da = pytest.importorskip("dask.array")
    image = np.random.default_rng(0).integers(0, 255, (40, 40, 4)).astype(np.uint16)
    lazy = da.from_array(image, chunks=(20, 20, 4))
    found = fuse(lazy, lazy, channel_axis=-1, device="cpu").compute()
    np.testing.assert_array_equal(found, fuse(image, image, channel_axis=-1, device="cpu"))


def test_dask_stays_lazy(seen):
    da = pytest.importorskip("dask.array")
    first, second = image((3, 16, 20), np.uint16), image((16, 20))
    lazy, mask = fuse(da.from_array(first, chunks=(1, 8, 8)), second, return_mask=True)
    assert not seen
    assert lazy.shape == mask.shape == (3, 16, 20)
    assert lazy.chunks[0] == (1, 1, 1)
    np.testing.assert_array_equal(lazy.compute(), fuse(first, second))
    assert (mask[1].compute() == 0.25).all()


def test_progress_and_cancel(seen):
    calls = []
    stack = image((4, 8, 8))
    fuse(stack, stack.copy(), progress=lambda done, total: calls.append((done, total)))
    total = calls[-1][1]
    assert calls == [(total * (i + 1) // 4, total) for i in range(4)]
    with pytest.raises(Cancelled, match=f"{total // 2} of {total}"):
        fuse(stack, stack.copy(), progress=lambda done, total: done < total // 2)


def test_tqdm_is_a_progress(seen):
    from tqdm import tqdm

    with tqdm(file=io.StringIO()) as bar:
        fuse(image((4, 8, 8)), image((4, 8, 8)), progress=bar)
    assert bar.n == bar.total > 0


def test_fuser_keeps_its_model_and_releases_it(random_weights):
    with Fuser(weights=random_weights, device="cpu") as fuser:
        first = fuser.fuse(image((8, 8)), image((8, 8)))
        module = fuser._network.module
        fuser.fuse(image((8, 8)), image((8, 8)))
        assert fuser._network.module is module
        assert first.dtype == np.float32
    assert fuser._network._module is None
    assert fuser.enhance(image((8, 8))).shape == (8, 8)


def test_mask_needs_a_model_that_has_one(random_weights):
    with pytest.raises(InvalidInputError, match=r"gifnet-cvpr.*no mask"):
        fuse(image((8, 8)), image((8, 8)), model="gifnet-cvpr", return_mask=True)


def test_provenance_repeats_the_run(random_weights):
    pair = image((16, 24), np.uint16), image((16, 24))
    fuser = Fuser(weights=random_weights, task="mfif", value_range=((0, 5000), "auto"))
    result = fuser.fuse(*pair)
    record = json.loads(json.dumps(fuser.provenance()))
    assert record["weights"]["sha256"] == fuser.weights.sha256
    assert record["precision"] == "float32"
    assert record["versions"]["napari-gifnet"] == gifnet.__version__
    again = Fuser(FuseOptions.from_dict(record["options"])).fuse(*pair)
    np.testing.assert_array_equal(again, result)
    with pytest.raises(InvalidInputError, match="colour"):
        FuseOptions.from_dict({"colour": 1})


def test_list_models():
    models = {model.name: model for model in gifnet.list_models()}
    assert {"gifnet", "gifnet-cvpr"} <= set(models)
    assert models["gifnet"].has_mask
    assert models["gifnet-cvpr"].bundled
    assert not models["gifnet-blend"].bundled


@pytest.mark.parametrize("tile", [0, 64])
def test_golden_through_the_api(shared_dir, tile):
    folder = shared_dir / "reference" / "gifnet"
    golden = np.load(folder / "golden" / "medical.npz")
    first, second = (golden[name].astype(np.float32) / 255 for name in ("first", "second"))
    result = fuse(
        first, second, model="gifnet-cvpr", weights=folder / "official.model", tile=tile,
        value_range=(0, 1),
    )  # fmt: skip
    assert np.abs(result - golden["fused_dp"]).max() < 2e-5
