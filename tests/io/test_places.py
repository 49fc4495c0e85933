"""What files state about their place, from writing to reading."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gifnet.io import Image, read_image, write_geotiff, write_image
from tests.helpers.placed_files import write_ground


def test_a_georeference_places_an_image_without_pixel_sizes(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("first.tif", "image.tif", "bands.tif")]
    data = np.arange(64, dtype=np.uint8).reshape(8, 8)
    place = read_image(write_ground(paths[0], data, 10, east=300)).georeference
    image = Image(data, "YX", georeference=place)
    assert (image.scale, image.units) == ((10, 10), ("m", "m"))
    write_image(paths[1], image)
    write_geotiff(paths[2], np.stack([data] * 3), place)
    for path in paths:
        found = read_image(path)
        assert found.scale[-2:] == (10, 10)
        assert found.translate[-2:] == (-4_999_995, 500_305)
