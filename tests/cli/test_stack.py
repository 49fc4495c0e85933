"""``gifnet stack``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import gifnet
from gifnet import align_stack, fuse_stack
from gifnet.io import read_images, write_image
from gifnet.workflows import read_transforms
from tests.helpers.cli_tools import Outcome, Run, scene
from tests.helpers.stack_samples import banded_stack, moved_stack


def test_files_into_one(run: Run, tmp_path: Path, options: list[str], random_weights: Path) -> None:
    paths = [tmp_path / f"{k}.tif" for k in range(3)]
    images = [scene("uint16", seed=k) for k in range(3)]
    for path, image in zip(paths, images, strict=True):
        write_image(path, image, axes="YX", scale=(0.5, 0.5), units=("um", "um"))
    out, depth = tmp_path / "out.tif", tmp_path / "depth.tif"
    command = ("stack", *paths, "-o", out, "--depth", depth, "--spacing", "2.5")
    maps = {name: tmp_path / f"{name}.tif" for name in ("confidence", "sharpest")}
    for name, path in maps.items():
        command = (*command, f"--{name}", path)
    assert run(*command, *options) == Outcome(0, "", "")
    fused, measured, info = gifnet.fuse_stack(
        images,
        weights=random_weights,
        device="cpu",
        precision="float32",
        spacing=2.5,
        return_depth=True,
        return_info=True,
    )
    expected = {out: fused, depth: measured}
    expected |= {path: getattr(info, name) for name, path in maps.items()}
    for path, wanted in expected.items():
        (found,) = read_images(path)
        np.testing.assert_array_equal(found.data, wanted)
        assert found.scale == pytest.approx((0.5, 0.5))
    record = found.metadata["gifnet"]
    assert record["operation"] == "fuse_stack"
    assert record["sources"] == ["0", "1", "2"]


def test_a_file_with_a_z_axis(run: Run, tmp_path: Path, options: list[str]) -> None:
    path, out = tmp_path / "stack.tif", tmp_path / "out.png"
    stack = np.stack([scene("uint8", seed=k) for k in range(2)])
    write_image(path, stack, axes="ZYX")
    assert run("stack", path, "-o", out, *options).code == 0
    assert read_images(out)[0].data.shape == stack.shape[1:]
    placed, depth = tmp_path / "placed.tif", tmp_path / "depth.tif"
    write_image(placed, stack, axes="ZYX", scale=(3, 1, 1), units=("um",) * 3)
    command = ("stack", placed, "-o", tmp_path / "b.tif", "--depth", depth)
    assert run(*command, "--method", "pyramid").code == 0
    expected = fuse_stack(stack, method="pyramid", spacing=3, return_depth=True)[1]
    assert_array_equal(read_images(depth)[0].data, expected)


def test_what_cannot_be_a_stack(run: Run, pair: tuple[Path, Path]) -> None:
    out = pair[0].parent / "out.png"
    outcome = run("stack", pair[0], "-o", out)
    assert outcome.code == 1
    assert "several files" in outcome.err
    assert run("stack", *pair, "-o", out, "--depth", out.with_name("d.png")).code == 2
    assert run("stack", *pair, "-o", out, "--align", "luck").code == 2
    assert not out.exists()


def test_a_classical_method_with_alignment(run: Run, tmp_path: Path, options: list[str]) -> None:
    paths = [tmp_path / f"{k}.tif" for k in range(3)]
    for path in paths:
        write_image(path, scene("uint8", seed=1), axes="YX")
    out = tmp_path / "out.tif"
    command = ("stack", *paths, "-o", out, "--method", "pyramid", "--align", "similarity")
    command = (*command, "--equalise", "brightness")
    assert run(*command, *options).code == 0
    (found,) = read_images(out)
    stack = found.metadata["gifnet"]["stack"]
    assert stack["method"] == "pyramid"
    assert stack["gains"] == [[1.0]] * 3
    assert run("stack", *paths, "-o", out, "--method", "luck").code == 2


def test_the_shell_writes_and_reads_transforms(run: Run, tmp_path: Path) -> None:
    paths = [tmp_path / f"slice{k}.tif" for k in range(4)]
    slices = moved_stack()
    for path, image in zip(paths, slices, strict=True):
        write_image(path, image, axes="YX", scale=(0.5, 0.25), units=("um", "um"))
    kept, out, moved = (tmp_path / name for name in ("kept.json", "out.tif", "moved.tif"))
    command = ("stack", *paths, "--transforms", kept)
    assert run(*command, "--align-only", "--align", "translation", "-o", moved).code == 0
    expected = align_stack(slices, align="translation")
    assert_allclose(read_transforms(kept)[0].matrix, expected.transforms[0].matrix)
    (aligned,) = read_images(moved)
    assert aligned.axes == "ZYX"
    assert aligned.scale[1:] == pytest.approx((0.5, 0.25))
    assert run(*command, "-o", out, "--method", "pyramid", "--crop", "common").code == 0
    (fused,) = read_images(out)
    wanted, info = fuse_stack(
        slices, transforms=expected, crop="common", return_info=True, method="pyramid"
    )
    assert_array_equal(fused.data, wanted)
    place = (info.region.top * 0.5, info.region.left * 0.25)
    assert fused.translate == pytest.approx(place)
    # The result holds the transforms, too.
    assert_allclose(read_transforms(out)[3].matrix, expected.transforms[3].matrix)
    assert run("stack", *paths, "--align-only").code == 2
    assert run("stack", *paths).code == 2
    assert run("stack", *paths, "--align-only", "--transforms", tmp_path / "a.tif").code == 1


def test_the_shell_decides_retouches_and_repeats(run: Run, tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 4000, (3, 48, 60)).astype(np.uint16)
    stack = np.stack([banded_stack(), noise])
    path, out, numbers = (tmp_path / name for name in ("czyx.ome.tif", "out.tif", "numbers.tif"))
    units = ("pixel", "um", "um", "um")
    write_image(path, stack, axes="CZYX", scale=(1, 2, 1, 1), units=units)
    painted = np.full((48, 60), 255, np.uint8)
    painted[5:12, 20:40] = 2
    write_image(tmp_path / "painted.png", painted, axes="YX")
    command = ("stack", path, "-o", out, "--method", "pyramid", "--decide-on", "0")
    extra = ("--sharpest", numbers, "--retouch", tmp_path / "painted.png", "--feather", "1")
    assert run(*command, *extra).code == 0
    (fused,) = read_images(out)
    assert fused.axes == "CYX"
    moved = np.moveaxis(stack, 1, 0)
    wanted, info = fuse_stack(
        moved, method="pyramid", decide_on=0, retouching=painted, feather=1, return_info=True
    )
    assert_array_equal(fused.data, wanted)
    assert_array_equal(read_images(numbers)[0].data, info.sharpest)
    again = tmp_path / "again.tif"
    assert run("stack", path, "-o", again, "--like", out).code == 0
    assert_array_equal(read_images(again)[0].data, wanted)
    other = tmp_path / "other.tif"
    write_image(other, noise, axes="ZYX")
    applied = tmp_path / "applied.tif"
    assert run("stack", other, "-o", applied, "--shares", numbers, "--feather", "0").code == 0
    kept = np.take_along_axis(noise, info.sharpest[None].astype(int), 0)[0]
    assert_array_equal(read_images(applied)[0].data, kept)
    outcome = run("stack", path, "-o", tmp_path / "c.tif", "--decide-on", "DAPI")
    assert outcome.code == 1
    assert "'DAPI'" in outcome.err
    assert run("stack", path, "-o", tmp_path / "c.tif").code == 1
