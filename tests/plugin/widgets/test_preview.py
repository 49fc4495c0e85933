"""The live preview: what is in view, fused in the background."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from napari.layers import Image

from gifnet.errors import GifnetError, InvalidInputError
from gifnet.options import FuseOptions
from napari_gifnet.jobs.base import FuserCache
from napari_gifnet.jobs.estimate import Speeds
from napari_gifnet.jobs.preview import PreviewJob, side_for
from napari_gifnet.layers.sampling import RangeCache
from napari_gifnet.layers.snapshot import snapshot
from napari_gifnet.layers.viewport import Region, camera, canvas_size


def ramp(shape: tuple[int, int], **place: Any) -> Any:
    """Return an image whose values are its columns' world coordinates."""
    rows, columns = np.indices(shape)
    scale, translate = place.get("scale", (1, 1)), place.get("translate", (0, 0))
    values = columns * scale[1] + translate[1] + 0 * rows
    return snapshot(Image(values.astype(np.float32), **place))


def silent(done: int, total: int) -> None:
    pass


def make(first: Any, second: Any, region: Region, side: int = 512) -> Any:
    job = PreviewJob(first, second, FuseOptions(), "finer", region, side)
    data, arguments, _ = job.run(FuserCache(), RangeCache(), Speeds(), silent)
    return Image(data, **arguments)


def test_pixels_lie_where_they_belong(fake_fuser: Any) -> None:
    fine = ramp((200, 300), translate=(5, 7))
    coarse = ramp((50, 75), scale=(4, 4), translate=(6.5, 8.5))
    found = make(fine, coarse, Region((40.5, 60.5), (140.5, 160.5), 2.5))
    assert found.data.shape == (40, 40)
    for column in (0, 17, 39):
        world = found.data_to_world((20, column))
        assert found.data[20, column] == pytest.approx(world[1], abs=0.05)
    # The preview's outer edges are those of the region.
    np.testing.assert_allclose(found.data_to_world((-0.5, -0.5)), (45.5, 67.5))
    np.testing.assert_allclose(found.data_to_world((39.5, 39.5)), (145.5, 167.5))


def test_a_view_of_all_is_averaged(fake_fuser: Any) -> None:
    large, wide = ramp((1000, 2050)), ramp((500, 1025), scale=(2, 2), translate=(0.5, 0.5))
    found = make(large, wide, Region((-0.5, -0.5), (999.5, 2049.5), 2.0))
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
    found = make(image, image, Region((-0.5, -0.5), (1023.5, 1023.5), 8.0))
    assert found.data.shape == (128, 128)
    assert found.data[64, 64] == pytest.approx(64 * 8 + 3.5, abs=0.1)
    assert Counting.read < 5 * 256**2


def test_planes_of_a_stack_are_found_through_the_world(fake_fuser: Any) -> None:
    planes = np.arange(6, dtype=np.float32)[:, None, None] * np.ones((6, 40, 40), np.float32)
    deep = snapshot(Image(planes, scale=(1, 1, 1)))
    shifted = snapshot(Image(planes * 10, scale=(2, 1, 1), translate=(-2, 0, 0)))
    job = PreviewJob(deep, shifted, FuseOptions(), "first", Region((0, 0), (40, 40), 1, (4,)), 512)
    data, *_ = job.run(FuserCache(), RangeCache(), Speeds(), silent)
    # Plane 4 lies at 4, where the second image has its plane 3: the mean of 4 and 30.
    np.testing.assert_allclose(data, 17)


@pytest.mark.parametrize("channels", [3, 4])
def test_colour(fake_fuser: Any, channels: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40, channels), dtype=np.uint8)
    colour, grey = snapshot(Image(pixels, rgb=True)), ramp((40, 40))
    found = make(colour, grey, Region((0, 0), (40, 40), 1))
    assert found.rgb
    assert 0 <= found.data.min() <= found.data.max() <= 1


def test_nothing_in_view_is_said(fake_fuser: Any) -> None:
    with pytest.raises(InvalidInputError, match="do not overlap in view"):
        make(ramp((50, 50)), ramp((50, 50), translate=(40, 40)), Region((0, 0), (20, 20), 1))


def test_the_real_model_previews_constant_images(random_weights: Any) -> None:
    flat = snapshot(Image(np.full((40, 40), 9, np.uint16), contrast_limits=(0, 9)))
    job = PreviewJob(
        flat, flat, FuseOptions(weights=random_weights), "first", Region((0, 0), (32, 32), 1), 32
    )
    data, *_ = job.run(FuserCache(), RangeCache(), Speeds(), silent)
    assert np.isfinite(data).all()


def test_the_first_frame_is_as_fine_as_the_machine_allows() -> None:
    region, options, speeds = Region((0, 0), (1000, 2000), 2.0), FuseOptions(), Speeds()
    assert region.side() == 512
    assert side_for(region, options, speeds) == 96  # nothing known
    speeds.note(options, 512**2, 1.0)
    assert side_for(region, options, speeds) == 176
    speeds.note(options, 512**2, 0.1)
    assert side_for(region, options, speeds) == 512


@pytest.fixture
def pair(viewer: Any) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    shape = (300, 400)
    return tuple(
        viewer.add_image(rng.integers(0, 256, shape, dtype=np.uint8), name=name) for name in "ab"
    )


