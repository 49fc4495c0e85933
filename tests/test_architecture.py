"""The rules of the house (docs/architecture.md), each with a test."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.helpers.imports import (
    PACKAGES,
    ROOT,
    imports,
    own_imports,
    own_modules,
    python_files,
)

GIFNET = PACKAGES["gifnet"]

#: The layers of the core, lowest first. A module imports from its own folder, from lower layers,
#: and from folders of its own layer as long as these do not import it in turn.
LAYERS = {
    "base": ("_version", "errors", "validation", "progress", "tasks", "ct_windows"),
    "parts": ("imaging", "geometry", "io", "models"),
    "execution": ("options", "engine", "provenance", "registration", "metrics", "classical"),
    "fusion": ("fusion", "export", "training"),
    "workflows": ("workflows", "evaluation", "opencv"),
    "commands": ("cli", "__main__"),
}
LEVEL = {name: level for level, names in enumerate(LAYERS.values()) for name in names}
#: What belongs to napari's side alone.
VIEWER = ("napari", "qtpy", "PyQt6", "PySide6", "npe2", "magicgui", "superqt", "app_model")
NETWORK = ("socket", "urllib", "http", "requests", "urllib3", "huggingface_hub")
#: What belongs to the plugin's folder of widgets alone.
HEAVY = ("torch", "napari", "numpy", "skimage", "scipy", "tifffile")
MAX_LINES = 400


def own_files() -> list[Path]:
    folders = ("src", "napari_gifnet", "experiments", "tests", "examples", "benchmarks", "tools")
    return python_files(*(ROOT / folder for folder in folders))


def top_level(path: Path) -> str:
    return path.relative_to(GIFNET).parts[0].removesuffix(".py")


def imported_folders() -> dict[str, dict[str, str]]:
    """Return what every top-level module or folder of the core imports, each with one place."""
    found: dict[str, dict[str, str]] = {}
    for module, target, where in own_imports():
        names = [name.split(".")[:2] for name in (module, target)]
        if all(name[0] == "gifnet" and len(name) == 2 for name in names):
            here, there = (name[1] for name in names)
            if here != there:
                found.setdefault(here, {})[there] = f"{module}, line {where.line}"
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
def test_core_neither_prints_nor_reads_the_environment_nor_the_network(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if path.parent != GIFNET / "cli":
        calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
        assert not [call for call in calls if isinstance(call, ast.Name) and call.id == "print"]
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not names & {"environ", "getenv"}
    assert not {found.name.partition(".")[0] for found in imports(path)} & set(NETWORK)


def test_benchmarks_experiments_and_tools_do_not_import_the_plugin() -> None:
    gallery = ROOT / "tools" / "gallery.py"  # makes pictures of what the widgets do
    files = python_files(ROOT / "benchmarks", ROOT / "experiments", ROOT / "tools")
    for path in set(files) - {gallery}:
        for found in imports(path):
            assert found.name.partition(".")[0] != "napari_gifnet", f"{path}:{found.line}"


def test_modules_have_no_import_circles() -> None:
    """Not even through imports inside functions or lazy faces."""
    graph: dict[str, set[str]] = {module: set() for module in own_modules()}
    for module, target, found in own_imports():
        if not found.for_typing:
            graph[module].add(target)
    TopologicalSorter(graph).prepare()


def test_few_functions_import_own_modules() -> None:
    """A function imports a module of ours only to keep a heavy or optional package away."""
    inner = {f"{module}:{found.line}" for module, _, found in own_imports() if found.in_function}
    assert len(inner) < 10, sorted(inner)


def test_folders_are_small() -> None:
    counts = Counter(path.parent for path in own_modules().values())
    assert max(counts.values()) <= 15, counts.most_common(3)
    assert sum(counts.values()) / len(counts) < 9


@pytest.mark.parametrize(
    ("packages", "allowed"),
    [
        (("napari", "npe2", "app_model"), "napari_gifnet"),
        (("qtpy", "PyQt6", "PySide6", "superqt", "magicgui"), "napari_gifnet.widgets"),
        (("napari_gifnet",), "napari_gifnet"),
    ],
    ids=["napari", "Qt", "plugin"],
)
def test_who_may_import(packages: tuple[str, ...], allowed: str) -> None:
    for module, path in own_modules().items():
        if module == allowed or module.startswith(f"{allowed}."):
            continue
        for found in imports(path, module):
            assert found.name.partition(".")[0] not in packages, f"{module}:{found.line}"


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
