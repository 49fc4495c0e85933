"""Files on different grids: how they are placed on each other, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gifnet import fuse
from gifnet.cli import main
from gifnet.errors import InvalidInputError
from gifnet.geometry import Grid, resample
from gifnet.io import Image, read_image, write_image
from gifnet.io.geo import warp
from gifnet.options import FuseOptions
from gifnet.workflows import fuse_files, match_sources, run_batch, scratch
from gifnet.workflows.files.grids import place_images
from tests.helpers.placed_files import scene, write_ground, write_mri, write_pet, write_volume


@pytest.fixture
def options(random_weights: Path) -> FuseOptions:
    return FuseOptions(weights=str(random_weights), device="cpu", precision="float32")


@pytest.fixture
def words(random_weights: Path) -> list[str]:
    return ["--weights", str(random_weights), "--device", "cpu", "--precision", "float32"]


def fused(paths: list[Path], options: FuseOptions, **settings: Any) -> Image:
    out = paths[0].parent / "fused.tif"
    fuse_files(paths, out, options, overwrite=True, **settings)
    return read_image(out)


def call(*arguments: object) -> None:
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    assert not stop.value.code


def write_pair(kind: str, folder: Path) -> list[Path]:
    """Write two files that show the same scene on different grids."""
    if kind == "nifti":
        pytest.importorskip("SimpleITK")
        coarse = write_volume(folder / "a_pet.nii.gz", 8, 4.0, "float32", 1)
        return [coarse, write_volume(folder / "a_mri.nii.gz", 16, 2.0, "int16", 40)]
    if kind == "ome":
        return [write_pet(folder / "a_pet.ome.tif"), write_mri(folder / "a_mri.ome.tif")]
    east = scene(96, 4).astype(np.uint8)
    ground = write_ground(folder / "a_pet.tif", scene(64, 3).astype(np.uint8), 20)
    return [ground, write_ground(folder / "a_mri.tif", east, 10, east=300)]


@pytest.mark.parametrize("kind", ["nifti", "ome", "ground"])
def test_shell_batch_and_python_give_the_same_pixels(kind, tmp_path, options, words) -> None:
    paths = write_pair(kind, tmp_path)
    fine = read_image(paths[1])
    result = fused(paths, options)
    assert result.data.shape == fine.data.shape
    assert result.data.dtype == read_image(paths[0]).data.dtype
    np.testing.assert_allclose(result.world.matrix, fine.world.matrix, atol=1e-6)
    call("fuse", *paths, "-o", tmp_path / "shell.tif", *words)
    np.testing.assert_array_equal(read_image(tmp_path / "shell.tif").data, result.data)
    suffix = paths[0].name.removeprefix("a_pet")
    patterns = [tmp_path / f"*_pet{suffix}", tmp_path / f"*_mri{suffix}"]
    found = match_sources(patterns, tmp_path / "out")
    (done,) = run_batch(found.items, options)
    assert (done.status, done.message) == ("done", "")
    np.testing.assert_array_equal(read_image(tmp_path / "out" / "a.tif").data, result.data)


def test_sources_are_resampled_through_the_world(tmp_path, options) -> None:
    paths = write_pair("ome", tmp_path)
    pet, mri = (read_image(path) for path in paths)
    moved = resample(pet.data, pet.world, mri.world)
    low, high = float(pet.data.min()), float(pet.data.max())
    given = options.updated(value_range=((low, high), "auto"))
    expected = fuse(moved, mri.data, **given.to_dict())
    np.testing.assert_allclose(fused(paths, options).data, expected, atol=1e-5)


@pytest.mark.parametrize(("reference", "side"), [("first", 64), ("second", 128), (0, 64)])
def test_the_reference_defines_the_grid(reference, side, tmp_path, options) -> None:
    paths = write_pair("ome", tmp_path)
    assert fused(paths, options, reference=reference).data.shape == (side, side)


def test_the_reference_on_the_command_line(tmp_path, words, capsys) -> None:
    paths, out = write_pair("ome", tmp_path), tmp_path / "fused.tif"
    call("fuse", *paths, "-o", out, "--reference", "0", *words)
    assert read_image(out).data.shape == (64, 64)
    with pytest.raises(SystemExit):
        main(["fuse", *map(str, paths), "-o", str(out), "--reference", "third", "--overwrite"])
    assert "reference is 'third'" in capsys.readouterr().err


def test_units_are_converted(tmp_path, options) -> None:
    pet = write_pet(tmp_path / "pet.ome.tif")
    metres = {"scale": (1000, 1000), "units": ("um", "um")}
    paths = [pet, write_mri(tmp_path / "mri.ome.tif", **metres)]
    same = [pet, write_mri(tmp_path / "same.ome.tif")]
    np.testing.assert_allclose(fused(paths, options).data, fused(same, options).data, atol=1e-5)


def test_files_that_do_not_overlap_are_named(tmp_path, options) -> None:
    data = scene(64).astype(np.uint8)
    near = write_ground(tmp_path / "near.tif", data, 10)
    far = write_ground(tmp_path / "far.tif", data, 10, east=9000)
    with pytest.raises(InvalidInputError, match=r"'far' on the grid of 'near': .*do not overlap"):
        fused([near, far], options)
    assert not (tmp_path / "fused.tif").exists()


def test_clashing_units_are_named(tmp_path, options) -> None:
    ground = write_ground(tmp_path / "ground.tif", scene(64).astype(np.uint8), 10)
    series = tmp_path / "clock.tif"
    write_image(series, Image(scene(64).astype(np.uint8), "YX", (1, 1), ("s", "s")))
    with pytest.raises(InvalidInputError, match=r"'clock' is measured in s and 'ground' in m"):
        fused([ground, series], options)


def test_other_reference_systems_are_reprojected(tmp_path, options) -> None:
    pytest.importorskip("rasterio")
    from rasterio.crs import CRS
    from rasterio.warp import transform

    systems = CRS.from_epsg(32633), CRS.from_epsg(32634)
    here = write_ground(tmp_path / "here.tif", scene(64).astype(np.uint8), 100, east=230_000)
    columns = np.tile(np.arange(80, dtype=np.float32), (80, 1))
    (x,), (y,) = transform(*systems, [730_000.0], [5_000_000.0])
    there = write_ground(tmp_path / "there.tif", columns, 100, corner=(x, y), zone=34)
    placement = place_images([read_image(here), read_image(there)], reference="first")
    moved = placement.on_one_grid().images[1]
    for row, column in ((30, 30), (40, 20), (25, 45)):
        place = [730_050.0 + 100 * column], [4_999_950.0 - 100 * row]
        (east,), _ = transform(*systems, *place)
        assert abs(moved[row, column] - ((east - x) / 100 - 0.5)) < 0.05
    result = fused([here, there], options, reference="first")
    assert result.georeference.system_name == "EPSG:32633"


def test_other_reference_systems_are_refused_by_name(tmp_path, options, monkeypatch) -> None:
    monkeypatch.setattr(warp, "find_spec", lambda name: None)
    data = scene(64).astype(np.uint8)
    paths = [write_ground(tmp_path / f"zone_{zone}.tif", data, 100, zone=zone) for zone in (33, 34)]
    with pytest.raises(InvalidInputError, match=r"'zone_34' is in EPSG:32634.*EPSG:32633.*\[geo\]"):
        fused(paths, options)


def small_and_large(folder: Path, name: str = "{}.png") -> list[Path]:
    visible = np.stack([scene(64, seed, 0, 255) for seed in (1, 2, 3)], -1).astype(np.uint8)
    paths = [folder / name.format(kind) for kind in ("infrared", "visible")]
    write_image(paths[0], scene(32, 1, 0, 255).astype(np.uint8), axes="YX")
    write_image(paths[1], visible, axes="YXS")
    return paths


def test_files_without_a_place_need_the_same_size(tmp_path, options) -> None:
    paths = small_and_large(tmp_path)
    message = r"'infrared' has 32 x 32 .*'visible' has 64 x 64 .*--place same-field"
    with pytest.raises(InvalidInputError, match=message):
        fused(paths, options)
    with pytest.raises(InvalidInputError, match=r"'infrared' does not state its pixel size"):
        fused(paths, options, place="world")


def test_the_same_field_of_view(tmp_path, options, words) -> None:
    paths = small_and_large(tmp_path)
    result = fused(paths, options, place="same-field")
    assert result.data.shape == (64, 64, 3)
    small, large = (read_image(path).data for path in paths)
    shared = Grid.from_parts((32, 32), scale=(2, 2), translate=(0.5, 0.5))
    moved = resample(small, shared, Grid.from_parts((64, 64)))
    given = options.updated(value_range=((0, 255), "auto"), channel_axis=-1)
    expected = fuse(moved, large, **given.to_dict())
    assert np.abs(result.data - expected).max() <= 1
    call("fuse", *paths, "-o", tmp_path / "shell.tif", "--place", "same-field", *words)
    np.testing.assert_array_equal(read_image(tmp_path / "shell.tif").data, result.data)
    out = ("-o", tmp_path / "out", "--suffix", ".tif", "--place", "same-field", *words)
    for path in paths:
        (tmp_path / path.stem).mkdir()
        path.rename(tmp_path / path.stem / "one.png")
    call("batch", tmp_path, "--first", "infrared/*.png", "--second", "visible/*.png", *out)
    np.testing.assert_array_equal(read_image(tmp_path / "out" / "one.tif").data, result.data)


def test_a_registration_starts_from_the_same_field_of_view(tmp_path, options) -> None:
    full = scene(80, 5)
    small = full[8:72, 8:72].reshape(32, 2, 32, 2).mean(axis=(1, 3))
    paths = [tmp_path / "small.png", tmp_path / "large.png"]
    write_image(paths[0], small.astype(np.uint8), axes="YX")
    write_image(paths[1], full[6:70, 11:75].astype(np.uint8), axes="YX")  # moved by (2, -3)
    result = fused(paths, options, place="same-field", registration="translation")
    assert result.data.shape == (64, 64)
    found = result.record["registration"]
    assert (found["moving"], found["reference"]) == ("small", "large")
    np.testing.assert_allclose(np.array(found["matrix"])[:2, 2], (-2, 3), atol=0.3)


def test_stacks_of_different_depth_have_no_common_field() -> None:
    planes = [Image(np.zeros((depth, 8, 8)), "ZYX", name=f"z{depth}") for depth in (3, 5)]
    with pytest.raises(InvalidInputError, match=r"'z5' has \(5,\) planes and 'z3' \(3,\)"):
        place_images(planes, "same-field")


def test_any_number_of_images_is_placed() -> None:
    sizes = (4, 2, 1)
    images = [
        Image(np.zeros((16 // size,) * 2), "YX", (size,) * 2, ("mm",) * 2, (size / 2,) * 2)
        for size in sizes
    ]
    placement = place_images(images)
    assert placement.reference == 2
    assert [array.shape for array in placement.on_one_grid().images] == [(16, 16)] * 3
    assert place_images(images, reference=1).like is images[1]


def test_planes_without_a_distance_correspond_one_to_one() -> None:
    known = Image(np.zeros((3, 8, 8)), "ZYX", (5, 1, 1), ("um",) * 3)
    blank = Image(np.zeros((3, 4, 4)), "ZYX", (1, 2, 2), ("pixel", "um", "um"), (0, 0.5, 0.5))
    placement = place_images([known, blank])
    assert placement.grids[1].pixel_size[0] == 5


def three(folder: Path) -> list[Path]:
    """Write three files of one field, of pixels of 4, 2 and 1 mm."""
    paths = []
    for size in (4, 2, 1):
        (folder / f"mm{size}").mkdir()
        paths.append(folder / f"mm{size}" / "one.ome.tif")
        corner = (size / 2, size / 2)
        plane = scene(64 // size, size).astype(np.float32)
        write_image(paths[-1], Image(plane, "YX", (size,) * 2, ("mm",) * 2, corner))
    return paths


def test_three_files_in_python_the_shell_and_a_batch(tmp_path) -> None:
    paths, out = three(tmp_path), tmp_path / "fused.tif"
    fuse_files(paths, out, FuseOptions(device="cpu"))
    found = read_image(out)
    assert found.data.shape == (64, 64)
    assert found.record["sources"] == ["one"] * 3
    call("fuse", *paths, "-o", tmp_path / "shell.tif", "--device", "cpu")
    np.testing.assert_array_equal(read_image(tmp_path / "shell.tif").data, found.data)
    patterns = ("--first", "mm4", "--second", "mm2", "--also", "mm1")
    call("batch", tmp_path, *patterns, "-o", tmp_path / "out", "--device", "cpu")
    np.testing.assert_array_equal(read_image(tmp_path / "out" / "one.tif").data, found.data)


def test_one_value_range_per_file(tmp_path, capsys) -> None:
    paths = three(tmp_path)
    ranges = [word for text in ("0,300", "auto", "1%,99%") for word in ("--value-range", text)]
    call("fuse", *paths, "-o", tmp_path / "a.tif", *ranges, "--device", "cpu")
    assert read_image(tmp_path / "a.tif").record["options"]["value_range"][0] == [0, 300]
    with pytest.raises(SystemExit):
        main(["fuse", *map(str, paths), "-o", str(tmp_path / "b.tif"), *ranges[:4]])
    assert "or 3 of these" in capsys.readouterr().err


def test_large_results_are_made_in_files(tmp_path, options, monkeypatch) -> None:
    paths = write_pair("ome", tmp_path)
    expected = fused(paths, options).data
    monkeypatch.setattr(scratch, "SCRATCH_BYTES", 1000)
    np.testing.assert_array_equal(fused(paths, options).data, expected)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
