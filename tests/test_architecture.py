"""The rules of the house (docs/architecture.md), each with a test."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
GIFNET = ROOT / "src" / "gifnet"
PLUGIN = ROOT / "napari_gifnet"

#: The layers of the core, lowest first. A module imports from its own folder, from lower layers,
#: and from folders of its own layer as long as these do not import it in turn.
LAYERS = {
    "base": ("_version", "errors", "validation", "progress", "tasks"),
    "parts": ("imaging", "geometry", "io", "models"),
    "execution": ("options", "engine", "provenance", "registration", "metrics"),
    "fusion": ("fusion", "export", "training"),
    "workflows": ("workflows", "evaluation", "opencv"),
    "commands": ("cli", "__main__"),
}
LEVEL = {name: level for level, names in enumerate(LAYERS.values()) for name in names}
#: What belongs to napari's side alone.
VIEWER = ("napari", "qtpy", "PyQt6", "PySide6", "npe2", "magicgui", "superqt", "app_model")
NETWORK = ("socket", "urllib", "http", "requests", "urllib3", "huggingface_hub")
#: What belongs to the plugin's folder of widgets alone.
QT = ("qtpy", "PyQt6", "PySide6", "superqt", "magicgui")
HEAVY = ("torch", "napari", "numpy", "skimage", "scipy", "tifffile")
MAX_LINES = 400


def python_files(*folders: Path) -> list[Path]:
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


def own_files() -> list[Path]:
    folders = ("src", "napari_gifnet", "experiments", "tests", "examples", "benchmarks", "tools")
    return python_files(*(ROOT / folder for folder in folders))


def top_level(path: Path) -> str:
    return path.relative_to(GIFNET).parts[0].removesuffix(".py")


def imports(path: Path, package: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """Yield the line and absolute name of everything that a file of a package imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            parts = (*base, *(node.module.split(".") if node.module else ()))
            yield from ((node.lineno, ".".join((*parts, alias.name))) for alias in node.names)


def gifnet_imports(path: Path) -> Iterator[tuple[int, str]]:
    return imports(path, ("gifnet", *path.relative_to(GIFNET).parts[:-1]))


def imported_folders() -> dict[str, dict[str, str]]:
    """Return what every top-level module or folder of the core imports, each with one place."""
    found: dict[str, dict[str, str]] = {}
    for path in python_files(GIFNET):
        here = top_level(path)
        if here == "__init__":  # the lazy table of public names
            continue
        for line, name in gifnet_imports(path):
            top, _, rest = name.partition(".")
            there = rest.partition(".")[0]
            if top == "gifnet" and there != here:
                found.setdefault(here, {})[there] = f"{path.relative_to(ROOT)}:{line}"
    return found


def test_every_module_has_a_layer() -> None:
    assert {top_level(path) for path in python_files(GIFNET)} - {"__init__"} == set(LEVEL)


def test_imports_point_down() -> None:
    for here, places in imported_folders().items():
        for there, place in places.items():
            assert LEVEL[there] <= LEVEL[here], f"{place} imports {there}, which is above {here}"


def test_layers_have_no_import_circles() -> None:
    graph = {here: set(places) for here, places in imported_folders().items()}
    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("path", python_files(GIFNET), ids=lambda p: str(p.relative_to(GIFNET)))
def test_core_knows_nothing_of_the_viewer(path: Path) -> None:
    for line, name in gifnet_imports(path):
        top = name.partition(".")[0]
        assert top not in (*VIEWER, "napari_gifnet"), f"{path}:{line} imports {name}"


@pytest.mark.parametrize("path", python_files(GIFNET), ids=lambda p: str(p.relative_to(GIFNET)))
def test_core_neither_prints_nor_reads_the_environment_nor_the_network(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if path.parent != GIFNET / "cli":
        calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
        assert not [call for call in calls if isinstance(call, ast.Name) and call.id == "print"]
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not names & {"environ", "getenv"}
    assert not {name.partition(".")[0] for _, name in gifnet_imports(path)} & set(NETWORK)


def test_only_the_plugin_imports_napari() -> None:
    for path in python_files(ROOT / "src", ROOT / "experiments"):
        for line, name in imports(path, ()):
            assert name.partition(".")[0] != "napari", f"{path}:{line} imports {name}"


def test_only_widgets_import_qt() -> None:
    for path in python_files(PLUGIN):
        for line, name in imports(path, ()):
            qt = name.partition(".")[0] in QT or name.startswith("napari.qt")
            assert not qt or path.parent.name == "widgets", f"{path}:{line} imports {name}"


def test_benchmarks_experiments_and_tools_do_not_import_the_plugin() -> None:
    gallery = ROOT / "tools" / "gallery.py"  # makes pictures of what the widgets do
    files = python_files(ROOT / "benchmarks", ROOT / "experiments", ROOT / "tools")
    for path in set(files) - {gallery}:
        for line, name in imports(path, ()):
            assert name.partition(".")[0] != "napari_gifnet", f"{path}:{line} imports {name}"


def in_new_process(code: str) -> str:
    """Run code in a fresh interpreter, fail with its error, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("package", ["gifnet", "napari_gifnet", "gifnet.cli"])
def test_importing_costs_nothing(package: str) -> None:
    code = f"import sys, {package}; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    assert in_new_process(code) == ""


def test_core_works_without_napari(random_weights: Path) -> None:
    code = f"""
import importlib.abc, pkgutil, sys

class Blocker(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {VIEWER!r}:
            raise ImportError("blocked: " + name)

sys.meta_path.insert(0, Blocker())
import gifnet, numpy
for module in pkgutil.walk_packages(gifnet.__path__, "gifnet."):
    if module.name != "gifnet.__main__":
        __import__(module.name)
image = numpy.eye(16, dtype="uint8") * 255
print(gifnet.fuse(image, image.T[::-1], weights={str(random_weights)!r}, device="cpu").shape)
"""
    assert in_new_process(code) == "(16, 16)"


@pytest.mark.parametrize("path", own_files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_files_are_short_and_finished(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= MAX_LINES, "split it"
    for mark in ("TO" + "DO", "FIX" + "ME", "XX" + "X"):
        assert mark not in text
