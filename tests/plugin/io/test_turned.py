"""Rotated and flipped images: the same place in the file, in the viewer and in the file again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.layers import Image as Layer

from gifnet.io import Georeference, Image, read_image, write_image
from napari_gifnet.io.reader import get_reader
from napari_gifnet.io.writer import write_tiff

VOLUME = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
TURN = np.array([[1, 0, 0], [0, 0.8, -0.6], [0, 0.6, 0.8]])
SYSTEM = {34735: (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32632)}


def opened(path: Path) -> Layer:
    reader = get_reader(str(path))
    assert reader is not None
    ((data, arguments, _),) = reader(str(path))
    return Layer(data, **arguments)


def volume(path: Path, direction: np.ndarray) -> Image:
    write_image(
        path,
        Image(VOLUME, "ZYX", (3, 2, 1), ("mm",) * 3, (5, 6, 7), direction=direction),
    )
    return read_image(path)


def values_by_place(data: Any, matrix: np.ndarray) -> dict[tuple[float, ...], int]:
    indices = np.stack(np.indices(data.shape), -1).reshape(-1, data.ndim)
    places = np.round(indices @ matrix[:-1, :-1].T + matrix[:-1, -1], 3) + 0.0
    return dict(zip(map(tuple, places.tolist()), np.ravel(data).tolist(), strict=True))


def layer_matrix(layer: Layer) -> np.ndarray:
    origin = np.array(layer.data_to_world((0,) * layer.ndim))
    steps = [np.array(layer.data_to_world(step)) - origin for step in np.eye(layer.ndim)]
    matrix = np.eye(layer.ndim + 1)
    matrix[:-1, :-1], matrix[:-1, -1] = np.array(steps).T, origin
    return matrix


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nrrd", "a.mha"])
@pytest.mark.parametrize(
    "direction",
    [np.diag([1.0, -1, -1]), TURN, np.eye(3)[[2, 1, 0]], np.eye(3)[[1, 2, 0]]],
    ids=["flipped", "oblique", "sagittal", "coronal"],
)
def test_every_voxel_of_a_volume_stays_at_its_place(
    tmp_path: Path, name: str, direction: np.ndarray
) -> None:
    image = volume(tmp_path / name, direction)
    expected = values_by_place(image.data, image.world.matrix)
    layer = opened(tmp_path / name)
    assert values_by_place(layer.data, layer_matrix(layer)) == expected
    # The axes of the layer run along the world's, as far as they can.
    linear = np.abs(layer_matrix(layer)[:-1, :-1])
    assert (linear.argmax(axis=0) == np.arange(3)).all()
    data, attributes, _ = layer.as_layer_data_tuple()
    saved = tmp_path / f"saved_{name}"
    write_tiff(str(saved), data, attributes)
    again = read_image(saved)
    assert values_by_place(again.data, again.world.matrix) == expected
    layer = opened(saved)
    assert values_by_place(layer.data, layer_matrix(layer)) == expected


@pytest.mark.parametrize(
    "linear",
    [[[-1.6, 1.2], [1.2, 1.6]], [[-2.0, 0.5], [0.0, 2.0]], [[0.0, 2.0], [-2.0, 0.0]]],
    ids=["rotated", "sheared", "quarter turn"],
)
def test_a_turned_geotiff_keeps_its_place(tmp_path: Path, linear: list[list[float]]) -> None:
    matrix = np.eye(3)
    matrix[:2, :2], matrix[:2, 2] = linear, (5000, 300)
    pixels = VOLUME[0]
    place = Georeference(matrix, dict(SYSTEM))
    scale, units = place.pixel_size()
    write_image(tmp_path / "a.tif", Image(pixels, "YX", scale[1:], units[1:], georeference=place))
    layer = opened(tmp_path / "a.tif")
    to_map = np.diag([-1.0, 1, 1])
    expected = values_by_place(pixels, matrix)
    assert values_by_place(layer.data, to_map @ layer_matrix(layer)) == expected
    data, attributes, _ = layer.as_layer_data_tuple()
    write_tiff(str(tmp_path / "b.tif"), data, attributes)
    again = read_image(tmp_path / "b.tif")
    assert again.georeference is not None
    assert again.georeference.matrix is not None
    assert values_by_place(again.data, again.georeference.matrix) == expected
    assert again.georeference.system == Georeference(None, dict(SYSTEM)).system


def test_a_registered_layer_is_written_where_it_is_shown(tmp_path: Path) -> None:
    layer = Layer(VOLUME, scale=(3, 2, 1), units=("mm",) * 3, affine=[
        [1, 0, 0, 4], [0, 0.8, -0.6, 5], [0, 0.6, 0.8, 6], [0, 0, 0, 1]
    ])  # fmt: skip
    data, attributes, _ = layer.as_layer_data_tuple()
    write_tiff(str(tmp_path / "a.nii.gz"), data, attributes)
    image = read_image(tmp_path / "a.nii.gz")
    expected = values_by_place(VOLUME, layer_matrix(layer))
    assert values_by_place(image.data, image.world.matrix) == expected
