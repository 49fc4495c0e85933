"""Pansharpening: grids, histograms, types, and the classical baselines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import gaussian_filter
from skimage.exposure import match_histograms
from skimage.registration import phase_cross_correlation

from gifnet import Fuser, pansharpen
from gifnet.errors import Cancelled, InvalidInputError
from gifnet.geometry import Grid, resample
from gifnet.imaging.histogram import Histogram
from gifnet.imaging.ranges import normalise

METHODS = ("gifnet", "brovey", "gram-schmidt")


def scene(side: int = 96, bands: int = 3) -> np.ndarray:
    """Bands that share their texture and differ in level and gain."""
    rng = np.random.default_rng(0)
    texture = gaussian_filter(rng.random((side, side)), 1.5)
    texture = (texture - texture.min()) / np.ptp(texture)
    smooth = gaussian_filter(rng.random((bands, side, side)), (0, 12, 12)) * 4
    return 300 + 200 * np.arange(1, bands + 1)[:, None, None] * (texture + smooth)


def degraded(bands: np.ndarray, grid: Grid) -> np.ndarray:
    fine = Grid(bands.shape[1:], np.eye(3))
    return np.stack([resample(band, fine, grid) for band in bands])


def coarse_grid(side: int, ratio: float, shift: float = 0.0) -> Grid:
    count = int((side - shift) / ratio)
    return Grid.from_parts((count,) * 2, scale=[ratio] * 2, translate=[(ratio - 1) / 2 + shift] * 2)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("ratio", "shift"), [(2.0, 0.0), (4.0, 0.0), (1.7, 3.3)])
def test_bands_lie_where_pan_lies(method: str, ratio: float, shift: float, seen: object) -> None:
    truth = scene()
    grid = coarse_grid(96, ratio, shift)
    ms = degraded(truth, grid).astype(np.uint16)
    pan = truth.mean(axis=0).astype(np.uint16)
    result = pansharpen(pan, ms, method=method, pan_grid=Grid(pan.shape, np.eye(3)), ms_grid=grid)
    assert result.dtype == np.uint16
    assert result.shape == truth.shape
    core = (slice(12, -12), slice(12, -12))
    for band, wanted in zip(result, truth, strict=True):
        band = np.ma.getdata(band).astype(np.float64)
        shift_found = phase_cross_correlation(wanted[core], band[core], upsample_factor=100)[0]
        assert np.abs(shift_found).max() < 0.05


@pytest.mark.parametrize("method", ["brovey", "gram-schmidt"])
def test_classical_methods_sharpen(method: str) -> None:
    truth = scene()
    ms = degraded(truth, coarse_grid(96, 4.0))
    result = pansharpen(truth.mean(axis=0), ms, method=method)
    cubic = np.stack(
        [resample(b, coarse_grid(96, 4.0), Grid((96, 96), np.eye(3)), order=3) for b in ms]
    )
    assert np.abs(result - truth).mean() < 0.8 * np.abs(cubic - truth).mean()


def test_without_grids_both_cover_one_area() -> None:
    truth = scene()
    ms = degraded(truth, coarse_grid(96, 4.0))
    pan = truth.mean(axis=0)
    fine = Grid(pan.shape, np.eye(3))
    with_grids = pansharpen(pan, ms, method="brovey", pan_grid=fine, ms_grid=coarse_grid(96, 4.0))
    assert_allclose(pansharpen(pan, ms, method="brovey"), with_grids)


def test_brovey_keeps_the_angle_between_bands() -> None:
    truth = scene()
    ms = degraded(truth, coarse_grid(96, 4.0))
    result = pansharpen(truth.mean(axis=0), ms, method="brovey")
    fine = Grid((96, 96), np.eye(3))
    cubic = np.stack([resample(b, coarse_grid(96, 4.0), fine, order=3) for b in ms])
    ratio = result / cubic
    assert_allclose(ratio - ratio[:1], 0, atol=1e-9)


def test_the_network_sees_band_and_pan_in_their_own_ranges(
    seen: list[tuple[np.ndarray, np.ndarray]],
) -> None:
    truth = scene(48)
    ms = degraded(truth, coarse_grid(48, 2.0))
    pansharpen(truth[0] * 7, ms, device="cpu")
    assert len(seen) == 3
    fine = Grid((48, 48), np.eye(3))
    for band, (plane, sharp) in zip(ms, seen, strict=True):
        cubic = resample(band, coarse_grid(48, 2.0), fine, order=3)
        assert_allclose(plane, normalise(cubic, (band.min(), band.max())), atol=1e-6)
        assert (sharp.min(), sharp.max()) == pytest.approx((0, 1))


@pytest.mark.parametrize(
    ("dtype", "value_range", "limits"),
    [
        (np.uint8, "auto", ((0, 255), (0, 255))),
        (np.uint16, "dtype", ((0, 65535), (0, 65535))),
        (np.uint16, ((0, 4095), "dtype"), ((0, 4095), (0, 65535))),
        (np.uint16, (100, 5000), ((100, 5000), (100, 5000))),
    ],
)
def test_ranges_are_those_of_the_types_as_given(
    dtype: type,
    value_range: object,
    limits: tuple[tuple[float, float], ...],
    seen: list[tuple[np.ndarray, np.ndarray]],
) -> None:
    truth = scene(48, 1) / (10 if dtype == np.uint8 else 1)
    ms, pan = degraded(truth, coarse_grid(48, 2.0)).astype(dtype), truth[0].astype(dtype)
    result = pansharpen(pan, ms, value_range=value_range, match_histograms=False)
    cubic = resample(ms[0], coarse_grid(48, 2.0), Grid((48, 48), np.eye(3)), order=3)
    for plane, values, given in zip(seen[0], (cubic, pan), limits, strict=True):
        assert_allclose(plane, normalise(values, given), atol=1e-6)
    # What stands for the network here is the mean of both planes.
    wanted = limits[0][0] + sum(seen[0]).astype(float) / 2 * (limits[0][1] - limits[0][0])
    assert np.abs(result[0] - wanted).max() <= 0.51


def test_constant_bands_and_pan_are_sharpened(seen: object) -> None:
    flat = np.full((1, 12, 12), 2000, np.uint16)
    pan = np.random.default_rng(0).integers(0, 4000, (24, 24)).astype(np.uint16)
    assert abs(pansharpen(pan, flat).astype(float).mean() - 2000) < 2
    ms = np.arange(1000, 1144, dtype=np.uint16).reshape(1, 12, 12)
    assert np.ptp(pansharpen(np.full((24, 24), 7, np.uint16), ms)) > 100


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
@pytest.mark.parametrize("method", ["brovey", "gram-schmidt"])
def test_the_widest_integers_do_not_wrap(dtype: type, method: str) -> None:
    ms = np.full((2, 8, 8), np.iinfo(dtype).max, dtype)
    pan = np.random.default_rng(0).random((16, 16))
    assert pansharpen(pan, ms, method=method).max() > np.iinfo(dtype).max * 0.99


def test_histogram_of_the_coarse_part_is_the_bands(seen: object) -> None:
    truth = scene(64, 1)
    ms = degraded(truth, coarse_grid(64, 2.0))
    [fine] = pansharpen(truth[0], ms, match_histograms=False)
    [found] = pansharpen(truth[0], ms)
    cubic = resample(ms[0], coarse_grid(64, 2.0), Grid((64, 64), np.eye(3)), order=3)
    base = gaussian_filter(fine, 0.5, radius=1)
    expected = fine + match_histograms(base, cubic) - base
    assert np.abs(found - expected).mean() < 1e-3 * np.ptp(cubic)


def test_histograms_match_as_in_scikit_image() -> None:
    rng = np.random.default_rng(1)
    image, template = rng.normal(size=(50, 60)), rng.gamma(2, size=(40, 70)) * 1000
    own, other = Histogram(), Histogram()
    for histogram, values in ((own, image), (other, template)):
        for step in (histogram.widen, histogram.count):
            for part in np.array_split(values.ravel(), 3):
                step(part)
    found = other.values(own.quantiles(image))
    assert np.abs(found - match_histograms(image, template)).mean() < 1e-3 * np.ptp(template)
    parts = np.linspace(0, 1, 21)
    assert_allclose(np.quantile(found, parts), np.quantile(template, parts), rtol=0.02)
    assert_array_equal(np.argsort(found, axis=None), np.argsort(image, axis=None))


@pytest.mark.parametrize("method", METHODS)
def test_strips_change_nothing(
    method: str, seen: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    truth = scene(60)
    ms = degraded(truth, coarse_grid(60, 2.5)).astype(np.uint16)
    ms[1, 3:6, 4:7] = 0
    pan = np.ma.masked_less(truth.mean(axis=0), 380).astype(np.uint16)
    whole = pansharpen(pan, ms, method=method)
    monkeypatch.setattr("gifnet.workflows.pansharpen._STRIP_PIXELS", 60 * 3 * 7)
    monkeypatch.setattr("gifnet.workflows.pansharpen._SPLINE_REACH", 12)
    made: list[tuple[int, ...]] = []

    def scratch(shape: tuple[int, ...], dtype: object) -> np.ndarray:
        made.append(shape)
        return np.memmap(tmp_path / str(len(made)), dtype, "w+", shape=shape)

    parts = pansharpen(pan, ms, method=method, scratch=scratch)
    assert set(made) == {(3, 60, 60), (60, 60)}
    assert_array_equal(np.ma.getmaskarray(parts), np.ma.getmaskarray(whole))
    assert np.abs(parts.astype(float) - whole.astype(float)).max() <= 1


@pytest.mark.parametrize("method", METHODS)
def test_axes_types_and_missing_pixels(method: str, seen: object) -> None:
    ms = np.moveaxis(degraded(scene(48), coarse_grid(48, 2.0)), 0, -1)
    pan = scene(48).mean(axis=0)
    pan[5:9, 5:9] = np.nan
    result = pansharpen(pan, ms.astype(np.float32), band_axis=-1, method=method)
    assert (result.shape, result.dtype) == ((48, 48, 3), np.float32)
    assert_array_equal(np.isnan(result), np.broadcast_to(np.isnan(pan)[..., None], result.shape))
    whole = pansharpen(pan, ms[..., 0].astype(np.uint16), method=method)
    assert whole.shape == (48, 48)
    assert_array_equal(np.ma.getmaskarray(whole), np.isnan(pan))


@pytest.mark.parametrize("kind", ["numpy", "masked", "dask", "zarr"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_unit_axes_of_pan_do_not_matter(place: int, kind: str, seen: object) -> None:
    truth = scene(48, 2).astype(np.uint16)
    ms = degraded(truth, coarse_grid(48, 2.0)).astype(np.uint16)
    expected = pansharpen(truth[0], ms)
    pan: object = np.expand_dims(truth[0], place)
    if kind == "masked":
        pan = np.ma.MaskedArray(pan)
    elif kind == "dask":
        pan = pytest.importorskip("dask.array").from_array(pan, chunks=16)
    elif kind == "zarr":
        pan = pytest.importorskip("zarr").array(pan, chunks=(16, 16, 16))
    assert_array_equal(pansharpen(pan, ms), expected)


def test_options_that_would_not_count_are_refused(seen: object) -> None:
    ms = np.random.default_rng(0).random((2, 8, 8))
    with Fuser(device="cpu") as fuser:
        assert pansharpen(ms[0], ms, fuser=fuser).shape == ms.shape
        with pytest.raises(InvalidInputError, match=r"fuser has its own .*value_range"):
            pansharpen(ms[0], ms, fuser=fuser, value_range=(0, 1))
    for name in ("value_range", "metod"):
        with pytest.raises(InvalidInputError, match=f"'brovey' has no options.*{name}"):
            pansharpen(ms[0], ms, method="brovey", **{name: "dtype"})


def test_progress_and_cancelling(seen: object) -> None:
    calls: list[tuple[int, int]] = []
    ms = np.random.default_rng(0).random((2, 16, 16))
    pansharpen(ms[0], ms, progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (4, 4)
    with pytest.raises(Cancelled):
        pansharpen(ms[0], ms, progress=lambda done, total: False)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"method": "magic"}, "gifnet, brovey, gram-schmidt"),
        ({"pan": np.zeros((2, 8, 8))}, "give one plane"),
        ({"band_axis": 0.5}, r"band_axis is 0\.5"),
        ({"band_axis": 3}, "band_axis is 3"),
        ({"metod": "brovey"}, r"Unknown options \['metod'\]"),
        ({"value_range": (2, 1)}, "low must be below high"),
        ({"ms": np.zeros((2, 2, 8, 8))}, "give bands"),
        ({"pan_grid": Grid((16, 16), np.eye(3))}, "Only one of"),
        ({"pan": np.full((16, 16), np.nan)}, "no pixel that is valid in both"),
        (
            {
                "pan_grid": Grid((16, 16), np.eye(3)),
                "ms_grid": Grid.from_parts((8, 8), translate=[99, 0]),
            },
            "do not overlap",
        ),
        ({"pan_grid": Grid((9, 9), np.eye(3)), "ms_grid": Grid((8, 8), np.eye(3))}, "own grid"),
    ],
)
def test_what_cannot_be_sharpened_is_refused(
    change: dict[str, object], words: str, seen: object
) -> None:
    rng = np.random.default_rng(0)
    arguments = {"pan": rng.random((16, 16)), "ms": rng.random((2, 8, 8)), **change}
    with pytest.raises(InvalidInputError, match=words):
        pansharpen(arguments.pop("pan"), arguments.pop("ms"), **arguments)
