"""The public names, held against a file, so that a change is seen in review."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

import pytest

LIST = Path(__file__).with_name("public_names.txt")


def listed() -> dict[str, list[str]]:
    """Return the names of every public module, as the file lists them."""
    found: dict[str, list[str]] = {}
    for line in LIST.read_text(encoding="utf-8").splitlines():
        module, _, name = line.partition(": ")
        found.setdefault(module, []).append(name)
    return found


@pytest.mark.parametrize(("module", "names"), listed().items(), ids=lambda x: str(x)[:30])
def test_public_names_are_those_of_the_file(module: str, names: list[str]) -> None:
    face = import_module(module)
    assert sorted(face.__all__) == sorted(names)
    for name in names:
        assert getattr(face, name) is not None
        assert name in dir(face)
    with pytest.raises(AttributeError):
        getattr(face, "no_such_name")  # noqa: B009


def test_stubs_and_modules_agree() -> None:
    """A lazy face takes its names from its stub; both lists in a stub are one."""
    for module in listed():
        stub = Path(import_module(module).__file__ or "").with_suffix(".pyi")
        if not stub.exists():
            continue
        tree = ast.parse(stub.read_text(encoding="utf-8"))
        imported = {
            alias.asname or alias.name
            for node in tree.body
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        assert imported == set(import_module(module).__all__)
