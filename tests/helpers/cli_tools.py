"""What the tests of the command line share: running it, and pictures to run it on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SIDE = 40


@dataclass
class Outcome:
    """What a run left behind."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


def scene(dtype: str, channels: int = 0, seed: int = 0) -> np.ndarray:
    """Return noise, grey unless it has channels."""
    rng = np.random.default_rng(seed)
    shape = (SIDE, SIDE + 8, channels) if channels else (SIDE, SIDE + 8)
    return (rng.random(shape) * (255 if dtype == "uint8" else 4000)).astype(dtype)


def files(folder: Path) -> list[str]:
    """Return the names in a folder."""
    return sorted(path.name for path in folder.iterdir())


def fail(run: Run, folder: Path, *arguments: object) -> str:
    """Run what must fail with one line and no new file, and return the line."""
    before = files(folder)
    outcome = run(*arguments)
    assert outcome.code == 1
    assert outcome.out == ""
    assert outcome.err.startswith("gifnet: ")
    assert outcome.err.count("\n") == 1
    assert files(folder) == before
    return outcome.err


def process(*arguments: object, stderr: int | None = None) -> subprocess.Popen[bytes]:
    """Start the command line in a process of its own."""
    command = [sys.executable, "-m", "gifnet", *map(str, arguments)]
    # Started by a shell in the background, tests ignore Ctrl-C, and what they start would too.
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        preexec_fn=None if os.name == "nt" else _heed_interrupts,
    )


def _heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
