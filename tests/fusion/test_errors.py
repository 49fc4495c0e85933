"""What `fuse` refuses, and the corners of what it takes."""

import json

import numpy as np
import pytest

from gifnet import Fuser, fuse
from gifnet.errors import InvalidInputError, WeightsError
from tests.helpers.fusion_samples import image

# -- what cannot be fused -------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "message"),
    [
        (np.zeros((0, 5)), "empty"),
        (np.zeros((1, 1)), "one pixel"),
        (np.zeros(5), "two axes"),
        (np.zeros((8, 8), complex), "complex128"),
        (np.array([["a", "b"]]), "type <U1"),
        (np.zeros((8, 8), object), "object"),
        (np.zeros((8, 8), "M8[s]"), "datetime64"),
        ("photo.png", "Read the file first"),
        (None, "NoneType"),
        ([[1, 2], [3]], "cannot be turned into an array"),
        (np.zeros((8, 9)), r"differ in height or width.*8 x 9.*8 x 8"),
    ],
)
def test_bad_images_give_one_clear_error(seen, first, message):
    with pytest.raises(InvalidInputError, match=message):
        fuse(first, image((8, 8)))
    assert not seen


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"task": "xray"}, "task is 'xray'.*ivif"),
        ({"model": "unet"}, "no model 'unet'.*gifnet"),
        ({"chroma": "red"}, "chroma is 'red'"),
        ({"precision": "int8"}, "precision is 'int8'"),
        ({"statistics": "none"}, "statistics is 'none'"),
        ({"tile": -8}, "tile is -8"),
        ({"tile": "big"}, "tile is 'big'"),
        ({"channel_axis": "last"}, "channel_axis is 'last'"),
        ({"channel_axis": 0}, "no 3 or 4 channels"),
        ({"value_range": (5, 5)}, "low must be below high"),
        ({"value_range": "all"}, "value_range is 'all'"),
        ({"weights": 3}, "weights is 3"),
    ],
)
def test_bad_options_give_one_clear_error(seen, option, message):
    with pytest.raises(InvalidInputError, match=message):
        fuse(image((8, 8)), image((8, 8)), **option)


def test_unknown_options_are_named():
    with pytest.raises(InvalidInputError, match="tiles"):
        Fuser(tiles=8)


def test_missing_weights_name_the_path(tmp_path):
    with pytest.raises(WeightsError, match=r"no weights file.*nowhere\.safetensors"):
        fuse(image((8, 8)), image((8, 8)), weights=tmp_path / "nowhere.safetensors")


# -- corners ---------------------------------------------------------------------------


def test_masked_dask_arrays_keep_their_mask(seen):
    da = pytest.importorskip("dask.array")
    codes = image((12, 16), np.uint16, 1000)
    codes[:4] = 65535
    second = image((12, 16), np.uint16, 1000)
    lazy = da.ma.masked_equal(da.from_array(codes, chunks=(6, 8)), 65535)
    expected = fuse(np.ma.masked_equal(codes, 65535), second)
    np.testing.assert_array_equal(fuse(lazy, second).compute(), np.ma.getdata(expected))


def test_constant_images(seen):
    constant = np.full((8, 8), 1000, np.uint16)
    assert (fuse(constant, np.full((8, 8), 7, np.uint16)) == 1000).all()
    # Another type's values need not fit the first's: its own limits hold them.
    assert len(np.unique(fuse(constant, image((8, 8))))) > 8


def test_one_array_with_two_ranges(seen):
    same, ranges = image((8, 8)), ((0, 1), (0, 4))
    np.testing.assert_array_equal(
        fuse(same, same, value_range=ranges), fuse(same, same.copy(), value_range=ranges)
    )


def test_numpy_numbers_are_options(random_weights):
    counts = image((8, 8), np.uint16)
    options = {"tile": np.int64(64), "channel_axis": np.int64(-1)}
    assert Fuser(**options).options.tile == 64
    fuser = Fuser(weights=random_weights, value_range=(counts.min(), counts.max()))
    assert json.loads(json.dumps(fuser.provenance()))["options"]["value_range"][0] >= 0
    with pytest.raises(InvalidInputError, match="tile is True"):
        Fuser(tile=True)
    with pytest.raises(InvalidInputError, match="options is 'gifnet-cvpr'"):
        Fuser("gifnet-cvpr")
