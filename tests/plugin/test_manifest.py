"""The manifest, and that it costs nothing to read."""

from __future__ import annotations

import subprocess
import sys

import pytest
from npe2 import PluginManifest

import napari_gifnet
from gifnet.io import FORMATS
from gifnet.options import PRECISION_CHOICES
from napari_gifnet.settings import Settings


@pytest.fixture(scope="module")
def manifest() -> PluginManifest:
    from pathlib import Path

    return PluginManifest.from_file(Path(napari_gifnet.__file__).parent / "napari.yaml")


def test_everything_it_names_is_there(manifest: PluginManifest) -> None:
    manifest.validate_imports()
    names = {widget.display_name for widget in manifest.contributions.widgets}
    assert names == {"Batch", "Compare", "Enhance", "Fuse", "Pansharpen", "Stack"}
    assert len(manifest.contributions.sample_data) == 7


def test_reader_and_writers_take_what_the_formats_keep(manifest: PluginManifest) -> None:
    placed = [form for form in FORMATS if form.place]
    (reader,) = manifest.contributions.readers
    # "*.ome.zarr" is among "*.zarr".
    read = {f"*{suffix}" for form in placed for suffix in form.suffixes} - {"*.ome.zarr"}
    assert set(reader.filename_patterns) == read
    written = [set(writer.filename_extensions) for writer in manifest.contributions.writers]
    files, folders = (
        {suffix for form in placed for suffix in form.written if form.folder == folder}
        for folder in (False, True)
    )
    assert written == [files, folders]


def test_menus_are_ones_that_plugins_may_fill(manifest: PluginManifest) -> None:
    from napari._app_model.constants._menus import is_menu_contributable

    assert manifest.contributions.menus
    for menu in manifest.contributions.menus:
        assert is_menu_contributable(menu)


def test_settings_offer_what_the_core_takes(manifest: PluginManifest) -> None:
    assert manifest.contributions.configurations is not None
    properties = manifest.contributions.configurations["compute"].properties
    assert properties["precision"].enum == list(PRECISION_CHOICES)
    defaults = {name: one.default for name, one in properties.items()}
    assert Settings(**defaults) == Settings()


@pytest.mark.parametrize(
    "module", ["napari_gifnet", "napari_gifnet.io.reader", "napari_gifnet.io.samples"]
)
def test_imports_are_light(module: str) -> None:
    code = (
        f"import sys, {module}; "
        "print([m for m in ('torch', 'napari', 'qtpy', 'skimage', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["fuse", "enhance", "stack", "pansharpen", "batch", "compare"])
def test_widgets_import_without_torch(name: str) -> None:
    code = f"import sys, napari_gifnet.widgets.{name}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
