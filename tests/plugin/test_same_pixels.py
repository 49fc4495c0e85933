"""The same two files give the same pixels in napari as in Python."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from napari.layers import Image

from gifnet.io import read_image
from gifnet.options import FuseOptions
from gifnet.workflows import fuse_files
from napari_gifnet.io.reader import get_reader
from napari_gifnet.scripting import fuse_layers
from tests.helpers.placed_files import scene, write_ground, write_mri, write_pet, write_volume


def write_pair(kind: str, folder: Path) -> list[Path]:
    if kind == "nifti":
        pytest.importorskip("SimpleITK")
        coarse = write_volume(folder / "pet.nii.gz", 8, 4.0, "float32", 1)
        return [coarse, write_volume(folder / "mri.nii.gz", 16, 2.0, "int16", 40)]
    if kind == "ome":
        return [write_pet(folder / "pet.ome.tif"), write_mri(folder / "mri.ome.tif")]
    if kind == "imagej":
        paths = [folder / "coarse.tif", folder / "fine.tif"]
        for path, side, size in zip(paths, (32, 64), (2.0, 1.0), strict=True):
            planes = [scene(side, seed, 0, 4000) for seed in (1, 2, 3)]
            stack = np.stack(planes).astype(np.uint16)
            place = {"axes": "ZYX", "spacing": 3.0, "unit": "um"}
            tifffile.imwrite(path, stack, imagej=True, resolution=(1 / size,) * 2, metadata=place)
        return paths
    wide = write_ground(folder / "wide.tif", scene(64, 3).astype(np.uint8), 20)
    return [wide, write_ground(folder / "fine.tif", scene(64, 4).astype(np.uint8), 10, east=300)]


def layer(path: Path) -> Image:
    reader = get_reader(str(path))
    assert reader is not None
    ((data, arguments, kind),) = reader(str(path))
    assert kind == "image"
    return Image(data, **arguments)


@pytest.mark.parametrize("kind", ["nifti", "ome", "ground", "imagej"])
@pytest.mark.parametrize("register", ["none", "translation"])
def test_files_and_their_layers_give_the_same_pixels(
    kind: str, register: str, tmp_path: Path, random_weights: Path
) -> None:
    settings = {"weights": str(random_weights), "device": "cpu", "precision": "float32"}
    paths, out = write_pair(kind, tmp_path), tmp_path / "fused.tif"
    fuse_files(paths, out, FuseOptions(**settings), registration=register)
    (fused,) = fuse_layers(*map(layer, paths), register=register, **settings)
    np.testing.assert_array_equal(np.asarray(fused.data), read_image(out).data)
    (saved,) = get_reader(str(out))(str(out))  # type: ignore[misc]
    again = Image(saved[0], **saved[1])
    corner = (0,) * fused.ndim
    np.testing.assert_allclose(again.data_to_world(corner), fused.data_to_world(corner), atol=1e-6)
