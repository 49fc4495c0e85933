"""The documents: links and paths exist, pictures are small, code is Python."""

from __future__ import annotations

import ast
import re
import textwrap
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

import gifnet

ROOT = Path(__file__).resolve().parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "benchmarks" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
_LINK = re.compile(r"\]\(([^)\s]+)\)")
#: A file of this repository, in full or by the last parts of its path.
_FILE = re.compile(r"`([\w./-]*\w\.(?:py|yaml|md|txt))`")
#: What a reader of the documents, or a command, writes.
WRITTEN = (
    "src/gifnet/models/tiny/",
    "tests/models/tiny/",
    "src/gifnet/io/npy.py",
    "tests/io/test_npy.py",
    "stacks.md",
    "tables.md",
)
_PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(path: Path) -> set[str]:
    """Return what links into a page may name, as GitHub makes it from headings."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in _LINK.findall(page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{name(page)} links to {link}"
        if anchor:
            assert anchor in anchors(target), f"{name(page)} links to {link}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_examples_are_python_and_import_what_exists(page: Path) -> None:
    for code in _PYTHON.findall(page.read_text(encoding="utf-8")):
        for node in ast.walk(ast.parse(textwrap.dedent(code))):
            if isinstance(node, ast.ImportFrom) and not node.level:
                assert node.module is not None
                if node.module.partition(".")[0] in ("gifnet", "napari_gifnet") and (
                    "tiny" not in node.module
                ):
                    module = import_module(node.module)
                    for alias in node.names:
                        full = f"{node.module}.{alias.name}"
                        assert hasattr(module, alias.name) or find_spec(full), full


def test_pictures_are_small() -> None:
    sizes = {path.name: path.stat().st_size for path in (ROOT / "docs" / "images").glob("*")}
    assert sizes
    assert max(sizes.values()) < 150_000, sizes
    assert sum(sizes.values()) < 800_000, sizes


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_named_files_exist(page: Path) -> None:
    if page.name == "history.md":  # names files of the past
        return
    folders = ("src", "napari_gifnet", "experiments", "tests", "examples", "benchmarks", "tools")
    files = [name(path) for folder in folders for path in (ROOT / folder).rglob("*.*")]
    files += [name(path) for path in ROOT.iterdir()]
    for file in _FILE.findall(page.read_text(encoding="utf-8")):
        if not file.startswith(WRITTEN):
            assert any(f"/{path}".endswith(f"/{file}") for path in files), f"{name(page)}: {file}"


def test_architecture_is_a_short_map_of_the_core() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert len(text.split()) <= 1200
    core = ROOT / "src" / "gifnet"
    folders = {f"`{path.parent.name}/`" for path in core.glob("*/*") if path.parent.name[0] != "_"}
    modules = {f"`{path.stem}`" for path in core.glob("*.py")} - {"`__init__`"}
    for entry in folders | modules:
        assert f"| {entry} |" in text, entry


def test_commands_for_contributors_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    called = set(re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE))
    assert called <= targets
    assert {"test", "lint", "demo", "docs", "gallery", "build"} <= called
    for path in re.findall(r"tests/[\w/.]+\.py", text):
        assert (ROOT / path).is_file(), path
    assert text.count("\n") <= 120


def test_index_api_reference_and_public_names_list_the_same_modules() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `((?:napari_)?gifnet[\w.]*)` \|", index, re.MULTILINE)
    tree = ast.parse((ROOT / "tools" / "api_reference.py").read_text(encoding="utf-8"))
    (value,) = (
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "MODULES"
    )
    assert listed == list(ast.literal_eval(value))
    names = (ROOT / "tests" / "public_names.txt").read_text(encoding="utf-8")
    assert {line.partition(": ")[0] for line in names.splitlines()} == set(listed)


def test_index_names_what_the_package_exports() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    (row,) = re.findall(r"^\| `gifnet` \| (.*) \|$", index, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", row)) == {*gifnet.__all__} - {"__version__"}
