"""Registration in the Fuse widget and in scripts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.layers import Image
from scipy.ndimage import affine_transform, gaussian_filter

from gifnet.errors import InvalidInputError
from gifnet.io import read_images
from napari_gifnet import fuse_layers, rerun
from napari_gifnet.jobs.registration import (
    apply_correction,
    find_transform,
    misalignment_warning,
    world_correction,
)
from napari_gifnet.layers.snapshot import snapshot

ANGLE, SHIFT = np.deg2rad(4), np.array([6.0, -5.0])


def make_pair(side: int = 160) -> tuple[Any, Any]:
    """Return a scene, and the same turned, shifted and inverted."""
    rng = np.random.default_rng(1)
    scene = gaussian_filter(rng.normal(0, 1, (side, side)), 3)
    scene += 0.15 * (np.indices((side, side)).sum(axis=0) // 24 % 2)
    scene -= scene.min()
    scene = np.rint(scene / scene.max() * 255)
    turn = np.array([[np.cos(ANGLE), -np.sin(ANGLE)], [np.sin(ANGLE), np.cos(ANGLE)]])
    centre = (side - 1) / 2
    offset = centre + SHIFT - turn @ np.array([centre, centre])
    other = affine_transform(scene, turn, offset, order=1, mode="nearest")
    return scene.astype(np.uint8), (255 - other).astype(np.uint8)


def quiet(done: int, total: int) -> None:
    pass


def errors_after(layer: Image, shape: tuple[int, int]) -> Any:
    """Return how far points of the moved layer lie from where they belong, in its pixels."""
    side = shape[0]
    turn = np.array([[np.cos(ANGLE), -np.sin(ANGLE)], [np.sin(ANGLE), np.cos(ANGLE)]])
    centre = (side - 1) / 2
    errors = []
    for point in ((40.0, 40.0), (80.0, 90.0), (120.0, 50.0)):
        there = turn @ (np.array(point) - centre) + centre + SHIFT
        # What `other` has at `point` is what the scene has at `there`.
        errors.append(np.asarray(layer.data_to_world(point)) - there)
    return np.linalg.norm(errors, axis=1)


def test_a_correction_lays_a_layer_onto_the_other() -> None:
    scene, other = make_pair()
    fixed = Image(scene, name="scene")
    moving = Image(other, name="other")
    transform = find_transform(snapshot(fixed), snapshot(moving), "rigid", "edges", quiet)
    matrix = world_correction(snapshot(fixed), snapshot(moving), transform)
    moving.affine = matrix @ moving.affine.affine_matrix
    assert errors_after(moving, scene.shape).max() < 0.5
    laid = apply_correction(snapshot(Image(other, name="other")), matrix)
    np.testing.assert_allclose(laid.grid.matrix, snapshot(moving).grid.matrix)


def test_units_and_stacks_are_respected() -> None:
    """The fixed layer is a stack in micrometres, the moving one a stack in millimetres."""
    scene, other = make_pair()
    plain = Image(other, name="other")
    transform = find_transform(snapshot(Image(scene)), snapshot(plain), "rigid", "edges", quiet)
    plain.affine = world_correction(snapshot(Image(scene)), snapshot(plain), transform)
    units = ("um",) * 3
    fixed = Image(np.stack([scene, scene]), name="scene", scale=(900, 500, 500), units=units)
    units = ("mm",) * 3
    moving = Image(np.stack([other] * 3), name="other", scale=(1, 0.5, 0.5), units=units)
    same = find_transform(snapshot(fixed), snapshot(moving), "rigid", "edges", quiet)
    np.testing.assert_allclose(same.matrix, transform.matrix, atol=1e-3)
    moving.affine = world_correction(snapshot(fixed), snapshot(moving), transform)
    world = np.asarray(moving.data_to_world((1.0, 80.0, 90.0)))
    assert world[0] == 1.0
    np.testing.assert_allclose(world[1:] * 1000 / 500, plain.data_to_world((80.0, 90.0)), atol=1e-6)


def test_misaligned_layers_are_warned_of() -> None:
    scene, other = make_pair()
    pair = snapshot(Image(scene, name="scene")), snapshot(Image(other, name="other"))
    assert "misaligned" in misalignment_warning(pair, "first", quiet)
    same = snapshot(Image(255 - scene, name="other"))
    assert misalignment_warning((pair[0], same), "first", quiet) == ""


def test_a_run_registers_and_is_repeated(random_weights: Path) -> None:
    scene, other = make_pair(96)
    layers = [Image(scene, name="scene"), Image(other, name="other")]
    (fused,) = fuse_layers(*layers, grid="first", register="rigid", weights=random_weights)
    record = json.loads(json.dumps(fused.metadata["napari_gifnet"]))
    assert record["registration"]["moving"] == "other"
    assert record["registration"]["kind"] == "rigid"
    (plain,) = fuse_layers(*layers, grid="first", weights=random_weights)
    assert not np.array_equal(plain.data, fused.data)
    (again,) = rerun(layers, record)
    assert again.data.tobytes() == fused.data.tobytes()
    with pytest.raises(InvalidInputError, match="'bent'"):
        fuse_layers(*layers, register="bent")


def test_the_widget_finds_shows_applies_and_takes_back(
    viewer: Any, fuse_widget: Any, fake_fuser: Any, run: Any, qtbot: Any
) -> None:
    scene, other = make_pair()
    fixed, moving = viewer.add_image(scene, name="scene"), viewer.add_image(other, name="other")
    fuse_widget.grid.value = fixed
    fuse_widget.controls.refresh()
    box = fuse_widget.registration
    qtbot.waitUntil(lambda: "misaligned" in box.note.text(), timeout=30_000)
    box.kind.value = "rigid"
    box.kind.changed.emit("rigid")
    assert box.note.text() == ""
    assert box.apply_button.isHidden()
    box.find_button.click()
    qtbot.waitUntil(lambda: not box.is_running, timeout=30_000)
    assert box.note.text().startswith("other onto scene, rigid")
    assert not box.apply_button.isHidden()
    found = box.selection().found
    run(fuse_widget)
    record = viewer.layers[-1].metadata["napari_gifnet"]
    np.testing.assert_array_equal(record["registration"]["matrix"], found.matrix)
    viewer.layers.remove(viewer.layers[-1])
    box.apply_button.click()
    assert errors_after(moving, scene.shape).max() < 0.5
    assert box.kind.value == "none"
    assert box.note.text().startswith("Applied: other onto scene, rigid")
    assert np.array_equal(fixed.affine.affine_matrix, np.eye(3))
    run(fuse_widget)
    assert "registration" not in viewer.layers[-1].metadata["napari_gifnet"]
    viewer.layers.remove(viewer.layers[-1])
    box.apply_button.click()
    np.testing.assert_array_equal(moving.affine.affine_matrix, np.eye(3))
    qtbot.waitUntil(lambda: "misaligned" in box.note.text(), timeout=30_000)


def test_a_run_finds_what_was_not_found_before(
    viewer: Any, fuse_widget: Any, fake_fuser: Any, run: Any
) -> None:
    scene, other = make_pair(96)
    viewer.add_image(scene, name="scene")
    moving = viewer.add_image(other, name="other")
    box = fuse_widget.registration
    box.kind.value = "translation"
    box.kind.changed.emit("translation")
    run(fuse_widget)
    assert "translation" in box.note.text()
    assert box.selection().found is not None
    moving.translate = (1, 0)  # it lies elsewhere now
    assert box.selection().found is None
    assert box.note.text() == ""


def test_the_preview_waits_for_it(
    viewer: Any, fuse_widget: Any, fake_fuser: Any, qtbot: Any
) -> None:
    scene, other = make_pair(96)
    viewer.add_image(scene, name="scene")
    viewer.add_image(other, name="other")
    box = fuse_widget.registration
    box.kind.value = "rigid"
    box.kind.changed.emit("rigid")
    fuse_widget.preview.box.setChecked(True)
    qtbot.waitUntil(lambda: "Find" in fuse_widget.preview.note.text(), timeout=10_000)
    box.find_button.click()
    qtbot.waitUntil(lambda: fuse_widget.preview.live.layer is not None, timeout=30_000)
    fuse_widget.preview.box.setChecked(False)


def test_real_pairs(shared_dir: Path) -> None:
    folder = shared_dir / "data" / "dev" / "misaligned"
    if not folder.is_dir():
        pytest.skip("needs the misaligned pairs")
    path = sorted((folder / "visible").iterdir())[0]
    visible = read_images(path)[0].data
    layers = {
        name: snapshot(Image(read_images(folder / name / path.name)[0].data, name=name))
        for name in ("infrared", "infrared_warped")
    }
    fixed = snapshot(Image(visible, name="visible"))
    warped = layers["infrared_warped"]
    assert "misaligned" in misalignment_warning((warped, fixed), "second", quiet)
    assert misalignment_warning((layers["infrared"], fixed), "second", quiet) == ""
    transform = find_transform(fixed, warped, "affine", "edges", quiet)
    assert transform.after > transform.before + 0.05
