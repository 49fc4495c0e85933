"""``gifnet pansharpen`` and GeoTIFF: place, reference system, band names and wavelengths."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from gifnet import pansharpen
from gifnet.errors import WriteError
from gifnet.io import Georeference, read_georeference, read_images, write_geotiff, write_image
from tests.helpers.cli_tools import Outcome, Run

#: Keys of UTM zone 10 north (EPSG 32610), pixels as areas.
KEYS = (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32610)
GDAL = (
    "<GDALMetadata>"
    '<Item name="DESCRIPTION" sample="1" role="description">Green</Item>'
    '<Item name="DESCRIPTION" sample="0" role="description">Blue</Item>'
    '<Item name="wavelength" sample="0">485</Item><Item name="wavelength" sample="1">555</Item>'
    "</GDALMetadata>"
)


def place(pixel: float, x: float, y: float, gdal: bool = False) -> Georeference:
    """A north-up image whose corner, not first centre, lies at (x, y)."""
    matrix = np.array([[-pixel, 0, y - pixel / 2], [0, pixel, x + pixel / 2], [0, 0, 1]])
    return Georeference(matrix, {34735: KEYS, **({42112: GDAL} if gdal else {})})


@pytest.fixture
def scenes(tmp_path: Path) -> tuple[Path, Path]:
    """PAN of 0.5 m, and MS of 2 m that reaches 4 m further north and west."""
    rng = np.random.default_rng(0)
    paths = tmp_path / "pan.tif", tmp_path / "ms.tif"
    pan = rng.integers(100, 4000, (1, 48, 40)).astype(np.uint16)
    ms = rng.integers(100, 4000, (2, 14, 12)).astype(np.uint16)
    write_geotiff(paths[0], pan, place(0.5, 5e5, 4e6))
    write_geotiff(paths[1], ms, place(2.0, 5e5 - 4, 4e6 + 4, gdal=True))
    return paths


def test_georeference_comes_back(scenes: tuple[Path, Path]) -> None:
    found = read_georeference(scenes[1])
    assert found.matrix is not None
    assert_allclose(found.matrix, place(2.0, 5e5 - 4, 4e6 + 4).matrix)
    assert found.system == (KEYS, None, None)
    assert found.band_names() == ("Blue", "Green")
    assert found.wavelengths() == ("485", "555")
    (image,) = read_images(scenes[1])
    assert image.scale[-2:] == pytest.approx((2.0, 2.0))
    assert image.translate[-2:] == pytest.approx((-(4e6 + 4) + 1, 5e5 - 4 + 1))


def test_rotated_and_point_georeferences_come_back(tmp_path: Path) -> None:
    matrix = np.array([[-1.9, 0.3, 4e6], [0.3, 1.9, 5e5], [0, 0, 1]])
    keys = (1, 1, 0, 1, 1025, 0, 1, 2)
    for tags in ({}, {34735: keys}):
        path = tmp_path / f"{len(tags)}.tif"
        write_geotiff(path, np.zeros((1, 4, 4), np.uint8), Georeference(matrix, tags))
        found = read_georeference(path)
        assert found.matrix is not None
        assert_allclose(found.matrix, matrix)
    assert found.is_point
    with pytest.raises(WriteError, match=r"\.tif"):
        write_geotiff(tmp_path / "a.png", np.zeros((1, 4, 4)), Georeference(None))


@pytest.mark.parametrize("method", ["gifnet", "brovey", "gram-schmidt"])
def test_files_are_placed_by_their_tags(
    run: Run, scenes: tuple[Path, Path], method: str, options: list[str], random_weights: Path
) -> None:
    out = scenes[0].with_name("out.tif")
    outcome = run("pansharpen", *scenes, "-o", out, "--method", method, *options)
    assert outcome == Outcome(0, "", "")
    (image,) = read_images(out)
    assert (image.data.dtype, image.data.shape, image.axes) == (np.uint16, (2, 48, 40), "CYX")
    pan, ms = (read_images(path)[0].data for path in scenes)
    network = {"weights": random_weights, "device": "cpu", "precision": "float32"}
    expected = pansharpen(
        pan.squeeze(),
        ms,
        method=method,
        pan_grid=read_georeference(scenes[0]).grid((48, 40)),
        ms_grid=read_georeference(scenes[1]).grid((14, 12)),
        **(network if method == "gifnet" else {}),
    )
    np.testing.assert_array_equal(image.data, expected)
    found = read_georeference(out)
    assert found.matrix is not None
    assert_allclose(found.matrix, place(0.5, 5e5, 4e6).matrix)
    assert found.system == (KEYS, None, None)
    assert (found.band_names(), found.wavelengths()) == (("Blue", "Green"), ("485", "555"))
    record = image.metadata["gifnet"]
    assert (record["operation"], record["method"]) == ("pansharpen", method)


@pytest.mark.parametrize(("values", "kept"), [((7, 0), 0), ((7, None), 7), ((-1, None), None)])
def test_nodata_comes_back(
    run: Run, tmp_path: Path, values: tuple[int | None, ...], kept: int | None
) -> None:
    rng = np.random.default_rng(0)
    pan, ms = rng.integers(100, 4000, (1, 40, 40)), rng.integers(100, 4000, (2, 10, 10))
    for bands, columns, value in ((pan, slice(8), values[0]), (ms, 9, values[1])):
        bands[..., columns] = 100 if value is None else value
    paths = tmp_path / "pan.tif", tmp_path / "ms.tif"
    for path, bands, value in zip(paths, (pan, ms), values, strict=True):
        bands = bands.astype(np.int16 if value == -1 else np.uint16)
        write_geotiff(path, bands, Georeference(None), nodata=value)
    out = tmp_path / "out.tif"
    assert run("pansharpen", *paths, "-o", out, "--method", "brovey").code == 0
    (image,) = read_images(out)
    assert image.nodata == kept
    pixels = np.ma.getdata(image.data)
    assert (pixels[..., :8] == (kept or 0)).all()
    if kept is not None:
        missing = np.ma.getmaskarray(image.data)
        assert missing[..., :8].all()
        assert not missing[..., 8:32].any()
        assert missing[..., 38:].all() == (values[1] is not None)


def test_files_without_tags_cover_one_area(run: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pan, ms = rng.integers(0, 4000, (30, 33)), rng.integers(0, 4000, (2, 10, 11))
    paths = tmp_path / "pan.tif", tmp_path / "ms.tif"
    write_image(paths[0], pan.astype(np.uint16), axes="YX")
    write_image(paths[1], ms.astype(np.uint16), axes="CYX")
    out = tmp_path / "out.tif"
    assert run("pansharpen", *paths, "-o", out, "--method", "brovey").code == 0
    expected = pansharpen(pan.astype(np.uint16), ms.astype(np.uint16), method="brovey")
    np.testing.assert_array_equal(read_images(out)[0].data, expected)
    assert run("pansharpen", *paths, "-o", out, "--method", "magic").code == 2
    assert run("pansharpen", paths[1], paths[0], "-o", tmp_path / "b.tif").code == 1
    assert run("pansharpen", *paths, "-o", tmp_path / "out.png").code == 1
    # Histograms are matched after that limit.
    assert run("pansharpen", *paths, "-o", tmp_path / "c.tif", "--overshoot", "0").code == 2
