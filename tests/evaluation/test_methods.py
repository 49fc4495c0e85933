"""Baselines, networks and pictures from elsewhere, as methods of an evaluation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from gifnet import GifnetError
from gifnet.evaluation.datasets import Dataset, find_datasets
from gifnet.evaluation.methods import (
    Average,
    LaplacianPyramid,
    Maximum,
    Mertens,
    Network,
    Pictures,
    Wavelet,
    default_methods,
    make_method,
    network_from,
)
from gifnet.evaluation.pair import ImagePair, grey
from gifnet.metrics import psnr
from tests.helpers.evaluation_samples import (
    focus_triplet,
    save,
    write_focus,
    write_medical,
    write_pansharpening,
)
from tests.helpers.metrics_samples import plane


def medical(folder: Path) -> ImagePair:
    return find_datasets([write_medical(folder)])[0].read("0")


@pytest.mark.parametrize("method", [LaplacianPyramid(), Wavelet()])
@pytest.mark.parametrize("shape", [(48, 64), (37, 51), (16, 17), (5, 3)])
def test_a_decomposition_of_one_image_twice_is_that_image(
    method: LaplacianPyramid | Wavelet, shape: tuple[int, int]
) -> None:
    image = plane(3, *shape)
    np.testing.assert_array_equal(method.plane(image, image), image)


@pytest.mark.parametrize("method", [LaplacianPyramid(), Wavelet()])
def test_a_decomposition_takes_the_sharper_source(method: LaplacianPyramid | Wavelet) -> None:
    near, far, sharp = focus_triplet(4)
    assert psnr(method.plane(near, far), sharp) > psnr(Average().plane(near, far), sharp) + 3


def test_average_and_maximum() -> None:
    first, second = np.array([[255, 0, 1]], np.uint8), np.array([[255, 255, 2]], np.uint8)
    # NumPy rounds halves to even.
    np.testing.assert_array_equal(Average().plane(first, second), [[255, 128, 2]])
    np.testing.assert_array_equal(Maximum().plane(first, second), [[255, 255, 2]])


def test_a_baseline_keeps_the_colour_of_the_coloured_source(tmp_path: Path) -> None:
    pair = medical(tmp_path)
    planes, picture = Average().fuse(pair)
    assert picture.shape == pair.first.shape
    np.testing.assert_array_equal(planes[0], Average().plane(grey(pair.first), pair.second))
    inside = ((picture > 0) & (picture < 255)).all(axis=-1)
    assert np.abs(grey(picture).astype(int) - planes[0])[inside].max() <= 1


def test_bands_are_fused_one_by_one(tmp_path: Path) -> None:
    pair = find_datasets([write_pansharpening(tmp_path)])[0].read("a")
    planes, picture = Maximum().fuse(pair)
    assert len(planes) == 4
    assert picture.shape == (64, 64, 3)
    # Blue is stored first.
    np.testing.assert_array_equal(picture[..., 2], planes[0])


def test_mertens_is_that_of_opencv() -> None:
    cv2 = pytest.importorskip("cv2")
    a, b = plane(1), gaussian_filter(plane(2), 1)
    merged = cv2.createMergeMertens().process([a, b]) * 255
    np.testing.assert_allclose(Mertens().plane(a, b), np.clip(merged, 0, 255), atol=0.51)
    assert Mertens().edition == f"OpenCV {cv2.__version__}"


def test_mertens_without_opencv_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Mertens, "available", staticmethod(lambda: False))
    assert "mertens" not in default_methods()
    with pytest.raises(GifnetError, match="pip install opencv-python-headless"):
        make_method("mertens")


def test_the_wavelet_without_its_package_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Wavelet, "available", staticmethod(lambda: False))
    assert "wavelet" not in default_methods()
    with pytest.raises(GifnetError, match=r"wavelet .* pip install 'napari-gifnet\[evaluation\]'"):
        make_method("wavelet")


def test_names_of_methods() -> None:
    assert default_methods()[:4] == ["average", "maximum", "pyramid", "wavelet"]
    assert "gifnet" in default_methods()
    with pytest.raises(GifnetError, match="choose from average"):
        make_method("finest")


def test_a_network_is_told_by_its_file(
    tmp_path: Path, random_weights: Path, seen: list[tuple[np.ndarray, np.ndarray]]
) -> None:
    pair = medical(tmp_path)
    network = network_from("mine", random_weights, "cpu")
    assert network.model == "gifnet"
    dataset = find_datasets([tmp_path])[0]
    version = network.version(dataset, "0")
    assert version == f"gifnet {network.fuser.weights.sha256[:16]}"
    planes, picture = network.fuse(pair)
    # The stand-in for the network is the mean.
    expected = (grey(pair.first).astype(float) + pair.second) / 2
    np.testing.assert_allclose(planes[0], expected, atol=1)
    assert picture.shape == pair.first.shape
    np.testing.assert_allclose(network.enhance(pair.second), pair.second, atol=1)
    with pytest.raises(GifnetError, match=r"no\.pt"):
        network_from("mine", tmp_path / "no.pt")


def test_the_bundled_network_is_loaded_once_asked() -> None:
    network = make_method("gifnet", "cpu")
    assert isinstance(network, Network)
    assert network.title == "gifnet (bundled)"


# -- pictures from elsewhere ----------------------------------------------------------


@pytest.fixture
def focus(tmp_path: Path) -> Dataset:
    return find_datasets([write_focus(tmp_path / "data" / "focus")])[0]


def test_pictures_are_found_by_name(tmp_path: Path, focus: Dataset) -> None:
    for index in range(2):
        save(tmp_path / "theirs" / f"scene{index}.bmp", plane(index, 48, 56))
    method = Pictures("theirs", tmp_path / "theirs")
    planes, picture = method.fuse(focus.read("scene1"))
    np.testing.assert_array_equal(planes[0], plane(1, 48, 56))
    assert picture.ndim == 2
    before = method.version(focus, "scene1")
    save(tmp_path / "theirs" / "scene1.bmp", plane(7, 48, 56))
    assert method.version(focus, "scene1") != before
    # A crop is that of the sources.
    cropped = method.fuse(focus.read("scene0", crop=20))[0][0]
    np.testing.assert_array_equal(cropped, plane(0, 48, 56)[14:34, 18:38])
    # A sub-folder of the data set's name comes first.
    save(tmp_path / "theirs" / "focus" / "scene0.png", plane(9, 48, 56))
    np.testing.assert_array_equal(method.fuse(focus.read("scene0"))[0][0], plane(9, 48, 56))


def test_pictures_that_do_not_fit_are_refused(tmp_path: Path, focus: Dataset) -> None:
    with pytest.raises(GifnetError, match="no folder"):
        Pictures("theirs", tmp_path / "none")
    folder = tmp_path / "theirs"
    save(folder / "scene0.png", plane(0, 48, 55))
    method = Pictures("theirs", folder)
    with pytest.raises(GifnetError, match="one grid"):
        method.fuse(focus.read("scene0"))
    with pytest.raises(GifnetError, match="no image 'scene1'"):
        method.version(focus, "scene1")


def test_fused_bands_come_in_the_unit_of_the_bands(tmp_path: Path) -> None:
    dataset = find_datasets([write_pansharpening(tmp_path / "data")])[0]
    pair = dataset.read("a")
    # The reference handed in as a result is the reference.
    method = Pictures("truth", dataset.folder / "reference")
    planes, picture = method.fuse(pair)
    assert pair.reference is not None
    np.testing.assert_allclose(np.stack(planes), np.clip(pair.reference, 0, 255), atol=0.51)
    assert picture.shape == (64, 64, 3)
    with pytest.raises(GifnetError, match="4 bands"):
        Pictures("pan", dataset.folder / "pan").fuse(pair)
