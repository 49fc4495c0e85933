"""The command line, in this process where it can be."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter
from skimage.io import imread

import gifnet
from gifnet.io import read_images, write_image
from gifnet.models.registry import model_spec
from gifnet.models.weights import save_weights
from gifnet.options import FuseOptions
from tests.helpers.cli_tools import SIDE, Outcome, Run, files, process, scene


def test_fuse_writes_what_the_function_returns(
    run: Run, pair: tuple[Path, Path], options: list[str], random_weights: Path
) -> None:
    out = pair[0].parent / "out.png"
    outcome = run("fuse", *pair, "-o", out, *options)
    assert outcome == Outcome(0, "", "")  # silence in a pipe
    expected = gifnet.fuse(
        imread(pair[0]), imread(pair[1]), weights=random_weights, device="cpu", precision="float32"
    )
    np.testing.assert_array_equal(imread(out), expected)
    assert files(out.parent) == ["first.png", "out.png", "second.png"]


def test_any_number_of_files(
    run: Run, tmp_path: Path, options: list[str], random_weights: Path
) -> None:
    paths = [tmp_path / f"{name}.tif" for name in "abc"]
    for seed, path in enumerate(paths):
        write_image(path, scene("uint16", seed=seed), axes="YX")
    out = tmp_path / "out.tif"
    assert run("fuse", *paths, "-o", out, "--device", "cpu").code == 0
    (image,) = read_images(out)
    planes = [read_images(path)[0].data for path in paths]
    np.testing.assert_array_equal(image.data, gifnet.fuse(*planes, device="cpu"))
    assert image.metadata["gifnet"]["sources"] == ["a", "b", "c"]
    out.unlink()
    outcome = run("fuse", *paths, "-o", out, *options)
    assert outcome.code == 1
    assert "'gifnet' fuses two images, not 3" in outcome.err
    outcome = run("fuse", paths[0], "-o", out)
    assert outcome.code == 1
    assert "two or more" in outcome.err
    assert not out.exists()


def test_pixel_size_units_and_record_are_kept(
    run: Run, tmp_path: Path, options: list[str], random_weights: Path
) -> None:
    first, second, out = tmp_path / "a.tif", tmp_path / "b.tif", tmp_path / "out.ome.tif"
    write_image(first, scene("uint16"), axes="YX", scale=(0.5, 0.25), units=("um", "um"))
    write_image(second, scene("uint16", seed=1), axes="YX")
    assert run("fuse", first, second, "-o", out, "--task", "medical", *options).code == 0
    (image,) = read_images(out)
    assert image.data.dtype == np.uint16
    assert image.axes == "YX"
    assert image.scale == pytest.approx((0.5, 0.25))
    assert image.units == ("um", "um")
    record = image.metadata["gifnet"]
    assert record["sources"] == ["a", "b"]
    assert record["options"]["task"] == "medical"
    assert record["weights"]["source"] == str(random_weights)
    assert len(record["weights"]["sha256"]) == 64


def test_pixel_size_of_the_second_where_the_first_has_none(
    run: Run, tmp_path: Path, options: list[str]
) -> None:
    first, second, out = tmp_path / "a.tif", tmp_path / "b.tif", tmp_path / "out.tif"
    write_image(first, scene("uint16"), axes="YX")
    write_image(second, scene("uint16"), axes="YX", scale=(2.0, 2.0), units=("mm", "mm"))
    assert run("fuse", first, second, "-o", out, *options).code == 0
    (image,) = read_images(out)
    assert (image.scale, image.units) == (pytest.approx((2.0, 2.0)), ("mm", "mm"))


def test_grey_with_16_bit_colour_and_mask(run: Run, tmp_path: Path, options: list[str]) -> None:
    first, second = tmp_path / "grey.tif", tmp_path / "colour.tif"
    out, mask = tmp_path / "out.tif", tmp_path / "mask.tif"
    write_image(first, scene("uint16"), axes="YX", scale=(0.5, 0.5), units=("um", "um"))
    write_image(second, scene("uint16", channels=3), axes="YXS")
    assert run("fuse", first, second, "-o", out, "--mask", mask, *options).code == 0
    (image,), (share,) = read_images(out), read_images(mask)
    assert image.axes == "YXS"
    assert image.data.shape == (SIDE, SIDE + 8, 3)
    assert image.scale == pytest.approx((0.5, 0.5))
    assert share.data.dtype == np.float32
    assert share.data.shape == (SIDE, SIDE + 8)
    assert share.scale == pytest.approx((0.5, 0.5))
    assert 0 <= share.data.min() <= share.data.max() <= 1


def test_mask_as_picture_is_8_bit(run: Run, pair: tuple[Path, Path], options: list[str]) -> None:
    out, mask = pair[0].parent / "out.png", pair[0].parent / "mask.png"
    assert run("fuse", *pair, "-o", out, "--mask", mask, *options).code == 0
    assert imread(mask).dtype == np.uint8


def test_plane_with_stack(run: Run, tmp_path: Path, options: list[str]) -> None:
    first, second, out = tmp_path / "a.tif", tmp_path / "b.tif", tmp_path / "out.tif"
    stack = np.stack([scene("uint16", seed=seed) for seed in range(2)])
    write_image(first, stack[0], axes="YX", scale=(0.5, 0.5), units=("um", "um"))
    write_image(second, stack, axes="ZYX", scale=(3.0, 0.5, 0.5), units=("um", "um", "um"))
    assert run("fuse", first, second, "-o", out, *options).code == 0
    (image,) = read_images(out)
    assert image.axes == "ZYX"
    assert image.scale == pytest.approx((3.0, 0.5, 0.5))


def test_enhance(run: Run, pair: tuple[Path, Path], options: list[str]) -> None:
    out = pair[0].parent / "out.tif"
    assert run("enhance", pair[0], "-o", out, *options) == Outcome(0, "", "")
    assert tifffile.imread(out).shape == (SIDE, SIDE + 8)


def test_options_reach_the_record(run: Run, pair: tuple[Path, Path], options: list[str]) -> None:
    out = pair[0].parent / "out.tif"
    given = ["--tile", "16", "--statistics", "sampled", "--channel-axis", "none"]
    given += ["--value-range", "0,200", "--value-range", "dtype", "--chroma", "none"]
    assert run("fuse", *pair, "-o", out, *given, *options).code == 0
    record = read_images(out)[0].metadata["gifnet"]["options"]
    assert record["tile"] == 16
    assert record["statistics"] == "sampled"
    assert record["channel_axis"] is None
    assert record["value_range"] == [[0.0, 200.0], "dtype"]
    assert record["chroma"] == "none"


@pytest.mark.parametrize(
    ("command", "left_out"),
    [
        ("fuse", ()),
        ("enhance", ("task", "balance")),
        ("batch", ()),
        ("stack", ("channel_axis", "chroma", "overshoot", "balance")),
        ("pansharpen", ("task", "channel_axis", "chroma", "overshoot", "balance")),
    ],
)
def test_every_option_of_the_dataclass_is_offered(
    run: Run, command: str, left_out: tuple[str, ...]
) -> None:
    text = run(command, "--help").out
    for field in dataclasses.fields(FuseOptions):
        offered = f"--{field.name.replace('_', '-')} " in text
        assert offered == (field.name not in left_out)
        if not offered:
            continue
        first_words = " ".join(field.metadata["help"].split()[:3])
        assert first_words in re.sub(r"\s+", " ", text)


# -- info ---------------------------------------------------------------------------------------


def test_version(run: Run) -> None:
    assert run("--version") == Outcome(0, f"gifnet {gifnet.__version__}\n", "")


def test_info(run: Run) -> None:
    text = run("info").out
    assert gifnet.__version__ in text
    assert "cpu: " in text
    for model in gifnet.list_models():
        assert f"model {model.name}\n" in text
        assert (model.sha256 or "no bundled weights") in text
        for task, weights in model.by_task.items():
            assert f"for {task}, {weights.name}, sha256 {weights.sha256}" in text


def test_info_as_json(run: Run) -> None:
    report = json.loads(run("info", "--json").out)
    assert report["versions"]["napari-gifnet"] == gifnet.__version__
    assert report["devices"][0]["name"] == "cpu"
    expected = [dataclasses.asdict(model) for model in gifnet.list_models()]
    assert report["models"] == expected


# -- processes ----------------------------------------------------------------------------------


def test_module_and_entry_point_are_the_same_program() -> None:
    output = process("--version").communicate(timeout=60)[0].decode()
    script = Path(sys.executable).with_name("gifnet")
    if script.exists():
        assert output == subprocess.check_output([script, "--version"], text=True)
    assert output == f"gifnet {gifnet.__version__}\n"


def test_progress_bar_on_a_terminal(
    pair: tuple[Path, Path], options: list[str], terminal: tuple[int, int]
) -> None:
    out = pair[0].with_name("out.png")
    running = process("fuse", *pair, "-o", out, "--tile", "16", *options, stderr=terminal[1])
    assert running.communicate(timeout=120)[0] == b""
    assert running.returncode == 0
    shown = os.read(terminal[0], 100_000).decode()
    assert re.search(r"fusing: +\d+%.* \d+/63 ", shown)
    assert "out.png: gifnet on cpu" in shown


# -- registration -------------------------------------------------------------------------------


def test_register_aligns_the_second_and_records_how(
    run: Run, tmp_path: Path, options: list[str]
) -> None:
    rng = np.random.default_rng(0)
    big = gaussian_filter(rng.random((90, 100)), 3)
    big = ((big - big.min()) / np.ptp(big) * 4000).astype(np.uint16)
    first, second, out = tmp_path / "a.tif", tmp_path / "b.tif", tmp_path / "out.tif"
    write_image(first, big[8:72, 8:88], axes="YX", scale=(0.5, 0.5), units=("um", "um"))
    write_image(second, big[3:67, 10:90], axes="YX")
    assert run("fuse", first, second, "-o", out, "--register", "translation", *options).code == 0
    (image,) = read_images(out)
    assert image.scale == pytest.approx((0.5, 0.5))
    record = image.metadata["gifnet"]["registration"]
    assert (record["kind"], record["moving"], record["reference"]) == ("translation", "b", "a")
    assert np.array(record["matrix"])[:2, 2] == pytest.approx([5, -2], abs=0.1)
    assert run("fuse", first, second, "-o", out, "--register", "elastic").code == 2
    assert run("fuse", first, second, "-o", out, "--register-by", "luck").code == 2


def test_the_model_is_that_of_the_weights_unless_named(
    run: Run, pair: tuple[Path, Path], tmp_path: Path
) -> None:
    weights, out = tmp_path / "weights.safetensors", tmp_path / "out.tif"
    save_weights(model_spec("gifnet-cvpr").build(), weights, {})
    how = ("-o", out, "--weights", weights, "--device", "cpu")
    assert run("fuse", *pair, *how).code == 0
    record = read_images(out)[0].metadata["gifnet"]
    assert record["model"] == record["options"]["model"] == "gifnet-cvpr"
    refused = run("fuse", *pair, *how, "--overwrite", "--model", "gifnet")
    assert refused.code != 0
    assert "belong to model 'gifnet-cvpr', not 'gifnet'" in " ".join(refused.err.split())
