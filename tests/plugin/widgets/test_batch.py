"""The Batch widget."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gifnet import fuse
from gifnet.io import read_images, write_image
from tests.helpers.widgets import dock


@pytest.fixture
def batch_widget(viewer: Any, qtbot: Any, random_weights: Path) -> Any:
    return dock(viewer, qtbot, "Batch", random_weights)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pairs a, b and c in two folders, of which b is damaged."""
    rng = np.random.default_rng(0)
    for kind in ("pet", "mri"):
        (tmp_path / kind).mkdir()
        for name in "abc":
            image = rng.integers(0, 255, (24, 32), dtype=np.uint8)
            write_image(tmp_path / kind / f"{name}.png", image, axes="YX")
    (tmp_path / "pet" / "b.png").write_bytes(b"no image")
    return tmp_path


def fill(widget: Any, qtbot: Any, folder: Path, first: str = "pet", second: str = "mri") -> None:
    widget.folder.value = folder
    widget.names[0].value = first
    widget.names[1].value = second
    qtbot.waitUntil(lambda: not widget.is_matching, timeout=10_000)


def rows(widget: Any) -> list[list[str]]:
    return [
        [widget.table.item(row, column).text() for column in (0, 1)]
        for row in range(widget.table.rowCount())
    ]


def test_it_counts_runs_goes_on_and_sums_up(
    batch_widget: Any,
    folder: Path,
    random_weights: Path,
    run: Any,
    qtbot: Any,
    notifications: list[Any],
) -> None:
    assert "Choose a folder" in batch_widget.controls.status.text()
    fill(batch_widget, qtbot, folder)
    assert batch_widget.controls.info.text().startswith("3 pairs, first a.png + a.png")
    run(batch_widget)
    assert [row[0] for row in rows(batch_widget)] == ["a", "b", "c"]
    assert rows(batch_widget)[0][1].startswith("done")
    assert rows(batch_widget)[1][1].startswith("failed: ")
    assert batch_widget.controls.status.text() == "2 done, 0 skipped, 1 failed."
    assert [str(one.severity) for one in notifications] == ["warning"]
    images = [read_images(folder / kind / "a.png")[0].data for kind in ("pet", "mri")]
    found = read_images(folder / "fused" / "a.tif")[0]
    np.testing.assert_array_equal(found.data, fuse(*images, weights=random_weights))
    assert found.metadata["gifnet"]["weights"]["sha256"]
    qtbot.waitUntil(lambda: not batch_widget.is_matching, timeout=10_000)
    assert "2 of the results exist and will be skipped" in batch_widget.controls.info.text()
    assert batch_widget.controls.status.text() == "2 done, 0 skipped, 1 failed."
    run(batch_widget)
    assert [row[1] for row in rows(batch_widget)][::2] == ["skipped", "skipped"]
    qtbot.waitUntil(lambda: not batch_widget.is_matching, timeout=10_000)
    batch_widget.overwrite.value = True
    assert "will be replaced" in batch_widget.controls.info.text()
    run(batch_widget)
    assert rows(batch_widget)[2][1].startswith("done")


def test_what_is_missing_is_said(batch_widget: Any, folder: Path, qtbot: Any) -> None:
    fill(batch_widget, qtbot, folder / "nowhere")
    assert "There is no folder" in batch_widget.controls.status.text()
    fill(batch_widget, qtbot, folder, "", "mri")
    assert "sub-folder" in batch_widget.controls.status.text()
    fill(batch_widget, qtbot, folder, "pet", "ct")
    assert "neither a folder nor" in batch_widget.controls.status.text()
    fill(batch_widget, qtbot, folder, "pet/*.png", "mri/b*.png")
    assert "No name is common" in batch_widget.controls.status.text()
    assert not batch_widget.controls.run_button.isEnabled()
    batch_widget.controls.run()
    assert not batch_widget.controls.is_running


def test_cancel_keeps_what_is_done(
    batch_widget: Any, folder: Path, fake_fuser: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(fake_fuser):
        tiles, pause = 20, 0.05

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *error: object) -> None:
            pass

    monkeypatch.setattr("gifnet.fusion.Fuser", Slow)
    fill(batch_widget, qtbot, folder)
    batch_widget.controls.run_button.click()
    qtbot.waitUntil(lambda: len(rows(batch_widget)) == 2, timeout=60_000)
    qtbot.waitUntil(lambda: batch_widget.item_bar.value() > 0, timeout=10_000)
    assert batch_widget.controls.bar.value() >= 2000
    batch_widget.controls.cancel_button.click()
    qtbot.waitUntil(lambda: not batch_widget.controls.is_running, timeout=60_000)
    assert batch_widget.controls.status.text().startswith("Cancelled. 1 done, 0 skipped, 1 failed")
    assert [path.name for path in (folder / "fused").iterdir()] == ["a.tif"]


def test_the_script_does_the_same(
    batch_widget: Any, folder: Path, qtbot: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    from qtpy.QtWidgets import QApplication

    fill(batch_widget, qtbot, folder)
    batch_widget.output.value = folder / "out"
    batch_widget.suffix.value = ".png"
    batch_widget.task.value = "medical"
    qtbot.waitUntil(lambda: not batch_widget.is_matching, timeout=10_000)
    batch_widget.controls.copy_script()
    exec(compile(QApplication.clipboard().text(), "script.py", "exec"), {})
    assert "a done" in capsys.readouterr().out
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["a.png", "c.png"]


def test_closing_the_dock_mid_run(viewer: Any, batch_widget: Any, folder: Path, qtbot: Any) -> None:
    fill(batch_widget, qtbot, folder)
    batch_widget.controls.run_button.click()
    runner = batch_widget.controls.runner
    viewer.window.remove_dock_widget(batch_widget)
    qtbot.waitUntil(lambda: not runner.is_running, timeout=60_000)
