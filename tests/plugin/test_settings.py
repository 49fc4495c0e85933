"""Settings that outlive a session, with and without napari's own settings for plugins."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from napari_gifnet import settings
from napari_gifnet.settings import Settings
from napari_gifnet.widgets.parts.options import AdvancedOptions

MINE = Settings("cpu", "float32", 256)


@pytest.fixture
def older_napari(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    import napari.settings

    monkeypatch.delattr(napari.settings, "get_plugin_settings", raising=False)
    path = tmp_path / "deep" / "napari-gifnet.json"
    monkeypatch.setattr(settings, "_file", lambda: path)
    return path


def test_napari_keeps_them(plugin_settings: Any, npe2pm: Any, tmp_path: Path) -> None:
    from npe2 import PluginManifest

    npe2pm.register(PluginManifest.from_distribution("napari-gifnet"))
    assert real_load() == Settings()
    real_save(MINE)
    assert real_load() == MINE
    assert "float32" in (tmp_path / "napari-gifnet.yaml").read_text()


def test_a_file_keeps_them_in_older_releases(older_napari: Path) -> None:
    assert real_load() == Settings()
    real_save(MINE)
    assert real_load() == MINE
    assert [path.name for path in older_napari.parent.iterdir()] == [older_napari.name]


@pytest.mark.parametrize(
    "text",
    ["", "[1]", '{"tile": 12}', '{"tile": -8}', '{"tile": "no"}', '{"precision": "int3"}',
     '{"device": 7}'],
)  # fmt: skip
def test_nonsense_is_passed_over(older_napari: Path, text: str) -> None:
    older_napari.parent.mkdir()
    older_napari.write_text(text)
    assert real_load() == Settings()


def test_widgets_start_with_them(
    qtbot: Any, older_napari: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "load", lambda: Settings("cpu", "float32", 264))
    advanced = AdvancedOptions()
    qtbot.addWidget(advanced)
    qtbot.waitUntil(lambda: advanced.form.device.value == "cpu", timeout=60_000)
    options = advanced.options()
    assert (options.device, options.precision, options.tile) == ("cpu", "float32", 264)
    advanced.form.tile.value = 512
    advanced.keep_button.click()
    kept = json.loads(older_napari.read_text())
    assert kept == {"device": "cpu", "precision": "float32", "tile": 512}


real_load, real_save = settings.load, settings.save
