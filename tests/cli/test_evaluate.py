"""``gifnet evaluate``."""

from __future__ import annotations

import csv
import os
import re
from pathlib import Path

import numpy as np
import pytest
from skimage.io import imsave

from tests.helpers.cli_tools import Outcome, Run, fail, files, process, scene


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data set of two multi-focus pairs."""
    folder = tmp_path / "focus"
    for role, seed in (("near", 0), ("far", 5)):
        (folder / role).mkdir(parents=True)
        for index in range(2):
            image = scene("uint8", seed=seed + index)
            imsave(folder / role / f"{index}.png", image, check_contrast=False)
    return folder


def read_scores(out: Path) -> list[dict[str, str]]:
    with (out / "scores.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_evaluate_baselines_weights_and_pictures(
    run: Run,
    data: Path,
    tmp_path: Path,
    random_weights: Path,
    seen: list[tuple[np.ndarray, np.ndarray]],
) -> None:
    out = tmp_path / "out"
    arguments = ["evaluate", data, "-o", out, "--device", "cpu", "--methods", "average, pyramid"]
    arguments += ["--weights", f"mine={random_weights}", "--fused", f"near-alone={data / 'near'}"]
    assert run(*arguments) == Outcome(0, "", "")
    assert files(out) == ["pictures", "report.html", "results.jsonl", "scores.csv", "tables.md"]
    rows = read_scores(out)
    assert len(rows) == 2 * 4
    by_method = {row["method"]: row for row in rows if row["pair"] == "0"}
    assert set(by_method) == {"average", "pyramid", "mine", "near-alone"}
    # One source alone keeps all of its own edges; the network's stand-in is the mean.
    assert float(by_method["near-alone"]["Qabf"]) > float(by_method["average"]["Qabf"])
    assert by_method["mine"]["MI"]
    text = (out / "tables.md").read_text()
    assert "| near-alone |" in text
    assert "mean rank" in text
    calls = len(seen)
    assert run(*arguments) == Outcome(0, "", "")
    assert len(seen) == calls


def test_options_choose_what_is_measured(run: Run, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ["--methods", "maximum", "--metrics", "en,SCD", "--rank-by", "scd", "--limit", "1"]
    assert run("evaluate", data, "-o", out, *options, "--strips", "0", "--crop", "32").code == 0
    (row,) = read_scores(out)
    assert list(row) == ["task", "dataset", "pair", "method", "version", "EN", "SCD"]
    assert row["task"] == "mfif"
    assert "data:image/" not in (out / "report.html").read_text()
    assert run("evaluate", data, "-o", out, "--methods", "average", "--metrics", "all").code == 0
    assert read_scores(out)[0]["FMI"]


def test_other_folders_by_their_roles(run: Run, data: Path, tmp_path: Path) -> None:
    (data / "near").rename(data / "left")
    out = tmp_path / "out"
    arguments = ["evaluate", data, "-o", out, "--methods", "average", "--strips", "0"]
    assert "--roles" in fail(run, tmp_path, *arguments)
    assert run(*arguments, "--roles", "left,far", "--task", "mfif").code == 0
    assert len(read_scores(out)) == 2


@pytest.mark.parametrize(
    ("extra", "word"),
    [
        (["--methods", "magic"], "choose from average"),
        (["--metrics", "beauty"], "known are EN"),
        (["--methods", "none", "--fused", "x=/nowhere"], "/nowhere"),
        (["--weights", "x=/nowhere.pt"], "/nowhere.pt"),
        (["--task", "x"], "choose one of ivif"),
    ],
)
def test_evaluation_errors(
    run: Run, data: Path, tmp_path: Path, extra: list[str], word: str
) -> None:
    assert word in fail(run, tmp_path, "evaluate", data, "-o", tmp_path / "out", *extra)


@pytest.mark.parametrize(
    "extra",
    [
        ["--methods", "none"],
        ["--methods", "average,average"],
        ["--fused", "a folder"],
        ["--weights", "a/b=c"],
        ["--limit", "0"],
    ],
)
def test_wrong_usage(run: Run, data: Path, tmp_path: Path, extra: list[str]) -> None:
    assert run("evaluate", data, "-o", tmp_path / "out", *extra).code == 2


def test_progress_bar(data: Path, tmp_path: Path, terminal: tuple[int, int]) -> None:
    out = tmp_path / "out"
    arguments = ["evaluate", data, "-o", out, "--methods", "average,maximum", "--strips", "0"]
    running = process(*arguments, stderr=terminal[1])
    assert running.communicate(timeout=120)[0] == b""
    assert running.returncode == 0
    shown = os.read(terminal[0], 100_000).decode()
    assert re.search(r"evaluating: +\d+%.* \d/4 ", shown)
    assert "report.html: 2 methods, 4 results" in shown


def test_stacks_with_truth(run: Run, tmp_path: Path) -> None:
    folder, out = tmp_path / "stacks" / "one", tmp_path / "out"
    folder.mkdir(parents=True)
    for name, seed in (("s1", 0), ("s2", 1), ("truth", 0)):
        imsave(folder / f"{name}.png", scene("uint8", seed=seed), check_contrast=False)
    command = ("evaluate", tmp_path / "stacks", "--stacks", "-o", out, "--device", "cpu")
    assert run(*command, "--methods", "pyramid,shares") == Outcome(0, "", "")
    assert files(out) == ["pictures", "stacks.csv", "stacks.jsonl", "stacks.md"]
    assert "| shares |" in (out / "stacks.md").read_text(encoding="utf-8")
    outcome = run("evaluate", tmp_path / "none", "--stacks", "-o", out)
    assert outcome.code == 1
    assert "There is no folder" in outcome.err
