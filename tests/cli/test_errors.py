"""What the command line says and leaves behind when something is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from skimage.io import imread, imsave

from gifnet.io import write_image
from tests.helpers.cli_tools import SIDE, Run, fail, files, scene


def test_missing_file(run: Run, pair: tuple[Path, Path], options: list[str]) -> None:
    folder = pair[0].parent
    line = fail(run, folder, "fuse", pair[0], folder / "no.png", "-o", folder / "o.png", *options)
    assert "no.png" in line


@pytest.mark.parametrize("name", ["notes.png", "notes.tif", "notes.txt"])
def test_not_an_image(run: Run, pair: tuple[Path, Path], options: list[str], name: str) -> None:
    text = pair[0].with_name(name)
    text.write_text("no image")
    out = text.with_name("out.png")
    assert name in fail(run, text.parent, "fuse", pair[0], text, "-o", out, *options)


def test_truncated_tiff(run: Run, tmp_path: Path, options: list[str]) -> None:
    path = tmp_path / "cut.tif"
    write_image(path, scene("uint16"), axes="YX")
    path.write_bytes(path.read_bytes()[:-500])
    line = fail(run, tmp_path, "enhance", path, "-o", tmp_path / "out.tif", *options)
    assert "cut.tif" in line


def test_several_images_in_a_file(run: Run, tmp_path: Path, options: list[str]) -> None:
    path = tmp_path / "two.tif"
    with tifffile.TiffWriter(path) as writer:
        for side in (SIDE, SIDE + 8):
            writer.write(np.zeros((side, side), np.uint8), contiguous=False)
    line = fail(run, tmp_path, "enhance", path, "-o", tmp_path / "out.tif", *options)
    assert "contains 2 images" in line


def test_different_sizes(run: Run, pair: tuple[Path, Path], options: list[str]) -> None:
    imsave(pair[1], np.zeros((SIDE, SIDE), np.uint8), check_contrast=False)
    out = pair[0].with_name("out.png")
    line = fail(run, out.parent, "fuse", *pair, "-o", out, *options)
    assert "40 x 48" in line
    assert "40 x 40" in line


def test_existing_output(run: Run, pair: tuple[Path, Path], options: list[str]) -> None:
    out = pair[0].with_name("out.png")
    out.write_bytes(b"precious")
    assert "--overwrite" in fail(run, out.parent, "fuse", *pair, "-o", out, *options)
    assert out.read_bytes() == b"precious"
    assert run("fuse", *pair, "-o", out, "--overwrite", *options).code == 0
    assert imread(out).shape == (SIDE, SIDE + 8)


def test_no_output_folder(run: Run, pair: tuple[Path, Path], options: list[str]) -> None:
    folder = pair[0].parent
    out = folder / "missing" / "out.png"
    assert "missing" in fail(run, folder, "fuse", *pair, "-o", out, *options)


def test_result_and_mask_of_one_name(run: Run, pair: tuple[Path, Path], options: list[str]) -> None:
    out = pair[0].with_name("out.tif")
    line = fail(run, out.parent, "fuse", *pair, "-o", out, "--mask", out, *options)
    assert "name them apart" in line


def test_unknown_format(run: Run, pair: tuple[Path, Path], options: list[str]) -> None:
    out = pair[0].with_name("out.webp")
    assert ".tif" in fail(run, out.parent, "fuse", *pair, "-o", out, *options)


def test_unsuitable_format(run: Run, tmp_path: Path, options: list[str]) -> None:
    path = tmp_path / "float.tif"
    write_image(path, scene("float32"), axes="YX")
    assert ".tif" in fail(run, tmp_path, "enhance", path, "-o", tmp_path / "out.jpg", *options)


@pytest.mark.parametrize("content", [b"", b"nonsense" * 20, b"PK\x03\x04broken", None])
def test_unusable_weights(run: Run, pair: tuple[Path, Path], content: bytes | None) -> None:
    weights, out = pair[0].with_name("bad.safetensors"), pair[0].with_name("out.png")
    if content is not None:
        weights.write_bytes(content)
    line = fail(run, out.parent, "fuse", *pair, "-o", out, "--weights", weights)
    assert "bad.safetensors" in line


def test_cut_weights(run: Run, pair: tuple[Path, Path], random_weights: Path) -> None:
    weights, out = pair[0].with_name("cut.safetensors"), pair[0].with_name("out.png")
    weights.write_bytes(random_weights.read_bytes()[:-1000])
    line = fail(run, out.parent, "fuse", *pair, "-o", out, "--weights", weights)
    assert "cut.safetensors" in line


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("--task", "panorama"),
        ("--model", "nonet"),
        ("--device", "abacus"),
        ("--precision", "float99"),
        ("--statistics", "guessed"),
        ("--tile", "big"),
        ("--tile", "13"),
        ("--channel-axis", "colour"),
        ("--chroma", "third"),
        ("--overshoot", "much"),
        ("--value-range", "5,5"),
    ],
)
def test_bad_option(
    run: Run, pair: tuple[Path, Path], random_weights: Path, name: str, value: str
) -> None:
    out = pair[0].with_name("out.png")
    arguments = ["fuse", *pair, "-o", out, "--weights", random_weights, name, value]
    line = fail(run, out.parent, *arguments)
    assert value.split(",")[0] in line


def test_mask_of_a_model_without_one(run: Run, pair: tuple[Path, Path]) -> None:
    out, mask = pair[0].with_name("out.png"), pair[0].with_name("mask.png")
    line = fail(run, out.parent, "fuse", *pair, "-o", out, "--mask", mask, "--model", "gifnet-cvpr")
    assert "mask" in line


@pytest.mark.parametrize(
    "arguments",
    [
        ["fuse"],
        ["fuse", "a.png", "b.png"],
        ["fuse", "a.png", "b.png", "-o", "c.png", "--no-such-option"],
        ["fuse", "a.png", "b.png", "-o", "c.png", "--value-range", "wide"],
        ["fuse", "a.png", "b.png", "-o", "c.png", "--value-range", "5%"],
        ["train", "gifnet", "--data", "a"],
        ["train", "gifnet", "--data", "a", "--out", "b", "--recipe", "bundled", "--config", "c"],
        ["train", "gifnet", "--data", "a", "--out", "b", "--set", "steps"],
        ["paint"],
    ],
)
def test_wrong_usage(
    run: Run, arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = run(*arguments)
    assert outcome.code == 2
    assert outcome.err
    assert files(tmp_path) == []


def test_debug_shows_where(run: Run, tmp_path: Path) -> None:
    outcome = run("--debug", "enhance", tmp_path / "no.png", "-o", tmp_path / "out.png")
    assert outcome.code == 1
    assert "Traceback" in outcome.err
    assert "ReadError" in outcome.err
