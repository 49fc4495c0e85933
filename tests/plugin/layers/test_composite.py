"""Composites of bands, and the commands that add them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gifnet.errors import InvalidInputError
from gifnet.io import Georeference, read_images, write_geotiff
from napari_gifnet.layers.composite import (
    add_cir_composite,
    add_rgb_composite,
    composite,
    find_bands,
)


def scene(path: Path, names: tuple[str, ...] = ("Blue", "Green", "Red", "NIR")) -> Path:
    items = "".join(
        f'<Item name="DESCRIPTION" sample="{index}" role="description">{name}</Item>'
        for index, name in enumerate(names)
    )
    keys = (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32632)
    tags = {42112: f"<GDALMetadata>{items}</GDALMetadata>", 34735: keys}
    matrix = np.array([[-2.0, 0, 5000], [0, 2, 300], [0, 0, 1]])
    rng = np.random.default_rng(0)
    bands = rng.integers(100, 1000, (len(names), 40, 50)).astype(np.uint16)
    write_geotiff(path, bands, Georeference(matrix, tags))
    return path


def test_bands_open_in_their_colours_and_nir_is_hidden(viewer: Any, tmp_path: Path) -> None:
    layers = viewer.open(scene(tmp_path / "ms.tif"), plugin="napari-gifnet")
    assert [layer.colormap.name for layer in layers] == ["blue", "green", "red", "gray"]
    assert [layer.visible for layer in layers] == [True, True, True, False]
    assert all(layer.blending == "additive" for layer in layers)


@pytest.mark.parametrize(
    ("command", "name", "order"),
    [(add_rgb_composite, "ms RGB", (2, 1, 0)), (add_cir_composite, "ms CIR", (3, 2, 1))],
)
def test_one_command_adds_a_composite(
    viewer: Any, tmp_path: Path, command: Any, name: str, order: tuple[int, ...]
) -> None:
    layers = viewer.open(scene(tmp_path / "ms.tif"), plugin="napari-gifnet")
    command()
    found = viewer.layers[-1]
    assert (found.name, found.rgb, found.data.shape) == (name, True, (40, 50, 3))
    for channel, index in enumerate(order):
        low, high = layers[index].contrast_limits
        unit = np.clip((layers[index].data - low) / (high - low), 0, 1)
        assert np.abs(found.data[..., channel] - 255 * unit).max() <= 0.51
    np.testing.assert_allclose(found.translate, layers[0].translate)


def test_a_saved_composite_keeps_the_georeference(viewer: Any, tmp_path: Path) -> None:
    viewer.open(scene(tmp_path / "ms.tif"), plugin="napari-gifnet")
    add_rgb_composite()
    viewer.layers[-1].save(str(tmp_path / "rgb.tif"), plugin="napari-gifnet")
    (before,), (after,) = read_images(tmp_path / "ms.tif"), read_images(tmp_path / "rgb.tif")
    assert before.georeference is not None
    assert after.georeference is not None
    np.testing.assert_allclose(after.georeference.matrix, before.georeference.matrix)
    assert after.georeference.system == before.georeference.system
    assert after.georeference.band_names() == ()


def test_lazy_and_multiscale_bands_stay_so(viewer: Any) -> None:
    da = pytest.importorskip("dask.array")
    full = da.from_array(np.arange(64 * 64, dtype=np.uint16).reshape(64, 64), chunks=32)
    for name in ("red", "green", "blue"):
        viewer.add_image([full, full[::2, ::2]], name=f"a {name}", contrast_limits=(0, 4095))
    data, _, _ = composite(find_bands(list(viewer.layers), "RGB"), "x")
    assert [level.shape for level in data] == [(64, 64, 3), (32, 32, 3)]
    assert hasattr(data[0], "dask")
    assert np.asarray(data[0])[-1, -1].tolist() == [255] * 3


def test_missing_bands_are_named(viewer: Any, notifications: list[Any]) -> None:
    viewer.add_image(np.zeros((8, 9)), name="a red")
    with pytest.raises(InvalidInputError, match="nir, red, green"):
        find_bands(list(viewer.layers), "CIR")
    add_rgb_composite()
    assert "No image has the bands red, green, blue" in notifications[-1].message


def test_bands_of_other_grids_are_refused(viewer: Any) -> None:
    for index, name in enumerate(("red", "green", "blue")):
        viewer.add_image(np.zeros((8, 9)), name=f"a {name}", translate=(index, 0))
    with pytest.raises(InvalidInputError, match="different grids"):
        composite(find_bands(list(viewer.layers), "RGB"), "x")
