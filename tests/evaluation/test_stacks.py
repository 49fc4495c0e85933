"""Evaluation on stacks with truth."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest

from gifnet.errors import InvalidInputError, ReadError
from gifnet.evaluation import (
    evaluate_stacks,
    find_stacks,
    make_stack_methods,
    stack_csv,
    stack_table,
)
from gifnet.io import write_image
from tests.helpers.hard_stacks import unsharp_background, veiled_stack


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a folder of two stacks, one with a depth."""
    for name, stack in {"veil": veiled_stack(4), "far": unsharp_background(4)}.items():
        folder = tmp_path / "data" / name
        folder.mkdir(parents=True)
        for number, image in enumerate(stack.slices):
            write_image(folder / f"s{number}.png", image, axes="YX")
        truth = stack.truth.round().clip(0, 255).astype(np.uint8)
        write_image(folder / "truth.png", truth, axes="YX")
    depth = np.full((160, 160), 3, np.float32)
    write_image(tmp_path / "data" / "veil" / "depth.tif", depth, axes="YX")
    return tmp_path / "data"


def test_stacks_are_found_with_truth_and_depth(data: Path) -> None:
    empty = data.parent / "empty"
    empty.mkdir()
    far, veil = find_stacks([data])
    assert (far.name, veil.name) == ("far", "veil")
    assert [path.name for path in veil.slices] == [f"s{k}.png" for k in range(4)]
    assert veil.truth.name == "truth.png"
    assert (far.depth, veil.depth.name if veil.depth else "") == (None, "depth.tif")
    with pytest.raises(ReadError, match="no stack with truth"):
        find_stacks([empty])
    with pytest.raises(InvalidInputError, match="Two stacks are called"):
        find_stacks([data, data])


def test_methods_are_measured_once(data: Path, tmp_path: Path) -> None:
    stacks, out = find_stacks([data]), tmp_path / "out"
    methods = make_stack_methods(["pyramid", "mertens", "shares"], {}, "cpu")
    calls: list[tuple[int, int]] = []
    rows = evaluate_stacks(
        stacks, methods, out, crop=120, progress=lambda done, total: calls.append((done, total))
    )
    assert len(rows) == 6
    assert calls[-1] == (6, 6)
    scores = {(row.pair, row.method): row.scores for row in rows}
    assert scores["far", "pyramid"]["PSNR"] > scores["far", "mertens"]["PSNR"] + 3
    assert scores["veil", "shares"]["SSIM"] > 0.7
    assert "depth error" in scores["veil", "pyramid"]
    assert "depth error" not in scores["far", "pyramid"]
    assert (out / "pictures" / "veil" / "shares.png").exists()
    assert evaluate_stacks(stacks, methods, out, crop=120) == rows  # the stored seconds, too
    table = stack_table(rows)
    assert "Means over 2 stacks" in table
    assert "| shares |" in table
    assert "depth error" not in table  # not all stacks have a depth
    lines = list(csv.DictReader(io.StringIO(stack_csv(rows))))
    assert float(lines[0]["PSNR"]) == pytest.approx(rows[0].scores["PSNR"])


def test_what_cannot_be_evaluated_is_named(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="no method 'wavelet' for stacks; choose from pyr"):
        make_stack_methods(["wavelet"], {})
    methods = make_stack_methods(["pyramid"], {})
    write_image(data / "far" / "s9.png", np.zeros((9, 9), np.uint8), axes="YX")
    with pytest.raises(InvalidInputError, match=r"s9.png.* has \(9, 9\) pixels of uint8"):
        evaluate_stacks(find_stacks([data / "far"]), methods, tmp_path / "out")
    write_image(data / "veil" / "depth.tif", np.zeros((9, 9), np.float32), axes="YX")
    with pytest.raises(InvalidInputError, match=r"depth.tif.* has shape \(9, 9\)"):
        evaluate_stacks(find_stacks([data / "veil"]), methods, tmp_path / "out")
