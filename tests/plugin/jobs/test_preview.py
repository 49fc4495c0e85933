"""A frame of the live preview: what is in view, fused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.layers import Image

from gifnet.errors import InvalidInputError
from gifnet.options import FuseOptions
from napari_gifnet.jobs.base import FuserCache
from napari_gifnet.jobs.estimate import Speeds
from napari_gifnet.jobs.fuse import FusionJob
from napari_gifnet.jobs.preview import PreviewJob, side_for
from napari_gifnet.layers.sampling import RangeCache
from napari_gifnet.layers.snapshot import snapshot
from napari_gifnet.layers.viewport import ViewRegion


def ramp(shape: tuple[int, int], **place: Any) -> Any:
    """Return an image whose values are its columns' world coordinates."""
    rows, columns = np.indices(shape)
    scale, translate = place.get("scale", (1, 1)), place.get("translate", (0, 0))
    values = columns * scale[1] + translate[1] + 0 * rows
    return snapshot(Image(values.astype(np.float32), **place))


def silent(done: int, total: int) -> None:
    pass


def make(first: Any, second: Any, region: ViewRegion, side: int = 512) -> Any:
    job = PreviewJob(FusionJob((first, second), FuseOptions()), region, side)
    data, arguments, _ = job.run(FuserCache(), RangeCache(), silent)
    return Image(data, **arguments)


def test_pixels_lie_where_they_belong(fake_fuser: Any) -> None:
    fine = ramp((200, 300), translate=(5, 7))
    coarse = ramp((50, 75), scale=(4, 4), translate=(6.5, 8.5))
    found = make(fine, coarse, ViewRegion((40.5, 60.5), (140.5, 160.5), 2.5))
    assert found.data.shape == (40, 40)
    for column in (0, 17, 39):
        world = found.data_to_world((20, column))
        assert found.data[20, column] == pytest.approx(world[1], abs=0.05)
    # The preview's outer edges are those of the region.
    np.testing.assert_allclose(found.data_to_world((-0.5, -0.5)), (45.5, 67.5))
    np.testing.assert_allclose(found.data_to_world((39.5, 39.5)), (145.5, 167.5))


def test_a_view_of_all_is_averaged(fake_fuser: Any) -> None:
    large, wide = ramp((1000, 2050)), ramp((500, 1025), scale=(2, 2), translate=(0.5, 0.5))
    found = make(large, wide, ViewRegion((-0.5, -0.5), (999.5, 2049.5), 2.0))
    assert found.data.shape == (250, 512)
    for column in (0, 200, 510):
        world = found.data_to_world((100, column))
        assert found.data[100, column] == pytest.approx(world[1], abs=0.6)


def test_large_and_multiscale_images_are_read_sparsely(fake_fuser: Any) -> None:
    class Counting(np.ndarray):
        read = 0

        def __array_finalize__(self, other: Any) -> None:
            Counting.read = max(Counting.read, self.size if other is None else 0)

        def __getitem__(self, key: Any) -> Any:
            found = super().__getitem__(key)
            Counting.read += found.size
            return np.asarray(found)

    fine = ramp((1024, 1024)).data
    levels = [fine, fine[::2, ::2] + 0.5, fine[::4, ::4] + 1.5]
    layer = Image(
        [level.view(Counting) for level in levels], multiscale=True, contrast_limits=(0, 1)
    )
    image = snapshot(layer)
    Counting.read = 0
    found = make(image, image, ViewRegion((-0.5, -0.5), (1023.5, 1023.5), 8.0))
    assert found.data.shape == (128, 128)
    assert found.data[64, 64] == pytest.approx(64 * 8 + 3.5, abs=0.1)
    assert Counting.read < 5 * 256**2


def test_planes_of_a_stack_are_found_through_the_world(fake_fuser: Any) -> None:
    planes = np.arange(6, dtype=np.float32)[:, None, None] * np.ones((6, 40, 40), np.float32)
    deep = snapshot(Image(planes, scale=(1, 1, 1)))
    shifted = snapshot(Image(planes * 10, scale=(2, 1, 1), translate=(-2, 0, 0)))
    job = PreviewJob(
        FusionJob((deep, shifted), FuseOptions(), "first"),
        ViewRegion((0, 0), (40, 40), 1, (4,)),
        512,
    )
    data, *_ = job.run(FuserCache(), RangeCache(), silent)
    # Plane 4 lies at 4, where the second image has its plane 3: the mean of 4 and 30.
    np.testing.assert_allclose(data, 17)


@pytest.mark.parametrize("channels", [3, 4])
def test_colour(fake_fuser: Any, channels: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40, channels), dtype=np.uint8)
    colour, grey = snapshot(Image(pixels, rgb=True)), ramp((40, 40))
    found = make(colour, grey, ViewRegion((0, 0), (40, 40), 1))
    assert found.rgb
    assert 0 <= found.data.min() <= found.data.max() <= 1


def test_nothing_in_view_is_said(fake_fuser: Any) -> None:
    with pytest.raises(InvalidInputError, match="do not overlap in view"):
        make(ramp((50, 50)), ramp((50, 50), translate=(40, 40)), ViewRegion((0, 0), (20, 20), 1))


def test_the_real_model_previews_constant_images(random_weights: Any) -> None:
    flat = snapshot(Image(np.full((40, 40), 9, np.uint16), contrast_limits=(0, 9)))
    fusion = FusionJob((flat, flat), FuseOptions(weights=random_weights), "first")
    job = PreviewJob(fusion, ViewRegion((0, 0), (32, 32), 1), 32)
    data, *_ = job.run(FuserCache(), RangeCache(), silent)
    assert np.isfinite(data).all()


def test_the_first_frame_is_as_fine_as_the_machine_allows() -> None:
    region, options, speeds = ViewRegion((0, 0), (1000, 2000), 2.0), FuseOptions(), Speeds()
    assert region.side() == 512
    slow = FuseOptions(model="gifnet")
    assert side_for(region, slow, speeds) == 96  # as is usual, as nothing is known
    assert side_for(region, options, speeds) > 256
    speeds.note(options, 2 * 512**2, 1.0)
    assert side_for(region, options, speeds) == 176
    speeds.note(options, 2 * 512**2, 0.1)
    assert side_for(region, options, speeds) == 512
