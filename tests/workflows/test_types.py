"""Types, ranges, transparency, profiles and EXIF of results in files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageCms
import pytest
import tifffile

from gifnet import enhance, fuse
from gifnet.cli import main
from gifnet.errors import GifnetWarning, InvalidInputError, WriteError
from gifnet.io import Image, read_image, write_image
from gifnet.options import FuseOptions
from gifnet.workflows import enhance_file, fuse_files, match_sources, run_batch
from tests.helpers.placed_files import scene, write_ground

OPTIONS = FuseOptions(device="cpu", precision="float32")


def colours(side: int = 64) -> np.ndarray:
    return np.stack([scene(side, seed, 10, 240) for seed in (1, 2, 3)], -1).astype(np.uint8)


def thermal(kind: str, folder: Path) -> Path:
    """Write 16-bit counts of a camera, or degrees Celsius."""
    low, high = (21000, 24000) if kind == "uint16" else (12.5, 41.8)
    path = folder / f"thermal_{kind}.tif"
    tifffile.imwrite(path, scene(64, 5, low, high).astype(kind))
    return path


def visible(folder: Path, name: str = "visible.png", **options: Any) -> Path:
    path = folder / name
    PIL.Image.fromarray(colours()).save(path, **options)
    return path


def call(*arguments: object) -> None:
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    assert not stop.value.code


@pytest.mark.parametrize("kind", ["uint16", "float32"])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_coloured_results_have_the_coloured_type(kind: str, suffix: str, tmp_path: Path) -> None:
    paths, out = [thermal(kind, tmp_path), visible(tmp_path)], tmp_path / f"fused{suffix}"
    fuse_files(paths, out, OPTIONS)
    found = read_image(out)
    assert (found.axes, found.data.dtype) == ("YXS", np.uint8)
    assert found.data.max() > 100
    np.testing.assert_array_equal(
        found.data, fuse(*(read_image(path).data for path in paths), channel_axis=-1, device="cpu")
    )


def test_a_resampled_coloured_source_decides_the_type_too(tmp_path: Path) -> None:
    large, small = tmp_path / "large.tif", tmp_path / "small.png"
    tifffile.imwrite(large, scene(128, 5, 21000, 24000).astype(np.uint16))
    PIL.Image.fromarray(colours()).save(small)
    fuse_files([large, small], tmp_path / "fused.png", OPTIONS, place="same-field")
    found = read_image(tmp_path / "fused.png")
    assert (found.data.shape, found.data.dtype) == ((128, 128, 3), np.uint8)
    assert found.data.max() > 100


@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [("uint8", 0, 255), ("float32", 21000, 24000), ("int16", -32768, 32767)],
)
def test_a_type_can_be_asked_for(dtype: str, low: float, high: float, tmp_path: Path) -> None:
    first = thermal("uint16", tmp_path)
    second = tmp_path / "second.tif"
    tifffile.imwrite(second, scene(64, 6, 0, 255).astype(np.uint8))
    fuse_files([first, second], tmp_path / "python.tif", OPTIONS, dtype=dtype)
    found = read_image(tmp_path / "python.tif").data
    assert found.dtype == dtype
    assert low <= found.min() < found.max() <= high
    whole = fuse(*(read_image(path).data for path in (first, second)), device="cpu")
    limits = (21000.0, 24000.0)
    unit = (whole.astype(np.float64) - limits[0]) / (limits[1] - limits[0])
    np.testing.assert_allclose(found, low + unit * (high - low), atol=max(0.6, (high - low) / 2000))
    call("fuse", first, second, "-o", tmp_path / "shell.tif", "--dtype", dtype, "--device", "cpu")
    np.testing.assert_array_equal(read_image(tmp_path / "shell.tif").data, found)


def test_an_asked_type_in_a_batch_and_of_one_image(tmp_path: Path) -> None:
    for folder, seed in (("a", 1), ("b", 2)):
        (tmp_path / folder).mkdir()
        tifffile.imwrite(tmp_path / folder / "x.tif", scene(64, seed, 0, 4000).astype(np.uint16))
    found = match_sources([tmp_path / "a", tmp_path / "b"], tmp_path / "out", ".jpg")
    (done,) = run_batch(found.items, OPTIONS, dtype="uint8")
    assert (done.status, done.message) == ("done", "")
    assert read_image(tmp_path / "out" / "x.jpg").data.dtype == np.uint8
    out = tmp_path / "enhanced.png"
    enhance_file(tmp_path / "a" / "x.tif", out, OPTIONS, dtype="uint8")
    plane = enhance(read_image(tmp_path / "a" / "x.tif").data, device="cpu")
    np.testing.assert_allclose(read_image(out).data, plane / 4000 * 255, atol=1)


def test_wrong_types_are_refused(tmp_path: Path) -> None:
    paths = [thermal("uint16", tmp_path), visible(tmp_path)]
    for dtype in ("unit8", "complex64", "U3"):
        with pytest.raises(InvalidInputError, match=f"dtype is '{dtype}'"):
            fuse_files(paths, tmp_path / "fused.tif", OPTIONS, dtype=dtype)
    with pytest.raises(WriteError, match="float32"):
        fuse_files(paths, tmp_path / "fused.png", OPTIONS, dtype="float32")


def test_missing_pixels_stay_missing_in_an_asked_type(tmp_path: Path) -> None:
    paths = [tmp_path / "a.tif", tmp_path / "b.tif"]
    for seed, path in enumerate(paths):
        plane = scene(64, seed).astype(np.float32)
        plane[10:20, 10:20] = -1
        tifffile.imwrite(path, plane, extratags=[(42113, "s", 0, "-1", True)])
    fuse_files(paths, tmp_path / "fused.tif", OPTIONS, dtype="int16")
    found = read_image(tmp_path / "fused.tif")
    assert found.data.dtype == np.int16
    expected = np.zeros((64, 64), bool)
    expected[10:20, 10:20] = True
    np.testing.assert_array_equal(np.ma.getmaskarray(found.data), expected)


def test_transparent_pixels_are_missing(tmp_path: Path) -> None:
    opaque = colours()
    strip = np.dstack([opaque, np.full((64, 64), 255, np.uint8)])
    strip[:, :12] = 0
    paths = [tmp_path / "strip.png", tmp_path / "opaque.png"]
    for path, pixels in zip(paths, (strip, opaque), strict=True):
        PIL.Image.fromarray(pixels).save(path)
    fuse_files(paths, tmp_path / "fused.png", OPTIONS)
    found = read_image(tmp_path / "fused.png").data
    assert np.abs(found[:, :12, :3].astype(int) - opaque[:, :12]).mean() < 3
    assert (found[..., 3] == 255).all()


def test_pixels_that_are_transparent_everywhere_stay_transparent(tmp_path: Path) -> None:
    strip = np.dstack([colours(), np.full((64, 64), 200, np.uint8)])
    strip[:, :12] = 0
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    for path in paths:
        PIL.Image.fromarray(strip).save(path)
    fuse_files(paths, tmp_path / "fused.png", OPTIONS)
    found = read_image(tmp_path / "fused.png").data
    assert not found[:, :12].any()
    assert (found[:, 12:, 3] == 200).all()


def photo(folder: Path) -> Path:
    """Write a photograph with a profile, a place and a camera."""
    exif = PIL.Image.Exif()
    exif[271], exif[272], exif[306] = "Camera works", "Model 5", "2026:01:02 03:04:05"
    exif.get_ifd(0x8769).update({0x829A: 0.004, 0x9003: "2026:01:02 03:04:05"})
    exif.get_ifd(0x8825).update({1: "N", 2: (47.0, 30.0, 0.0), 3: "E", 4: (8.0, 15.0, 0.0)})
    profile = PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("sRGB")).tobytes()
    return visible(folder, "photo.jpg", exif=exif, icc_profile=profile, quality=95)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
@pytest.mark.parametrize("command", ["fuse", "enhance"])
def test_profile_and_exif_come_through(suffix: str, command: str, tmp_path: Path) -> None:
    source, out = photo(tmp_path), tmp_path / f"out{suffix}"
    sources = [source] if command == "enhance" else [thermal("uint16", tmp_path), source]
    call(command, *sources, "-o", out, "--device", "cpu")
    with PIL.Image.open(source) as before, PIL.Image.open(out) as after:
        assert after.info["icc_profile"] == before.info["icc_profile"]
        old, new = before.getexif(), after.getexif()
        for code in (271, 272, 306):
            assert str(new[code]).strip("\0") == old[code]
        assert new.get_ifd(0x8769)[0x9003] == "2026:01:02 03:04:05"
        assert float(new.get_ifd(0x8769)[0x829A]) == pytest.approx(0.004)
        assert tuple(map(float, new.get_ifd(0x8825)[2])) == (47, 30, 0)


@pytest.mark.parametrize("command", ["fuse", "enhance"])
def test_georeferences_come_through(command: str, tmp_path: Path) -> None:
    rasterio = pytest.importorskip("rasterio")
    source = write_ground(tmp_path / "a.tif", scene(64).astype(np.uint8), 10, east=70)
    sources = [source] * (2 if command == "fuse" else 1)
    call(command, *sources, "-o", tmp_path / "out.tif", "--device", "cpu")
    with rasterio.open(source) as before, rasterio.open(tmp_path / "out.tif") as after:
        assert after.crs == before.crs
        assert after.transform == before.transform


def test_a_series_is_chosen_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "label_then_image.tif"
    with tifffile.TiffWriter(path) as writer:
        writer.write(np.zeros((16, 16), np.uint8), metadata={"axes": "YX"})
        writer.write(scene(64).astype(np.uint8), metadata={"axes": "YX"})
    other = tmp_path / "other.tif"
    write_image(other, Image(scene(64, 3).astype(np.uint8), "YX"))
    for number, words in enumerate(([f"{path}::1", other], [path, other, "--series", "1"])):
        out = tmp_path / f"out{number}.tif"
        call("fuse", *words, "-o", out, "--device", "cpu")
        assert read_image(out).data.shape == (64, 64)
    with pytest.raises(SystemExit):
        main(["fuse", str(path), str(other), "-o", str(tmp_path / "x.tif"), "--series", "7"])


def test_a_range_that_a_few_pixels_take_is_told_in_the_shell(tmp_path: Path, capsys: Any) -> None:
    planes = [scene(64, seed, 900, 1100).astype(np.uint16) for seed in (1, 2)]
    planes[1][5, 5] = 60000
    paths = [tmp_path / "calm.tif", tmp_path / "hot.tif"]
    for path, plane in zip(paths, planes, strict=True):
        tifffile.imwrite(path, plane)
    call("fuse", *paths, "-o", tmp_path / "flat.tif", "--device", "cpu")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("gifnet: warning: In the second image, a few values take most")
    assert "60000" in lines[0]
    ranged = ("--value-range", "0.1%,99.9%", "--device", "cpu")
    call("fuse", *paths, "-o", tmp_path / "good.tif", *ranged)
    assert capsys.readouterr().err == ""
    with pytest.warns(GifnetWarning, match="In the second image"):
        fuse(*planes, device="cpu")


def test_ct_windows_have_names_in_the_shell(tmp_path: Path) -> None:
    first, second = tmp_path / "ct.tif", tmp_path / "mri.tif"
    write_image(first, Image(scene(64, 1, -1000, 2000).astype(np.int16), "YX"))
    write_image(second, Image(scene(64, 2, 0, 900).astype(np.int16), "YX"))
    words = ("--value-range", "ct-brain", "--value-range", "auto", "--device", "cpu")
    call("fuse", first, second, "-o", tmp_path / "out.tif", *words)
    found = read_image(tmp_path / "out.tif")
    assert 0 <= found.data.min() < found.data.max() <= 80
    assert found.record["options"]["value_range"] == ["ct-brain", "auto"]


def test_a_place_that_the_format_loses_is_told(tmp_path: Path) -> None:
    source = write_ground(tmp_path / "a.tif", scene(64).astype(np.uint8), 10)
    with pytest.warns(GifnetWarning, match=r"OME-TIFF does not keep the reference system.*\.tif"):
        enhance_file(source, tmp_path / "out.ome.tif", OPTIONS)
