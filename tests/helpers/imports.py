"""What the files of a package import, read from their syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = {
    "gifnet": ROOT / "src" / "gifnet",
    "napari_gifnet": ROOT / "napari_gifnet",
    "experiments": ROOT / "experiments",
}


class Import(NamedTuple):
    """A name that a file imports, where, in a function or not, for type checkers alone or not."""

    name: str
    line: int
    in_function: bool
    for_typing: bool


def python_files(*folders: Path) -> list[Path]:
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


def own_modules() -> dict[str, Path]:
    """Return the path of every module of ours by its name."""
    found = {}
    for name, folder in PACKAGES.items():
        for path in python_files(folder):
            parts = path.relative_to(folder).with_suffix("").parts
            parts = parts[:-1] if parts[-1] == "__init__" else parts
            found[".".join((name, *parts))] = path
    return found


def imports(path: Path, module: str = "") -> Iterator[Import]:
    """Yield what a file imports, by absolute names; `module` is the file's own.

    A lazy face imports what its stub names.
    """
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for source in (path, path.with_suffix(".pyi")):
        if source.exists():
            yield from _below(ast.parse(source.read_text(encoding="utf-8")), package, False, False)


def own_imports() -> Iterator[tuple[str, str, Import]]:
    """Yield (importer, imported module, import) between our modules."""
    modules = own_modules()
    for module, path in modules.items():
        for found in imports(path, module):
            target = found.name if found.name in modules else found.name.rpartition(".")[0]
            if target in modules and target != module:
                yield module, target, found


def _below(node: ast.AST, package: str, inner: bool, typing: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            for name in _absolute(child, package):
                yield Import(name, child.lineno, inner, typing)
            continue
        function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        checking = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        yield from _below(child, package, inner or function, typing or checking)


def _absolute(node: ast.Import | ast.ImportFrom, package: str) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    parts = package.split(".")
    base = parts[: len(parts) - node.level + 1] if node.level else []
    base = [*base, *(node.module.split(".") if node.module else [])]
    return [".".join((*base, alias.name)) for alias in node.names]
