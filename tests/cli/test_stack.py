"""``gifnet stack``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import gifnet
from gifnet.io import read_images, write_image
from tests.helpers.cli_tools import Outcome, Run, scene


def test_files_into_one(run: Run, tmp_path: Path, options: list[str], random_weights: Path) -> None:
    paths = [tmp_path / f"{k}.tif" for k in range(3)]
    images = [scene("uint16", seed=k) for k in range(3)]
    for path, image in zip(paths, images, strict=True):
        write_image(path, image, axes="YX", scale=(0.5, 0.5), units=("um", "um"))
    out, depth = tmp_path / "out.tif", tmp_path / "depth.tif"
    assert run("stack", *paths, "-o", out, "--depth", depth, *options) == Outcome(0, "", "")
    expected = gifnet.fuse_stack(
        images, weights=random_weights, device="cpu", precision="float32", return_depth=True
    )
    for path, wanted in zip((out, depth), expected, strict=True):
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
    assert run(*command, *options).code == 0
    (found,) = read_images(out)
    assert found.metadata["gifnet"]["stack"]["method"] == "pyramid"
    assert run("stack", *paths, "-o", out, "--method", "luck").code == 2
