"""The pages of docs/extending: their entries fit a copy of the package, their examples run."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted((ROOT / "docs" / "extending").glob("*.md"))
#: The line before a block of Python, and the block.
_BLOCK = re.compile(r"([^\n]*)\n\n?```python\n(.*?)```", re.DOTALL)
_CREATE = re.compile(r"Create `(\S+)`")
_APPEND = re.compile(r"(?:For this metric that is|here) `(\S+\.py)`")
_ENTRY = re.compile(r"In `(\S+)`, add .*to `(\w+)`")


def add_entry(path: Path, table: str, entry: str) -> None:
    """Add an element to the tuple of a module-level table."""
    text = path.read_text(encoding="utf-8")
    (value,) = (
        node.value
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        and ast.unparse(node.target if isinstance(node, ast.AnnAssign) else node.targets[0])
        == table
    )
    entries = value.generators[0].iter if isinstance(value, ast.DictComp) else value
    assert isinstance(entries, ast.Tuple)
    last = entries.elts[-1]
    assert last.end_lineno is not None
    lines = text.splitlines(keepends=True)
    line = lines[last.end_lineno - 1].encode()
    cut = last.end_col_offset
    lines[last.end_lineno - 1] = (line[:cut] + b", " + entry.encode() + line[cut:]).decode()
    path.write_text("".join(lines), encoding="utf-8")


def run(code: str, folder: Path, source: Path) -> str:
    """Run an example in a folder with a copy of the package; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", f"import gifnet\nassert {str(source)!r} in gifnet.__file__\n{code}"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(source)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_works_as_written(page: Path, tmp_path: Path) -> None:
    source = tmp_path / "src"
    shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
    entries, examples = 0, []
    for text, code in _BLOCK.findall(page.read_text(encoding="utf-8")):
        created, appended, entry = (rule.search(text) for rule in (_CREATE, _APPEND, _ENTRY))
        if place := created or appended:
            path = tmp_path / place[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as file:
                file.write(f"\n\n{code}" if appended else code)
        elif entry:
            add_entry(tmp_path / entry[1], entry[2], code.strip())
            entries += 1
        else:
            examples.append(code)
    assert entries == 1, "a page adds one entry"
    assert examples
    assert [run(example, tmp_path, source) for example in examples][-1]
