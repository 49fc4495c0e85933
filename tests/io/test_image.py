"""Images with their place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gifnet.errors import InvalidInputError
from gifnet.io import Image, find_pair, read_image, write_image


def test_one_plane_of_a_stack_keeps_its_place() -> None:
    data = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    stack = Image(data, "ZYX", (2, 0.5, 0.25), ("um",) * 3, (7, 1, 2), "cells")
    plane = stack.without_axis("Z")
    np.testing.assert_array_equal(plane.data, data[0])
    assert (plane.axes, plane.scale, plane.translate) == ("YX", (0.5, 0.25), (1.0, 2.0))
    assert plane.units == ("um", "um")
    assert plane.name == "cells"
    assert plane.place == {"Y": (0.5, "um", 1.0), "X": (0.25, "um", 2.0)}
    assert plane.grid.shape == (3, 4)
    np.testing.assert_allclose(plane.grid.matrix, [[0.5, 0, 1], [0, 0.25, 2], [0, 0, 1]])


def test_a_place_has_a_value_per_axis_except_samples() -> None:
    image = Image(np.zeros((3, 4, 3)), "YXS", units=("micron", "µm"))
    assert (image.scale, image.units) == ((1.0, 1.0), ("um", "um"))
    assert (image.channel_axis, image.samples) == (2, 3)
    with pytest.raises(InvalidInputError, match="need 2 values"):
        Image(np.zeros((3, 4)), "YX", (1, 2, 3))
    with pytest.raises(InvalidInputError, match="do not fit"):
        Image(np.zeros((3, 4)), "ZYX")


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif", "a.ome.zarr"])
def test_what_is_read_can_be_written_as_it_is(tmp_path: Path, name: str) -> None:
    if name.endswith("zarr"):
        pytest.importorskip("zarr")
    data = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    place = {"scale": (2, 0.5, 0.25), "units": ("um",) * 3, "translate": (7, 1, 2)}
    write_image(tmp_path / name, data, axes="ZYX", description={"model": "x"}, **place)
    write_image(tmp_path / f"b{name}", read_image(tmp_path / name))
    image = read_image(tmp_path / f"b{name}")
    np.testing.assert_array_equal(np.asarray(image.data), data)
    assert (image.scale, image.units, image.translate) == tuple(place.values())
    assert image.record == {"model": "x"}
    if not name.endswith("zarr"):
        assert [path.name for path in find_pair(tmp_path)] == [name, f"b{name}"]
