"""Display colours of channels, as files state them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from gifnet.io import read_images


def test_ome_states_colours_as_signed_integers(tmp_path: Path) -> None:
    path = tmp_path / "cells.ome.tif"
    # 0xFF0000FF and 0x00FF00FF: red, green, blue, alpha.
    metadata = {"axes": "CYX", "Channel": {"Color": [-16776961, 16711935]}}
    pixels = np.zeros((2, 8, 9), np.uint16)
    tifffile.imwrite(path, pixels, photometric="minisblack", metadata=metadata)
    (image,) = read_images(path)
    assert image.channel_colours == ("#ff0000", "#00ff00")
    assert image.without_axis("C").channel_colours == ()


def test_imagej_states_look_up_tables(tmp_path: Path) -> None:
    ramp = np.arange(256, dtype=np.uint8)
    tables = [np.stack([ramp * a, ramp * b, ramp * 0]) for a, b in ((0, 1), (1, 1))]
    metadata = {"axes": "CYX", "LUTs": tables}
    pixels = np.zeros((2, 8, 9), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", pixels, imagej=True, metadata=metadata)
    (image,) = read_images(tmp_path / "a.tif")
    assert image.channel_colours == ("#00ff00", "#ffff00")


def test_ome_zarr_states_colours_of_omero(tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    path = tmp_path / "cells.zarr"
    group = zarr.open_group(path, mode="w", zarr_format=2)
    group.create_array("0", shape=(2, 8, 9), dtype="uint8", chunks=(1, 8, 9))
    axes = [{"name": name, "type": kind} for name, kind in
            (("c", "channel"), ("y", "space"), ("x", "space"))]  # fmt: skip
    channels = [{"label": "DAPI", "color": "0000FF"}, {"label": "GFP", "color": "00FF00"}]
    group.attrs.put(
        {
            "multiscales": [{"axes": axes, "datasets": [{"path": "0"}], "version": "0.4"}],
            "omero": {"channels": channels},
        }
    )
    (image,) = read_images(path)
    assert image.channel_colours == ("#0000ff", "#00ff00")


def test_files_without_colours_have_none(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        np.zeros((2, 8, 9), np.uint16),
        photometric="minisblack",
        metadata={"axes": "CYX", "Channel": {"Name": ["DAPI", "GFP"]}},
    )
    assert read_images(tmp_path / "a.ome.tif")[0].channel_colours == ()
