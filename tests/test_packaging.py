"""What is in the sdist and the wheel, and that the manifest is found from an installation."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from npe2 import PluginManifest

import gifnet
from gifnet.models.registry import SPECS

ROOT = Path(__file__).resolve().parent.parent
NAME = "napari-gifnet"
IN_BOTH = [
    "napari_gifnet/napari.yaml",
    "napari_gifnet/py.typed",
    "{core}gifnet/py.typed",
    *(
        f"{{core}}gifnet/weights/{spec.bundled[None]}"
        for spec in SPECS.values()
        if None in spec.bundled
    ),
    "{core}gifnet/evaluation/report.css",
    "{core}gifnet/evaluation/report.js",
    *(f"{{core}}gifnet/training/{name}/recipes/published.toml" for name in ("gifnet", "frufn")),
    "{core}gifnet/training/shares/recipes/shares.toml",
]


def call(*command: object, cwd: Path) -> str:
    """Run a command, fail with all that it said, and return it."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an sdist and the wheel made from it."""
    folder = tmp_path_factory.mktemp("dist")
    call(sys.executable, "-m", "build", "--outdir", folder, ROOT, cwd=folder)
    return folder


@pytest.fixture(scope="session")
def wheel(built: Path) -> Path:
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel alone installed in it."""
    folder = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--no-deps"]
    call(*pip, "--no-index", "--target", folder, wheel, cwd=folder)
    return folder


def from_wheel(installed: Path, code: str) -> str:
    """Run code where the wheel comes before this repository."""
    start = f"import sys; sys.path.insert(0, {str(installed)!r}); "
    return call(sys.executable, "-c", start + code, cwd=installed).strip().splitlines()[-1]


def test_wheel_holds_both_packages_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for name in IN_BOTH:
        assert name.format(core="") in names
    tops = {name.split("/")[0] for name in names}
    assert tops == {"gifnet", "napari_gifnet", f"napari_gifnet-{gifnet.__version__}.dist-info"}
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_sdist_holds_sources_and_tests(built: Path) -> None:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for name in IN_BOTH:
        assert name.format(core="src/") in names
    for name in ("napari.yaml", "pyproject.toml", "LICENSE", "README.md", "CHANGELOG.md"):
        assert name in names
    assert f"tests/{Path(__file__).name}" in names


def test_manifest_is_found_from_the_wheel(installed: Path) -> None:
    code = (
        "import gifnet; from npe2 import PluginManifest as M; "
        f"print(gifnet.__file__, M.from_distribution({NAME!r}).name)"
    )
    file, name = from_wheel(installed, code).split()
    assert Path(file).is_relative_to(installed)
    assert name == NAME


def test_manifest_is_found_from_this_installation() -> None:
    assert PluginManifest.from_distribution(NAME).name == NAME


def test_manifest_at_the_top_is_a_link() -> None:
    link = ROOT / "napari.yaml"
    assert link.is_symlink()
    assert link.resolve() == ROOT / "napari_gifnet" / "napari.yaml"


def test_npe2_validates(installed: Path) -> None:
    manifest = installed / "napari_gifnet" / "napari.yaml"
    arguments = ["npe2", "validate", "--imports", str(manifest)]
    code = f"sys.argv = {arguments!r}; from npe2.cli import main; main()"
    assert "valid" in from_wheel(installed, code)


def test_command_line_of_the_wheel(installed: Path) -> None:
    code = "from gifnet.cli import main; main(['--version'])"
    assert from_wheel(installed, code) == f"gifnet {gifnet.__version__}"


def test_entry_point() -> None:
    (point,) = entry_points(group="console_scripts", name="gifnet")
    assert point.value == "gifnet.cli:main"


def test_build_needs_no_torch_and_users_no_binding_of_qt() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["build-system"]["requires"] == ["hatchling>=1.27"]
    assert not any(
        "PyQt" in need or "PySide" in need for need in project["project"]["dependencies"]
    )