def wait_for_frame(qtbot: Any, widget: Any) -> Any:
    live = widget.preview

    def at_rest() -> bool:
        return not live.is_running and not live._timer.isActive() and live.layer is not None

    qtbot.waitUntil(at_rest, timeout=20_000)
    return live.layer


def test_it_follows_the_view(
    viewer: Any, fuse_widget: Any, fake_fuser: Any, qtbot: Any, pair: Any
) -> None:
    camera(viewer).center, camera(viewer).zoom = (150, 200), 1
    active = viewer.layers.selection.active
    fuse_widget.preview_box.setChecked(True)
    layer = wait_for_frame(qtbot, fuse_widget)
    assert viewer.layers[-1] is layer
    assert viewer.layers.selection.active is active
    assert (fuse_widget.first, fuse_widget.second) == pair
    assert layer.data.shape == (300, 400)
    expected = (pair[0].data.astype(float) + pair[1].data) / 2
    np.testing.assert_allclose(layer.data, np.floor(expected), atol=1)

    camera(viewer).zoom = 8
    qtbot.waitUntil(lambda: layer.data.shape != (300, 400))
    wait_for_frame(qtbot, fuse_widget)
    height, width = canvas_size(viewer)
    assert layer.data.shape == pytest.approx((height / 8, width / 8), abs=2)
    np.testing.assert_allclose(
        layer.data_to_world(np.array(layer.data.shape) / 2 - 0.5), (150, 200), atol=0.6
    )
    fuse_widget.preview_box.setChecked(False)
    assert [each.name for each in viewer.layers] == ["a", "b"]


def test_a_stale_frame_is_dropped(
    viewer: Any, fuse_widget: Any, fake_fuser: Any, qtbot: Any, pair: Any
) -> None:
    camera(viewer).center, camera(viewer).zoom = (150, 200), 4
    fake_fuser.tiles, fake_fuser.pause = 100, 0.05
    fuse_widget.preview_box.setChecked(True)
    qtbot.waitUntil(lambda: fuse_widget.preview.is_running)
    fake_fuser.tiles, fake_fuser.pause = 1, 0.0
    camera(viewer).center = (20, 30)
    began = time.monotonic()
    layer = wait_for_frame(qtbot, fuse_widget)
    assert time.monotonic() - began < 4
    corner = layer.data_to_world((-0.5, -0.5))
    np.testing.assert_allclose(corner[-2:], (-0.5, -0.5), atol=0.5)


def test_it_goes_with_a_run_and_with_its_layer(
    viewer: Any, fuse_widget: Any, fake_fuser: Any, qtbot: Any, pair: Any, run: Any
) -> None:
    fuse_widget.preview_box.setChecked(True)
    layer = wait_for_frame(qtbot, fuse_widget)
    viewer.layers.remove(layer)
    assert not fuse_widget.preview_box.isChecked()
    assert not fuse_widget.preview.is_on
    fuse_widget.preview_box.setChecked(True)
    wait_for_frame(qtbot, fuse_widget)
    run(fuse_widget)
    assert [each.name for each in viewer.layers] == ["a", "b", "Fused a + b"]


def test_what_it_cannot_show_is_said(
    viewer: Any, fuse_widget: Any, fake_fuser: Any, qtbot: Any, notifications: list[Any]
) -> None:
    for name in "ab":
        viewer.add_image(np.zeros((4, 40, 40), np.uint8), name=name)
    fuse_widget.preview_box.setChecked(True)
    wait_for_frame(qtbot, fuse_widget)
    viewer.dims.ndisplay = 3
    qtbot.waitUntil(lambda: "2-D view" in fuse_widget.preview_note.text())
    assert not viewer.layers["Preview"].visible
    viewer.dims.ndisplay = 2
    camera(viewer).center = (1000, 1000)
    qtbot.waitUntil(lambda: "in view" in fuse_widget.preview_note.text())
    viewer.reset_view()
    qtbot.waitUntil(lambda: not fuse_widget.preview_note.text())
    assert viewer.layers["Preview"].visible
    assert not notifications


def test_it_shows_the_slice_in_view(
    viewer: Any, fuse_widget: Any, fake_fuser: Any, qtbot: Any
) -> None:
    stack = np.arange(4, dtype=np.uint8)[:, None, None] * np.ones((4, 40, 40), np.uint8) * 10
    for name in "ab":
        viewer.add_image(stack, name=name)
    viewer.dims.set_current_step(0, 3)
    fuse_widget.preview_box.setChecked(True)
    layer = wait_for_frame(qtbot, fuse_widget)
    assert (layer.data == 30).all()
    viewer.dims.set_current_step(0, 1)
    qtbot.waitUntil(lambda: (layer.data == 10).all())


def test_enhancement_has_one_too(
    viewer: Any, enhance_widget: Any, fake_fuser: Any, qtbot: Any
) -> None:
    data = np.random.default_rng(0).integers(0, 256, (40, 40), dtype=np.uint8)
    viewer.add_image(data)
    enhance_widget.preview_box.setChecked(True)
    layer = wait_for_frame(qtbot, enhance_widget)
    np.testing.assert_allclose(layer.data, data, atol=1)


def test_regions_need_both_layers(viewer: Any, fuse_widget: Any, pair: Any) -> None:
    viewer.layers.remove(pair[1])
    with pytest.raises(GifnetError, match="two image layers"):
        fuse_widget.preview_job()
