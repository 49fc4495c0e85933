"""Layers are fused with the range in which they are displayed."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
from napari.layers import Image
from scipy.ndimage import gaussian_filter, zoom

from gifnet.options import FuseOptions
from napari_gifnet.jobs.base import shared_fusers
from napari_gifnet.jobs.fuse import FusionJob
from napari_gifnet.jobs.script import as_script
from napari_gifnet.layers.display import ScaleCache, describe_ranges, ranges_of
from napari_gifnet.layers.snapshot import snapshot


def texture(seed: int, shape: tuple[int, ...]) -> Any:
    noise = gaussian_filter(np.random.default_rng(seed).standard_normal(shape), (1, 3, 3))
    return noise / noise.std()


def head(shape: tuple[int, ...]) -> Any:
    _, y, x = np.indices(shape) / np.array(shape)[:, None, None, None]
    return ((y - 0.5) / 0.44) ** 2 + ((x - 0.5) / 0.38) ** 2 < 1


def pet_and_mri(lesion: bool) -> tuple[Image, Image]:
    """Return a PET volume of 0 to 23 with one small lesion, and an MRI of finer pixels."""
    fine, coarse = (8, 96, 96), (8, 48, 48)
    mri = np.where(head(fine), 400 + 150 * texture(0, fine), 0).clip(0).astype(np.int16)
    pet = np.where(head(coarse), 5 + 1.5 * texture(1, coarse), 0).clip(0).astype(np.float32)
    if lesion:
        pet[4:6, 20:23, 28:31] = 23
    place = {"scale": (1, 2, 2), "translate": (0, 0.5, 0.5)}
    return Image(pet, name="PET", **place), Image(mri, name="MRI")


@pytest.mark.parametrize("model", ["shares", "gifnet"])
def test_one_lesion_does_not_hide_the_rest(model: str) -> None:
    """Both volumes are seen, and far from the lesion nothing depends on it."""
    units, lesions = [], []
    for lesion in (True, False):
        pet, mri = pet_and_mri(lesion)
        options = FuseOptions(model=model, task="medical")
        job = FusionJob((snapshot(pet), snapshot(mri)), options, scale="displayed")
        data, arguments, _ = job.run(shared_fusers(), lambda done, total: None)[-1]
        (low, high), limits = arguments["metadata"]["napari_gifnet"]["options"]["value_range"]
        units.append((np.asarray(data, float) - low) / (high - low))
        lesions.append(units[-1][4, 43, 59])
    far = np.ones(units[0].shape, bool)
    far[3:7, 30:56, 46:72] = False
    change = np.abs(units[0] - units[1])[far]
    assert change.mean() < 0.01
    assert np.percentile(change, 99) < 0.02
    assert lesions[0] > 0.95 > 0.8 > lesions[1]
    inside = np.asarray(mri.data) > 0
    sources = [(zoom(pet.data, (1, 2, 2), order=1) - low) / (high - low)]
    sources.append((mri.data - limits[0]) / (limits[1] - limits[0]))
    columns = [source.clip(0, 1)[inside] for source in sources] + [np.ones(inside.sum())]
    parts, *_ = np.linalg.lstsq(np.stack(columns, 1), units[1][inside], rcond=None)
    assert min(parts[:2]) > 0.35


def test_ranges_are_the_contrast_limits_that_were_set() -> None:
    pet, mri = pet_and_mri(lesion=True)
    eight = Image(np.zeros((8, 8), np.uint8), name="eight")
    images = [snapshot(layer) for layer in (pet, mri, eight)]
    assert [image.window for image in images] == [None, None, None]
    pet.contrast_limits = (1, 12.4)
    given = Image(mri.data, contrast_limits=(10, 700), name="given")
    images = [snapshot(layer) for layer in (pet, given, eight)]
    assert ranges_of(images, "displayed", ScaleCache()) == ((1, 12.4), (10, 700), (0, 255))
    assert ranges_of(images, "dtype", ScaleCache()) == ((0, 1), (-32768, 32767), (0, 255))
    (_, high), (low, most), _ = ranges_of(images, "data", ScaleCache())
    assert (high, low, most) == (23, mri.data.min(), mri.data.max())
    assert describe_ranges(images[:1], "displayed") == "Range: 1 to 12.4 as displayed."
    assert describe_ranges(images, "percentiles") == "Range: percentiles 0.5 to 99.5."
    assert "given 10 to 700 as displayed; eight 0 to 255." in describe_ranges(images, "displayed")
    assert "given -32768 to 32767" in describe_ranges(images, "dtype")


def test_slices_share_one_range() -> None:
    dark, bright = (Image(np.arange(64.0).reshape(8, 8) * factor) for factor in (1, 4))
    images = [snapshot(dark), snapshot(bright)]
    one, other = ranges_of(images, "displayed", ScaleCache(), shared=True)
    assert one == other
    assert one[1] > 240


def test_a_sparse_image_keeps_its_spots() -> None:
    spots = np.zeros((200, 200), np.float32)
    spots[3, 3:9] = 7
    assert ranges_of([snapshot(Image(spots))], "displayed", ScaleCache()) == ((0, 7),)
    flat = snapshot(Image(np.full((8, 8), 5.0)))
    assert ranges_of([flat], "displayed", ScaleCache()) == ((4.5, 5.5),)


def test_few_planes_of_a_file_are_read() -> None:
    read: list[int] = []

    def block(values: Any, block_info: Any = None) -> Any:
        read.append(1)
        return values

    stack = da.random.default_rng(0).random((200, 32, 32), chunks=(1, 32, 32))
    lazy = stack.map_blocks(block, dtype=float, meta=np.empty((0, 0, 0)))
    layer = Image(lazy, contrast_limits=(0, 1))
    read.clear()
    (low, high), *_ = ranges_of([snapshot(layer)], "percentiles", ScaleCache())
    assert 0 < low < 0.02 < 0.98 < high < 1
    assert len(read) <= 16


def test_scripts_and_records_have_numbers() -> None:
    pet, mri = pet_and_mri(lesion=True)
    pet.contrast_limits = (1, 12.5)
    job = FusionJob((snapshot(pet), snapshot(mri)), FuseOptions(), scale="displayed")
    script = as_script(job, (pet, mri), [pet, mri])
    assert "value_range=((1.0, 12.5), (0.0, " in script
