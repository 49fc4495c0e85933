"""Fixtures of the command line's tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from skimage.io import imsave

from gifnet.cli import main
from tests.helpers.cli_tools import Outcome, Run, scene


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command line on arguments and return its exit code and output."""

    def call(*arguments: object) -> Outcome:
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Outcome(int(stop.value.code or 0), captured.out, captured.err)

    return call


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Two 8-bit grey PNG files of one size."""
    paths = (tmp_path / "first.png", tmp_path / "second.png")
    for seed, path in enumerate(paths):
        imsave(path, scene("uint8", seed=seed), check_contrast=False)
    return paths


@pytest.fixture
def options(random_weights: Path) -> list[str]:
    return ["--weights", str(random_weights), "--device", "cpu", "--precision", "float32"]


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """The two ends of a pseudo-terminal."""
    pty, termios = pytest.importorskip("pty"), pytest.importorskip("termios")
    ends = pty.openpty()
    termios.tcsetwinsize(ends[1], (24, 100))
    yield ends
    for end in ends:
        os.close(end)
