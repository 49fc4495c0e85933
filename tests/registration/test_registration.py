"""Registration: known transforms found again, across brightness and modality."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.ndimage import gaussian_filter
from skimage.registration import phase_cross_correlation

from gifnet import fuse, misalignment, register
from gifnet.errors import Cancelled, InvalidInputError
from gifnet.geometry import Grid, resample
from gifnet.registration import api as registration
from gifnet.registration.correlation import around, turn
from gifnet.registration.transform import Transform, shifts

SHAPE = (90, 110)
CENTRE = (np.array(SHAPE) - 1) / 2


class Scene:
    """Smooth blobs, which can be looked at anywhere without interpolating pixels."""

    def __init__(self, seed: int = 0, blobs: int = 150):
        rng = np.random.default_rng(seed)
        self.places = rng.uniform(-25, 135, (blobs, 2))
        self.sizes = rng.uniform(2.5, 7, blobs)
        self.heights = rng.uniform(-1, 1, blobs)

    def __call__(self, grid: Grid) -> np.ndarray:
        index = np.indices(grid.shape).reshape(2, -1)
        points = (grid.matrix @ np.vstack((index, np.ones(index.shape[1]))))[:2].T
        values = np.zeros(len(points))
        for place, size, height in zip(self.places, self.sizes, self.heights, strict=True):
            values += height * np.exp(-((points - place) ** 2).sum(axis=1) / (2 * size**2))
        return values.reshape(grid.shape).astype(np.float32)


SCENE = Scene()
PIXELS = Grid(SHAPE, np.eye(3))


def error(transform: Transform, matrix: np.ndarray) -> float:
    """Mean distance in pixels between a found and a true map."""
    difference = shifts(transform.matrix, SHAPE) - shifts(matrix, SHAPE)
    return float(np.linalg.norm(difference, axis=1).mean())


MAPS = {
    "translation": around(np.eye(2), CENTRE, np.array([4.3, -6.6])),
    "rigid": around(turn(np.deg2rad(5.0)), CENTRE, np.array([-3.2, 2.5])),
    "affine": around(np.array([[1.03, 0.02], [-0.01, 0.97]]), CENTRE, np.array([2.4, 3.1])),
}


@pytest.mark.parametrize("kind", MAPS)
def test_a_known_transform_is_found(kind: str) -> None:
    matrix = MAPS[kind]
    # The moving image shows at matrix @ p what the reference shows at p.
    moving = SCENE(Grid(SHAPE, np.linalg.inv(matrix)))
    found = register(moving, SCENE(PIXELS), kind=kind)
    assert error(found.transform, matrix) < 0.05
    assert found.transform.after > 0.95 > found.transform.before
    inside = np.isfinite(found.image)
    assert inside.mean() > 0.8
    assert_allclose(found.image[inside], SCENE(PIXELS)[inside], atol=0.08)


def test_brightness_and_contrast_do_not_matter() -> None:
    matrix = MAPS["rigid"]
    moving = SCENE(Grid(SHAPE, np.linalg.inv(matrix)))
    inverted = (30000 - 9000 * np.tanh(moving)).astype(np.uint16)
    found = register(inverted, SCENE(PIXELS), kind="rigid")
    assert error(found.transform, matrix) < 0.25
    assert found.image.dtype == np.uint16
    assert isinstance(found.image, np.ma.MaskedArray)


def test_missing_pixels_and_frames_take_no_part() -> None:
    matrix = MAPS["translation"]
    moving = SCENE(Grid(SHAPE, np.linalg.inv(matrix)))
    moving[20:40, 30:50] = np.nan
    reference = SCENE(PIXELS)
    reference[:, :12] = reference.min()  # as an earlier warp leaves it
    assert error(register(moving, reference, kind="translation").transform, matrix) < 0.1


def test_splines_do_not_wrap_around() -> None:
    rng = np.random.default_rng(0)
    image = np.where(rng.random(SHAPE) > 0.5, 255, 0).astype(np.uint8)
    image[20:70, 20:70] = 255
    moved = register(image, np.roll(image, 3, axis=0), kind="affine", order=3).image
    inside = np.ma.getdata(moved)[30:60, 30:60]
    assert inside.min() > 200


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_the_widest_integers_do_not_wrap(dtype: type) -> None:
    image = np.full((16, 16), np.iinfo(dtype).max, dtype)
    placed = registration.resample_onto(image, None, Grid((16, 16), np.eye(3)))
    assert (placed > np.iinfo(dtype).max * 0.99).all()


def test_none_changes_nothing() -> None:
    image = SCENE(PIXELS)
    found = register(image, image, kind="none")
    assert_allclose(found.image, image)
    assert_allclose(found.transform.matrix, np.eye(3))
    assert found.transform.after == pytest.approx(1)


def test_colours_and_stacks_share_one_transform() -> None:
    matrix = MAPS["translation"]
    moving = SCENE(Grid(SHAPE, np.linalg.inv(matrix)))
    grey = np.clip(128 + 60 * moving, 0, 255).astype(np.uint8)
    stack = np.stack([np.stack([grey, grey // 2, 255 - grey], axis=-1)] * 2)
    found = register(stack, SCENE(PIXELS), kind="translation", channel_axis=-1)
    assert found.image.shape == (2, *SHAPE, 3)
    assert found.image.dtype == np.uint8
    assert error(found.transform, matrix) < 0.1


@pytest.mark.parametrize("degrees", [0.0, 7.0])
@pytest.mark.parametrize("factor", [2.0, 4.0, 1.7])
def test_other_pixels_of_one_world_lie_where_they_belong(
    factor: float, degrees: float, seen: object
) -> None:
    """A pair of other pixel size, offset and rotation fuses without shift."""
    reference = Grid.from_parts((96, 96), translate=[3.0, -2.0])
    coarse = Grid.from_parts(
        [int(110 / factor)] * 2,
        scale=[factor, factor],
        translate=[factor / 2 - 3, factor / 2 - 9],
        rotate=turn(np.deg2rad(degrees)),
    )
    smooth = Scene(3, 60)
    smooth.sizes = smooth.sizes + 2 * factor
    moved = resample(smooth(coarse), coarse, reference)
    shown = smooth(reference)
    core = (slice(22, -22), slice(22, -22))
    assert np.isfinite(moved[core]).all()
    shift = phase_cross_correlation(shown[core], moved[core], upsample_factor=200)[0]
    assert np.abs(shift).max() < 0.05
    fused = fuse(shown[core], moved[core])
    shift = phase_cross_correlation(shown[core], fused, upsample_factor=200)[0]
    assert np.abs(shift).max() < 0.05


def test_grids_give_the_start_and_the_transform_the_correction() -> None:
    reference = Grid.from_parts(SHAPE, scale=[0.5, 0.5], translate=[10, 20])
    moving = Grid.from_parts((60, 70), scale=[0.9, 0.9], translate=[9, 18])
    to_scene = np.linalg.inv(reference.matrix)
    slip = np.eye(3)
    slip[:2, 2] = 1.5, -1.0  # in the world
    shown = SCENE(Grid(moving.shape, to_scene @ slip @ moving.matrix))
    found = register(
        shown, SCENE(PIXELS), kind="translation", moving_grid=moving, reference_grid=reference
    )
    assert_allclose(found.transform.world(reference), slip, atol=0.05)
    inside = np.isfinite(found.image)
    assert_allclose(found.image[inside], SCENE(PIXELS)[inside], atol=0.1)


def test_records_come_back() -> None:
    transform = Transform("affine", MAPS["affine"], SHAPE, 0.1, 0.8)
    again = Transform.from_dict(json.loads(json.dumps(transform.to_dict())))
    assert_allclose(again.matrix, transform.matrix)
    assert again.describe() == transform.describe()
    assert "affine: +2.40 rows, +3.10 columns" in again.describe()


def test_progress_and_cancelling() -> None:
    image = SCENE(PIXELS)
    calls: list[tuple[int, int]] = []
    register(image, image, progress=lambda done, total: calls.append((done, total)))
    assert calls[-1][0] == calls[-1][1]
    assert all(done <= total for done, total in calls)
    with pytest.raises(Cancelled):
        register(image, image, progress=lambda done, total: False)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "elastic"}, "choose one of none, translation, rigid, similarity, affine"),
        ({"measure": "luck"}, "edges, mutual-information"),
        ({"moving": np.zeros(SHAPE)}, "moving image cannot be registered: it is constant"),
        ({"moving": np.full(SHAPE, np.nan)}, "no finite pixel"),
        ({"moving": np.eye(8), "reference": np.eye(8)}, "at least 16 pixels"),
        ({"moving_grid": Grid((3, 3), np.eye(3))}, "own grid"),
    ],
)
def test_what_cannot_be_registered_is_refused(change: dict[str, object], words: str) -> None:
    image = SCENE(PIXELS)
    arguments = {"moving": image, "reference": image, **change}
    with pytest.raises(InvalidInputError, match=words):
        register(arguments.pop("moving"), arguments.pop("reference"), **arguments)


def test_misalignment_is_seen() -> None:
    reference = SCENE(PIXELS)
    assert not misalignment(reference, -reference).found
    assert misalignment(reference, -reference).warning == ""
    moved = SCENE(Grid(SHAPE, np.linalg.inv(MAPS["rigid"])))
    seen = misalignment(reference, moved)
    assert seen.found
    assert seen.displacement == pytest.approx(
        np.linalg.norm(shifts(MAPS["rigid"], SHAPE), axis=1).mean(), abs=0.5
    )
    assert "misaligned by about" in seen.warning


def test_misalignment_says_nothing_about_nothing() -> None:
    assert not misalignment(np.zeros(SHAPE), SCENE(PIXELS)).found
    noise = np.random.default_rng(0).random((2, *SHAPE)).astype(np.float32)
    assert not misalignment(*noise).found
    with pytest.raises(InvalidInputError, match="differ in size"):
        misalignment(np.eye(40), np.eye(50))


@pytest.mark.parametrize("kind", ["translation", "rigid", "affine"])
def test_mutual_information(kind: str) -> None:
    pytest.importorskip("SimpleITK")
    matrix = MAPS[kind]
    moving = SCENE(Grid(SHAPE, np.linalg.inv(matrix)))
    found = register(np.abs(moving), SCENE(PIXELS), kind=kind, measure="mutual-information")
    assert error(found.transform, matrix) < 0.6


def test_mutual_information_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "SimpleITK", None)
    image = SCENE(PIXELS)
    with pytest.raises(InvalidInputError, match=r"napari-gifnet\[registration\]"):
        register(image, image, measure="mutual-information")


def test_the_misaligned_set(shared_dir: object) -> None:
    """A warped infrared image is brought back to within a few pixels of the visible one."""
    from pathlib import Path

    from skimage.io import imread

    folder = Path(str(shared_dir)) / "data" / "dev" / "misaligned"
    visible, true, warped = (
        imread(folder / name / "00012N.png") for name in ("visible", "infrared", "infrared_warped")
    )
    assert misalignment(visible, warped, channel_axis=-1).found
    assert not misalignment(visible, true, channel_axis=-1).found
    found = register(warped, visible, channel_axis=-1)
    # The warp itself, found without a second modality.
    direct = register(warped, true, channel_axis=-1)
    apart = shifts(found.transform.matrix, true.shape) - shifts(direct.transform.matrix, true.shape)
    assert np.linalg.norm(apart, axis=1).mean() < 5
    assert direct.transform.mean_displacement > 15
    laid = gaussian_filter(np.ma.filled(direct.image[..., 0], 0).astype(np.float32), 2)
    assert (
        np.corrcoef(
            laid[60:-60, 60:-60].ravel(),
            gaussian_filter(true.astype(np.float32), 2)[60:-60, 60:-60].ravel(),
        )[0, 1]
        > 0.9
    )
