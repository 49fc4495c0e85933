"""The sample pairs."""

from __future__ import annotations

import socket
from typing import Any

import numpy as np
import pytest

from gifnet.errors import ReadError
from napari_gifnet.io import samples
from napari_gifnet.layers.snapshot import snapshot
from napari_gifnet.layers.sources import prepare_sources

ALL = (samples.multi_focus, samples.multi_exposure, samples.pan_and_ms, samples.pet_and_mri)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any) -> None:
        raise AssertionError("a sample tried to download something")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.mark.parametrize("sample", ALL)
def test_samples_are_pairs_that_overlap_fully(sample: Any) -> None:
    from napari.layers import Layer

    first, second = (snapshot(Layer.create(*data)) for data in sample())
    pair = prepare_sources((first, second))
    for data in (pair.images[0], pair.images[1]):
        assert np.isfinite(data).all()
        assert data.std() > 0


@pytest.mark.parametrize("key", ["multi-focus", "multi-exposure", "pan-ms", "pet-mri"])
def test_samples_open_from_the_menu(viewer: Any, key: str) -> None:
    assert len(viewer.open_sample("napari-gifnet", key)) == 2


def test_a_bracket_has_three_exposures(viewer: Any) -> None:
    over, normal, under = viewer.open_sample("napari-gifnet", "exposure-bracket")
    assert over.data.mean() > normal.data.mean() > under.data.mean()


def test_fluorescence_has_the_colours_of_its_channels(viewer: Any) -> None:
    phase, gfp, dapi = viewer.open_sample("napari-gifnet", "fluorescence")
    assert [layer.colormap.name for layer in (phase, gfp, dapi)] == ["gray", "green", "blue"]
    assert phase.data.shape == gfp.data.shape == dapi.data.shape
    assert min(np.ptp(layer.data) for layer in (gfp, dapi)) > 2000


def test_the_focus_of_a_stack_wanders(viewer: Any) -> None:
    (stack,) = viewer.open_sample("napari-gifnet", "focus-stack")
    assert stack.data.shape == (5, 500, 741, 3)
    assert stack.axis_labels == ("z", "y", "x")
    wheel = stack.data[:, 300:420, 500:650].astype(float)
    sharpness = np.abs(np.diff(wheel, axis=2)).mean(axis=(1, 2, 3))
    assert sharpness[:2].min() > 1.3 * sharpness[-1]


def test_focus_lies_near_in_one_and_far_in_the_other() -> None:
    (near, *_), (far, *_) = samples.multi_focus()
    # The front wheel is near, the shelf behind it far.
    wheel, shelf = (slice(300, 420), slice(500, 650)), (slice(0, 100), slice(350, 500))

    def sharpness(image: np.ndarray, part: Any) -> float:
        return float(np.abs(np.diff(image[part].astype(float), axis=1)).mean())

    assert sharpness(near, wheel) > 1.3 * sharpness(far, wheel)
    assert sharpness(far, shelf) > 1.3 * sharpness(near, shelf)


def test_exposures_saturate_at_either_end() -> None:
    (over, *_), (under, *_) = samples.multi_exposure()
    assert (over == 255).mean() > 0.1
    assert (under == 255).mean() < 0.01
    assert under.mean() < over.mean() / 2


@pytest.mark.parametrize(
    ("sample", "types"),
    [(samples.pan_and_ms, ("uint16", "uint16")), (samples.pet_and_mri, ("uint8", "uint16"))],
)
def test_coarse_pixels_cover_fine_ones_exactly(sample: Any, types: tuple[str, str]) -> None:
    (coarse, at_coarse, _), (fine, at_fine, _) = sample()
    assert (coarse.dtype, fine.dtype) == types
    assert tuple(4 * side for side in coarse.shape[:2]) == fine.shape
    for axis in (0, 1):
        edges = [
            (at["translate"][axis] - at["scale"][axis] / 2,
             at["translate"][axis] + (data.shape[axis] - 0.5) * at["scale"][axis])
            for data, at in ((coarse, at_coarse), (fine, at_fine))
        ]  # fmt: skip
        assert edges[0] == pytest.approx(edges[1])


def test_missing_source_images_are_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    import skimage.data

    monkeypatch.setattr(skimage.data, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(ReadError, match=r"rocket\.jpg"):
        samples.pan_and_ms()
