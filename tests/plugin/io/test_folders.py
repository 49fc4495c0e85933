"""Folders: sequences of slices, brackets, and images that do not belong together."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import tifffile

from gifnet.errors import ReadError
from napari_gifnet.io.reader import get_reader


def opened(folder: Path) -> list[Any]:
    reader = get_reader(str(folder))
    assert reader is not None
    return reader(str(folder))


def slices(folder: Path, names: list[str], **options: Any) -> None:
    folder.mkdir(exist_ok=True)
    shuffled = list(enumerate(names))
    random.Random(0).shuffle(shuffled)
    for value, name in shuffled:
        tifffile.imwrite(folder / name, np.full((8, 9), value, np.uint16), **options)


def photograph(path: Path, seconds: float | None, value: int = 0) -> None:
    picture = PIL.Image.fromarray(np.full((8, 9, 3), value, np.uint8))
    exif = PIL.Image.Exif()
    if seconds is not None:
        exif.get_ifd(0x8769)[0x829A] = seconds
    picture.save(path, exif=exif)


def test_slices_are_a_stack_in_natural_order(tmp_path: Path) -> None:
    slices(tmp_path, [f"z{number}.tif" for number in range(1, 13)])
    [(data, arguments, kind)] = opened(tmp_path)
    assert kind == "image"
    assert data[:, 0, 0].tolist() == list(range(12))
    assert arguments["name"] == tmp_path.name
    assert arguments["axis_labels"] == ("z", "y", "x")
    assert arguments["scale"] == (1.0, 1.0, 1.0)


def test_two_numbers_are_two_axes(viewer: Any, tmp_path: Path) -> None:
    slices(tmp_path, [f"day_t{t}_z{z:02d}.tif" for t in range(2) for z in range(3)])
    [(data, arguments, _)] = opened(tmp_path)
    assert arguments["axis_labels"] == ("t", "z", "y", "x")
    assert data[:, :, 0, 0].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_numbered_channels_are_layers(tmp_path: Path) -> None:
    slices(tmp_path, [f"cell_z{z}_c{c}.tif" for z in range(3) for c in range(2)])
    layers = opened(tmp_path)
    assert [data[:, 0, 0].tolist() for data, _, _ in layers] == [[0, 2, 4], [1, 3, 5]]


def test_an_incomplete_grid_is_one_sequence(tmp_path: Path) -> None:
    slices(tmp_path, ["a1_b1.tif", "a1_b2.tif", "a2_b1.tif"])
    [(data, _, _)] = opened(tmp_path)
    assert data.shape == (3, 8, 9)


def test_large_sequences_are_read_when_they_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_gifnet.io.folders.EAGER_BYTES", 100)
    slices(tmp_path, [f"{number}.tif" for number in range(1, 13)])
    [(data, _, _)] = opened(tmp_path)
    assert hasattr(data, "dask")
    assert np.asarray(data[:, 0, 0]).tolist() == list(range(12))


@pytest.mark.parametrize("eager", [True, False])
def test_slices_of_other_sizes_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, eager: bool
) -> None:
    if not eager:
        monkeypatch.setattr("napari_gifnet.io.folders.EAGER_BYTES", 100)
    slices(tmp_path, ["z1.tif", "z2.tif"])
    tifffile.imwrite(tmp_path / "z3.tif", np.zeros((4, 4), np.uint16))
    with pytest.raises(ReadError, match=r"z3\.tif has shape \(4, 4\).*they are no stack"):
        np.asarray(opened(tmp_path)[0][0])


def test_brackets_open_in_order_of_exposure(tmp_path: Path) -> None:
    for name, seconds, value in (("a", 0.5, 200), ("b", 0.01, 10), ("c", 0.07, 90)):
        photograph(tmp_path / f"{name}.jpg", seconds, value)
    layers = opened(tmp_path)
    assert [arguments["name"] for _, arguments, _ in layers] == ["b", "c", "a"]


def test_numbered_photographs_of_a_bracket_are_no_stack(tmp_path: Path) -> None:
    for number, seconds in ((1, 0.1), (2, 1.0), (3, 0.01)):
        photograph(tmp_path / f"IMG_{number}.jpg", seconds)
    names = [arguments["name"] for _, arguments, _ in opened(tmp_path)]
    assert names == ["IMG_3", "IMG_1", "IMG_2"]


def test_a_focus_series_of_one_exposure_is_a_stack(tmp_path: Path) -> None:
    for number, seconds in ((1, 0.1), (2, 0.11), (3, 0.1)):
        photograph(tmp_path / f"IMG_{number}.jpg", seconds)
    [(data, arguments, _)] = opened(tmp_path)
    assert data.shape == (3, 8, 9, 3)
    assert arguments["rgb"]


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (["over", "normal", "under"], ["under", "normal", "over"]),
        (["x +2EV", "x 0EV", "x -2EV"], ["x -2EV", "x 0EV", "x +2EV"]),
    ],
)
def test_brackets_are_known_by_their_names(
    tmp_path: Path, names: list[str], order: list[str]
) -> None:
    for name in names:
        photograph(tmp_path / f"{name}.png", None)
    assert [arguments["name"] for _, arguments, _ in opened(tmp_path)] == order


def test_a_few_other_images_open_one_by_one(tmp_path: Path) -> None:
    slices(tmp_path, ["ir1.tif", "ir2.tif", "vis.tif"])
    assert [arguments["name"] for _, arguments, _ in opened(tmp_path)] == ["ir1", "ir2", "vis"]


def test_many_other_images_are_left_to_others(tmp_path: Path) -> None:
    slices(tmp_path, [f"{'abcdefghijkl'[:length]}.tif" for length in range(1, 12)])
    assert get_reader(str(tmp_path)) is None
