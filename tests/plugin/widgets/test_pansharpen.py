"""The Pansharpen widget, and pansharpening of layers in scripts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.layers import Image

from gifnet import pansharpen
from gifnet.errors import InvalidInputError
from napari_gifnet import pansharpen_layers, rerun
from tests.helpers.widgets import dock

RATIO = 4


def make_scene(bands: int = 4) -> tuple[Any, Any]:
    """Return PAN, 64 x 64, and bands, 16 x 16, of 16 bits."""
    rng = np.random.default_rng(0)
    fine = rng.uniform(100, 4000, (bands, 64, 64))
    pan = fine.mean(axis=0).astype(np.uint16)
    blocks = fine.reshape(bands, 16, RATIO, 16, RATIO)
    return pan, blocks.mean(axis=(2, 4)).astype(np.uint16)


def place(ratio: int = 1) -> dict[str, Any]:
    return {
        "scale": (0.5 * ratio,) * 2,
        "translate": (100 + 0.25 * (ratio - 1),) * 2,
        "units": ("m", "m"),
    }


@pytest.fixture
def sharpen_widget(viewer: Any, qtbot: Any, random_weights: Path) -> Any:
    return dock(viewer, qtbot, "Pansharpen", random_weights)


@pytest.mark.parametrize("method", ["gifnet", "brovey", "gram-schmidt"])
def test_layers_give_what_the_core_gives(random_weights: Path, method: str) -> None:
    pan, ms = make_scene()
    fine = Image(pan, name="pan", **place())
    bands = [Image(band, name=f"B{i}", colormap="red", **place(RATIO)) for i, band in enumerate(ms)]
    options = {"weights": random_weights} if method == "gifnet" else {}
    expected = pansharpen(pan, ms, method=method, **options)
    found = pansharpen_layers(fine, bands, method=method, weights=random_weights)
    assert [layer.name for layer in found] == [f"Sharpened B{i}" for i in range(4)]
    for layer, band in zip(found, expected, strict=True):
        np.testing.assert_array_equal(layer.data, band)
        assert layer.data.dtype == np.uint16
        assert layer.colormap.name == "red"
        np.testing.assert_array_equal(layer.scale, (0.5, 0.5))
        np.testing.assert_array_equal(layer.translate, (100, 100))
    record = json.loads(json.dumps(found[0].metadata["napari_gifnet"]))
    assert record["sources"][-1]["role"] == "Panchromatic"
    again = rerun([fine, *bands], record)
    assert [a.data.tobytes() for a in again] == [f.data.tobytes() for f in found]


@pytest.mark.parametrize("axis", [0, 2])
def test_a_layer_with_an_axis_of_bands(axis: int) -> None:
    pan, ms = make_scene()
    order = [0, 1] if axis == 2 else [1, 2]
    scale = np.ones(3)
    scale[order] = 0.5 * RATIO
    translate = np.zeros(3)
    translate[order] = 100 + 0.25 * (RATIO - 1)
    units = ["pixel"] * 3
    for index in order:
        units[index] = "m"
    coarse = Image(
        np.moveaxis(ms, 0, axis),
        name="ms",
        rgb=False,
        scale=scale,
        translate=translate,
        units=units,
        metadata={"band_names": ["blue", "green", "red", "nir"], "napari_gifnet": {"a": 1}},
    )
    (found,) = pansharpen_layers(
        Image(pan, name="pan", **place()), coarse, band_axis=axis, method="brovey"
    )
    assert found.data.shape == (64, 64, 4) if axis == 2 else (4, 64, 64)
    np.testing.assert_array_equal(np.asarray(found.scale)[order], (0.5, 0.5))
    np.testing.assert_array_equal(np.asarray(found.translate)[order], (100, 100))
    assert found.metadata["band_names"] == ["blue", "green", "red", "nir"]
    assert found.metadata["napari_gifnet"]["method"] == "brovey"
    np.testing.assert_array_equal(
        np.moveaxis(found.data, axis, 0), pansharpen(pan, ms, method="brovey")
    )


def test_what_does_not_fit(random_weights: Path) -> None:
    pan, ms = make_scene()
    fine, coarse = Image(pan, name="pan", **place()), Image(ms[0], name="b", **place(RATIO))
    with pytest.raises(InvalidInputError, match="coarser pixels"):
        pansharpen_layers(coarse, [fine])
    with pytest.raises(InvalidInputError, match="one grey plane"):
        pansharpen_layers(Image(ms, name="ms"), [coarse])
    with pytest.raises(InvalidInputError, match="'b' and 'c' differ"):
        pansharpen_layers(fine, [coarse, Image(ms[1], name="c", **place())])
    far = Image(ms[0], name="far", scale=(2, 2), translate=(1e4, 0), units=("m", "m"))
    with pytest.raises(InvalidInputError, match="overlap"):
        pansharpen_layers(fine, [far])
    with pytest.raises(InvalidInputError, match="method is 'magic'"):
        pansharpen_layers(fine, [coarse], method="magic")


def test_the_widget(viewer: Any, sharpen_widget: Any, run: Any, notifications: list[Any]) -> None:
    from qtpy.QtWidgets import QApplication

    assert "Open" in sharpen_widget.controls.status.text()
    viewer.open_sample("napari-gifnet", "pan-ms")
    coarse, fine = viewer.layers
    coarse.data, fine.data = coarse.data[:16, :16], fine.data[:64, :64]
    assert sharpen_widget.pan.value is fine
    assert sharpen_widget.bands == [coarse]
    assert "3 bands" in sharpen_widget.controls.info.text()
    assert not sharpen_widget.axis.enabled
    run(sharpen_widget)
    assert not notifications, notifications
    found = viewer.layers[-1]
    assert found.name == "Sharpened Multispectral"
    assert found.rgb
    assert (found.data.shape, found.data.dtype) == ((64, 64, 3), np.uint16)
    np.testing.assert_array_equal(found.scale, fine.scale)
    np.testing.assert_array_equal(found.translate, fine.translate)
    sharpen_widget.method.value = "brovey"
    sharpen_widget.method.changed.emit("brovey")
    assert not sharpen_widget.histograms.enabled
    sharpen_widget.controls.script_button.click()
    script = QApplication.clipboard().text()
    assert "method='brovey'" in script
    run(sharpen_widget)
    assert len(viewer.layers) == 4
    with pytest.MonkeyPatch.context() as patch:
        import napari

        patch.setattr(napari, "current_viewer", lambda: viewer)
        exec(compile(script, "script.py", "exec"), {})
    np.testing.assert_array_equal(viewer.layers[-1].data, viewer.layers[-2].data)


def test_the_widget_takes_bands_as_layers(viewer: Any, sharpen_widget: Any) -> None:
    pan, ms = make_scene()
    bands = [viewer.add_image(band, name=f"B{i}", **place(RATIO)) for i, band in enumerate(ms)]
    fine = viewer.add_image(pan, name="pan", **place())
    assert sharpen_widget.pan.value is bands[0]  # the only one there was
    sharpen_widget.pan.value = fine
    sharpen_widget.pan.changed.emit(fine)
    assert sharpen_widget.bands == bands
    assert "4 bands" in sharpen_widget.controls.info.text()
    sharpen_widget.bands = bands[:2]
    assert sharpen_widget.make_job().count == 2
    viewer.layers.remove(bands[0])
    assert sharpen_widget.bands == bands[1:2]
    viewer.layers.clear()
    assert "Open" in sharpen_widget.controls.status.text()


def test_cancel(viewer: Any, sharpen_widget: Any, fake_fuser: Any, qtbot: Any) -> None:
    fake_fuser.tiles, fake_fuser.pause = 50, 0.02
    viewer.open_sample("napari-gifnet", "pan-ms")
    for layer, side in zip(viewer.layers, (16, 64), strict=True):
        layer.data = layer.data[:side, :side]
    sharpen_widget.controls.run_button.click()
    qtbot.wait(300)
    sharpen_widget.controls.cancel_button.click()
    qtbot.waitUntil(lambda: not sharpen_widget.controls.is_running, timeout=60_000)
    assert "Cancelled" in sharpen_widget.controls.status.text()
    assert len(viewer.layers) == 2
