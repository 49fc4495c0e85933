"""The examples run as they are, stay short, and print what they made."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
PRINTED = {
    "fuse_arrays.py": ("Fused: uint8, 128 x 128 pixels.", "Share of the near image"),
    "fuse_layers.py": ("(100, 100) pixels of [2.4 2.4] millimeter", "Made again, equal: True"),
    "fuse_dask.py": ("chunks of (128, 128)", "fused.zarr: mean"),
}


@pytest.mark.parametrize("name", PRINTED)
def test_example_runs(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(EXAMPLES / name))
    printed = capsys.readouterr().out
    for text in PRINTED[name]:
        assert text in printed


@pytest.mark.parametrize("name", PRINTED)
def test_example_is_short(name: str) -> None:
    text = (EXAMPLES / name).read_text(encoding="utf-8")
    assert len([line for line in text.splitlines() if line.strip()]) <= 15


def test_nothing_else_is_an_example() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == {*PRINTED, "demo.py"}
