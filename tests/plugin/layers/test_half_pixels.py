"""Layers of other pixel size and rotation fuse without a shift, to a twentieth of a pixel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.layers import Image

from gifnet.models.registry import model_spec
from napari_gifnet import fuse_layers, pansharpen_layers

SIDE = 128
#: How far a result may lie from the reference, in its pixels.
LIMIT = 0.05
_RNG = np.random.default_rng(5)
_BLOBS = [
    (*_RNG.uniform(-20, SIDE + 20, 2), _RNG.uniform(5, 9), _RNG.uniform(-1, 1)) for _ in range(150)
]


def scene(rows: Any, columns: Any) -> Any:
    """Return the brightness of a smooth scene at any places of the world, in [0, 1]."""
    total = np.zeros(np.shape(rows))
    for row, column, width, height in _BLOBS:
        distance = (rows - row) ** 2 + (columns - column) ** 2
        total += height * np.exp(-distance / (2 * width**2))
    return np.clip(0.5 + 0.22 * total, 0, 1)


def layer(name: str, shape: tuple[int, int], dtype: Any, **place: Any) -> Image:
    """Return a layer that shows the scene where it lies."""
    probe = Image(np.zeros(shape), **place)
    rows, columns = np.indices(shape)
    index = np.stack([rows.ravel(), columns.ravel(), np.ones(rows.size)])
    matrix = probe._data_to_world.affine_matrix
    world = (matrix @ index)[:2].reshape(2, *shape)
    values = scene(*world)
    limits = np.iinfo(dtype).max if np.dtype(dtype).kind == "u" else 1
    return Image((values * limits).astype(dtype), name=name, **place)


def shift_of(found: Any, expected: Any) -> float:
    """Return how far an image lies from another, borders and what is missing left out.

    By least squares: found = a expected + b + shift . gradient of expected.
    """
    inner = (slice(4, -4),) * 2
    expected = np.asarray(expected, np.float64)
    parts = [*np.gradient(expected), expected, np.ones_like(expected)]
    columns = np.stack([part[inner].ravel() for part in parts], axis=1)
    values = np.asarray(found, np.float64)[inner].ravel()
    valid = np.isfinite(values)
    assert valid.mean() > 0.5
    factors = np.linalg.lstsq(columns[valid], values[valid], rcond=None)[0]
    return float(np.hypot(*factors[:2]) / abs(factors[2]))


def cover(ratio: float, degrees: float = 0.0) -> tuple[tuple[int, int], dict[str, Any]]:
    """Return shape and place of a layer with coarser pixels that covers the fine one's area."""
    side = int(np.ceil(SIDE * (1.5 if degrees else 1) / ratio))
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = np.full(2, (SIDE - 1) / 2)
    start = centre - turn @ np.full(2, (side - 1) / 2 * ratio)
    return (side, side), {"scale": (ratio, ratio), "translate": start, "rotate": degrees}


CASES = [(2, 0), (4, 0), (1.7, 0), (1.7, 20), (1, 33)]


@pytest.mark.parametrize(("ratio", "degrees"), CASES)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_the_mean_of_a_pair_is_not_shifted(
    seen: Any, ratio: float, degrees: float, dtype: Any
) -> None:
    fine = layer("fine", (SIDE, SIDE), dtype)
    shape, place = cover(ratio, degrees)
    coarse = layer("coarse", shape, dtype, **place)
    (fused,) = fuse_layers(coarse, fine, grid="second")
    assert fused.data.shape == (SIDE, SIDE)
    assert shift_of(fused.data, fine.data) < LIMIT
    # What the network was given lies on the reference too, each source for itself.
    for plane in seen[-1]:
        assert shift_of(plane, fine.data) < LIMIT


@pytest.mark.parametrize(("ratio", "degrees"), CASES)
def test_the_coarse_grid_is_not_shifted(seen: Any, ratio: float, degrees: float) -> None:
    fine = layer("fine", (2 * SIDE, 2 * SIDE), np.float32, scale=(0.5, 0.5))
    shape, place = cover(ratio, degrees)
    inside = layer("coarse", (shape[0] // 2,) * 2, np.float32, **place | {"translate": (40, 40)})
    (fused,) = fuse_layers(inside, fine, grid="first")
    assert shift_of(fused.data, inside.data) < LIMIT


@pytest.mark.parametrize(("ratio", "degrees"), CASES[:4])
def test_the_bundled_network_does_not_shift(ratio: float, degrees: float) -> None:
    if model_spec("gifnet").bundled_weights() is None:
        pytest.skip("needs the bundled weights")
    fine = layer("fine", (SIDE, SIDE), np.uint8)
    shape, place = cover(ratio, degrees)
    (fused,) = fuse_layers(layer("coarse", shape, np.uint8, **place), fine, precision="float32")
    assert shift_of(fused.data, fine.data) < LIMIT


@pytest.mark.parametrize("ratio", [2, 4, 1.7])
@pytest.mark.parametrize("method", ["brovey", "gram-schmidt"])
def test_sharpened_bands_are_not_shifted(ratio: float, method: str) -> None:
    pan = layer("pan", (SIDE, SIDE), np.uint16)
    shape, place = cover(ratio)
    bands = [layer(name, shape, np.uint16, **place) for name in "ab"]
    for band in pansharpen_layers(pan, bands, method=method):
        assert shift_of(band.data, pan.data) < LIMIT


def test_a_shift_would_be_seen() -> None:
    """The measure itself: half a pixel is half a pixel."""
    rows, columns = np.indices((SIDE, SIDE)).astype(float)
    found = shift_of(scene(rows + 0.5, columns), scene(rows, columns))
    assert found == pytest.approx(0.5, abs=0.05)


def test_saved_and_reopened(tmp_path: Path, seen: Any) -> None:
    from napari_gifnet.io.reader import get_reader
    from napari_gifnet.io.writer import write_tiff

    fine = layer("fine", (SIDE, SIDE), np.uint16)
    shape, place = cover(4)
    coarse = layer("coarse", shape, np.uint16, **place)
    paths = []
    for one in (coarse, fine):
        path = str(tmp_path / f"{one.name}.ome.tif")
        write_tiff(path, *one.as_layer_data_tuple()[:2])
        paths.append(path)
    opened = []
    for path in paths:
        reader = get_reader(path)
        assert reader is not None
        ((data, arguments, _),) = reader(path)
        opened.append(Image(data, **arguments))
    (fused,) = fuse_layers(*opened)
    assert shift_of(fused.data, fine.data) < LIMIT
