"""Layers with colours of their own give them to the result."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.layers import Image
from scipy.ndimage import gaussian_filter

from gifnet.errors import InvalidInputError
from gifnet.options import FuseOptions
from napari_gifnet import fuse_layers, rerun
from napari_gifnet.jobs.base import FuserCache, shared_fusers
from napari_gifnet.jobs.fuse import FusionJob, colormaps_of
from napari_gifnet.jobs.preview import PreviewJob
from napari_gifnet.jobs.script import as_script
from napari_gifnet.layers.colours import have_colours
from napari_gifnet.layers.sampling import RangeCache
from napari_gifnet.layers.snapshot import snapshot
from napari_gifnet.layers.viewport import ViewRegion
from tests.plugin.jobs.test_display import pet_and_mri

SPOTS = np.s_[30:40, 60:70], np.s_[60:70, 30:40]


def cells() -> list[Image]:
    """Return phase contrast, GFP with one spot, and DAPI with another."""
    noise = gaussian_filter(np.random.default_rng(0).standard_normal((96, 96)), 2)
    phase = (2000 + 4000 * noise).clip(0).astype(np.uint16)
    layers = [Image(phase, name="phase", contrast_limits=(0, 4000))]
    for name, colour, spot in zip(("GFP", "DAPI"), ("green", "blue"), SPOTS, strict=True):
        values = np.zeros((96, 96), np.uint16)
        values[spot] = 900
        layers.append(
            Image(
                values, name=name, colormap=colour, blending="additive", contrast_limits=(0, 1000)
            )
        )
    return layers


def job_of(layers: Any, **options: Any) -> FusionJob:
    images = tuple(snapshot(layer) for layer in layers)
    maps = colormaps_of(images)
    return FusionJob(images, FuseOptions(**options), scale="displayed", colormaps=maps)


def run(job: FusionJob) -> Any:
    return job.run(shared_fusers(), lambda done, total: None)[-1]


def test_channels_on_phase_keep_their_colours_and_the_phase_its_greys() -> None:
    layers = cells()
    data, arguments, _ = run(job_of(layers))
    assert (data.dtype, data.shape, arguments["rgb"]) == (np.uint8, (96, 96, 3), True)
    record = arguments["metadata"]["napari_gifnet"]
    assert record["values"] == "colours of a display, 0 to 255"
    green, blue = (data[spot].astype(float).mean(axis=(0, 1)) for spot in SPOTS)
    assert green[1] > green[[0, 2]].max() + 60
    assert blue[2] > blue[:2].max() + 60
    elsewhere = data[75:, 75:].astype(float)
    assert np.ptp(elsewhere, axis=-1).max() <= 2
    phase = layers[0].data[75:, 75:] / 4000 * 255
    assert np.abs(elsewhere[..., 0].mean() - phase.mean()) < 8


def test_a_lesion_is_bright_and_coloured_in_the_result_and_in_the_preview() -> None:
    pet, mri = pet_and_mri(lesion=True)
    pet.colormap = "inferno"
    job = job_of((pet, mri))
    data, *_ = run(job)
    lesion = data[4, 43, 59].astype(float)
    assert lesion[0] > 200
    assert lesion[2] < lesion[1]
    region = ViewRegion((-0.5, -0.5), (95.5, 95.5), 1.0, (4,))
    frame, arguments, _ = PreviewJob(job, region, 512).run(
        FuserCache(), RangeCache(), lambda done, total: None
    )
    assert arguments["rgb"]
    assert np.abs(255 * frame - data[4]).mean() < 0.02 * 255
    assert np.abs(255 * frame[43, 59] - lesion).max() < 0.02 * 255


def test_planes_between_those_of_a_layer_are_interpolated() -> None:
    """The preview shows the plane that the result has, not the nearest one."""
    deep = np.arange(4.0)[:, None, None] * np.ones((4, 40, 40))
    coarse = Image(deep, scale=(2, 1, 1), contrast_limits=(0, 3))
    fine = Image(np.zeros((8, 40, 40)), contrast_limits=(0, 3))
    images = (snapshot(coarse), snapshot(fine))
    job = FusionJob(images, FuseOptions(), "second", scale="displayed")
    whole, *_ = run(job)
    for plane in (2, 3):
        region = ViewRegion((-0.5, -0.5), (39.5, 39.5), 1.0, (plane,))
        frame = PreviewJob(job, region, 512).run(
            shared_fusers(), RangeCache(), lambda done, total: None
        )[0]
        np.testing.assert_allclose(frame, whole[plane], atol=0.02)


def test_slices_of_one_channel_are_fused_by_their_values() -> None:
    same = [snapshot(Image(np.zeros((8, 8)), colormap="green")) for _ in range(3)]
    assert not have_colours(same)
    grey = snapshot(Image(np.zeros((8, 8))))
    assert not have_colours([grey, grey])
    assert have_colours([grey, same[0]])


def test_a_weight_takes_colour_away() -> None:
    layers = cells()
    full, less = (run(job_of(layers, balance=(1, each, 1)))[0] for each in (1, 0.2))
    spot = SPOTS[0]
    saturation = [float(np.ptp(data[spot].astype(float), axis=-1).mean()) for data in (full, less)]
    assert saturation[1] < 0.5 * saturation[0]


def test_scripts_and_records_make_the_same_colours() -> None:
    layers = cells()
    job = job_of(layers)
    data, arguments, _ = run(job)
    script = as_script(job, layers, layers)
    assert "colormaps=['gray', 'green', 'blue']" in script
    assert "value_range=((0.0, 4000.0), (0.0, 1000.0), (0.0, 1000.0))" in script
    (again,) = rerun(layers, arguments["metadata"]["napari_gifnet"])
    np.testing.assert_array_equal(again.data, data)
    ranges = ((0, 4000), (0, 1000), (0, 1000))
    (called,) = fuse_layers(*layers, value_range=ranges, colormaps=["gray", "green", "blue"])
    np.testing.assert_array_equal(called.data, data)
    with pytest.raises(InvalidInputError, match="colormaps has 2 entries for 3 layers"):
        fuse_layers(*layers, colormaps=["gray", "green"])


def test_missing_values_of_a_coloured_layer_come_from_the_others() -> None:
    noise = np.random.default_rng(1).random((64, 64)).astype(np.float32)
    hot = noise.copy()
    hot[:20] = np.nan
    layers = Image(noise, name="grey"), Image(hot, name="hot", colormap="inferno")
    data, *_ = run(job_of(layers))
    assert np.ptp(data[:15].astype(int), axis=-1).max() == 0
    assert np.ptp(data[30:].astype(int), axis=-1).max() > 60


def test_gamma_where_it_is_asked_for() -> None:
    grey = np.full((32, 32), 0.25)
    grey[0] = (np.arange(32) / 31) ** 2
    images = tuple(snapshot(Image(grey, contrast_limits=(0, 1))) for _ in range(2))
    job = FusionJob(images, FuseOptions(), scale="displayed", gammas=(0.5, 0.5))
    data, arguments, _ = run(job)
    assert data.dtype == np.uint8
    assert not arguments["rgb"]
    assert 110 < data[20, 16] < 160  # 64 without it
