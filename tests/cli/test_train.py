"""``gifnet train``."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from skimage.io import imsave

from tests.helpers.cli_tools import Outcome, Run, fail, process, scene

TINY = [
    "steps=2", "batch_size=1", "crop=32", "hold_out=0", "precision=32-true", "model=gifnet",
]  # fmt: skip
SETTINGS = ["--recipe", "gifnet-cvpr"]
SETTINGS += [part for setting in TINY for part in ("--set", setting)]


@pytest.fixture
def training_data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    for seed, role in enumerate(("infrared", "visible")):
        (folder / role).mkdir(parents=True)
        imsave(folder / role / "1.png", scene("uint8", seed=seed), check_contrast=False)
    return folder


def test_train_and_use_the_weights(
    run: Run, training_data: Path, pair: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    outcome = run("train", "gifnet", "--data", training_data, "--out", out, *SETTINGS)
    assert outcome == Outcome(0, "", "")
    config = json.loads((out / "config.json").read_text())
    assert (config["model"], config["steps"], config["crop"]) == ("gifnet", 2, 32)
    fused = tmp_path / "fused.png"
    weights = out / "weights.safetensors"
    assert run("fuse", *pair, "-o", fused, "--weights", weights).code == 0

    # The same folder again is refused, a resumed run takes the folder's configuration.
    again = ["train", "gifnet", "--data", training_data, "--out", out]
    line = fail(run, out, *again, *SETTINGS)
    assert "already contains a run" in line
    assert run(*again, "--resume").code == 0


def test_train_shares(
    run: Run, training_data: Path, pair: tuple[Path, Path], tmp_path: Path
) -> None:
    out, tiny = tmp_path / "run", ["--set", "steps=2", "--set", "batches=64x1"]
    arguments = ["train", "shares", "--data", training_data]
    assert run(*arguments, "--out", out, *tiny) == Outcome(0, "", "")
    assert json.loads((out / "config.json").read_text())["batches"] == "64x1"
    assert run(*arguments, "--out", out, "--resume").code == 0
    weights = out / "weights.safetensors"
    fused = tmp_path / "fused.png"
    options = ["-o", fused, "--model", "shares", "--weights", weights]
    assert run("fuse", *pair, *options).code == 0
    further = ["--out", tmp_path / "next", *tiny]
    assert run(*arguments, *further, "--start", weights).code == 0
    config = json.loads((tmp_path / "next/config.json").read_text())
    assert config["start"] == str(weights)
    assert "batches" in fail(run, out, *arguments, *further, "--set", "batches=64")
    assert "crop" in fail(run, out, *arguments, *further, "--set", "crop=64")
    assert "secret" in fail(run, out, *arguments, *further, "--recipe", "secret")


def test_train_a_stage(run: Run, training_data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    settings = ["steps=1", "batch_size=1", "crop=32", "hold_out=0", "transfer=0", "iterations=1"]
    changes = [part for setting in settings for part in ("--set", setting)]
    arguments = ["train", "efrufn", "--data", training_data, "--out", out]
    assert run(*arguments, "--stage", "ivif", *changes) == Outcome(0, "", "")
    config = json.loads((out / "config.json").read_text())
    assert (config["model"], config["stage"], config["crop"]) == ("efrufn", "ivif", 32)
    assert run(*arguments, "--resume").code == 0
    # A finished stage teaches the next one; a stage that needs a teacher says so.
    weights = out / "weights.safetensors"
    taught = ["train", "efrufn", "--data", training_data, "--out", tmp_path / "next"]
    assert "teacher" in fail(run, out, *taught, "--stage", "ivif")
    assert "'weights.safetensors'" not in fail(run, out, *taught, "--stage", "mfif", *changes)
    more = [*changes[:-4], "--set", "iterations=1", "--teacher", weights]
    assert run(*taught, "--stage", "ivif", *more).code == 0


@pytest.mark.parametrize(
    ("extra", "word"),
    [
        (["--stage", "first"], "first"),
        (["--stage", "mfif", "--recipe", "secret"], "secret"),
        (["--stage", "mfif", "--set", "colour=blue"], "colour"),
    ],
)
def test_stage_errors(
    run: Run, training_data: Path, tmp_path: Path, extra: list[str], word: str
) -> None:
    arguments = ["train", "frufn", "--data", training_data, "--out", tmp_path / "run"]
    assert word in fail(run, tmp_path, *arguments, *extra)


@pytest.mark.parametrize(
    ("extra", "word"),
    [
        ([], "--stage"),
        (["--stage", "mfif", "--all-stages"], "--all-stages"),
        (["--stage", "mfif", "--recipe", "cpu", "--config", "c.json"], "exclude"),
    ],
)
def test_options_that_do_not_go_together(
    run: Run, training_data: Path, tmp_path: Path, extra: list[str], word: str
) -> None:
    outcome = run("train", "efrufn", "--data", training_data, "--out", tmp_path / "run", *extra)
    assert outcome.code == 2
    assert word in outcome.err


def test_train_with_a_configuration_file(run: Run, training_data: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text('{"steps": 3, "updates": "inference", "triplets": 0.5}')
    arguments = ["train", "gifnet", "--data", training_data, "--out", tmp_path / "run"]
    line = fail(run, training_data, *arguments, "--config", config)
    assert "triplets" in line


@pytest.mark.parametrize(
    ("extra", "word"),
    [
        (["--recipe", "secret"], "secret"),
        (["--recipe", "published", "--set", "mosaic=0.5"], "mosaic"),
        (["--set", "colour=blue"], "colour"),
        (["--set", "crop=33"], "33"),
        (["--set", "steps=many"], "steps"),
        (["--set", "ema=off"], "ema"),
        (["--set", "gate_learned=2"], "true or false"),
        (["--resume"], "config.json"),
    ],
)
def test_training_errors(
    run: Run, training_data: Path, tmp_path: Path, extra: list[str], word: str
) -> None:
    arguments = ["train", "gifnet", "--data", training_data, "--out", tmp_path / "run"]
    assert word in fail(run, tmp_path, *arguments, *extra)


def test_progress_bar(training_data: Path, tmp_path: Path, terminal: tuple[int, int]) -> None:
    arguments = ["train", "gifnet", "--data", training_data, "--out", tmp_path / "run", *SETTINGS]
    running = process(*arguments, stderr=terminal[1])
    assert running.communicate(timeout=120)[0] == b""
    assert running.returncode == 0
    shown = os.read(terminal[0], 100_000).decode()
    assert re.search(r"training: +\d+%.* \d/2 ", shown)
    assert "weights.safetensors: trained for 2 steps" in shown


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_interrupt(training_data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    long_run = [*SETTINGS, "--set", "steps=100000", "--set", "checkpoint_every=1"]
    arguments = ["train", "gifnet", "--data", training_data, "--out", out, *long_run]
    with process(*arguments, stderr=subprocess.PIPE) as running:
        try:
            deadline = time.monotonic() + 300
            while not (out / "checkpoint.ckpt").exists():
                assert time.monotonic() < deadline
                assert running.poll() is None
                time.sleep(0.1)
            running.send_signal(signal.SIGINT)
            stdout, stderr = running.communicate(timeout=300)
        finally:
            running.kill()
    assert running.returncode == 130
    assert stdout == b""
    assert b"Traceback" not in stderr
    assert not (out / "weights.safetensors").exists()
