"""Training samples: synthesis, depth sources and folders of images."""

from __future__ import annotations

import dataclasses
import gc
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import binary_erosion, gaussian_filter

from gifnet.errors import TrainingError
from gifnet.training.data import exposure, synthesis
from gifnet.training.data.depth import FolderDepth, RandomFieldDepth, focus_masks, make_depth_source
from gifnet.training.data.scenes import (
    MULTI_FOCUS,
    MULTI_MODAL,
    find_scenes,
    read_scene,
    split_triplets,
)
from gifnet.training.gifnet.samples import JointDataset
from tests.helpers.training_samples import (
    SIDE,
    TINY,
    save,
    texture,
    to_bytes,
    varied,
    write_data,
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"))


def test_focus_masks_follow_the_supplement() -> None:
    depth = np.array([[10.0, 20.0], [25.0, 30.0]], np.float32)
    near, far = focus_masks(depth, 0.5)
    # Normalised: 0, 0.5, 0.75, 1; near is above the threshold, far at or below it.
    np.testing.assert_array_equal(near, [[0, 0], [1, 1]])
    np.testing.assert_array_equal(far, 1 - near)
    np.testing.assert_array_equal(focus_masks(np.full((3, 3), 7, np.float32), 0.5)[0], 0)


@pytest.mark.parametrize("seed", range(6))
def test_a_multi_focus_pair_recombines_to_the_image(seed: int) -> None:
    image = texture(9)
    depth = RandomFieldDepth()("", image, np.random.default_rng(seed))
    near, far = synthesis.multi_focus_pair(image, depth, np.random.default_rng(seed), (2.0, 2.0))
    assert near.dtype == far.dtype == np.float32
    # Whatever the mask: near + far = image + blurred.
    blurred = gaussian_filter(image, 2.0, mode="reflect")
    np.testing.assert_allclose(near + far, image + blurred, atol=1e-6)
    error = np.minimum(np.abs(near - image), np.abs(far - image))
    assert np.median(error) < 1e-4
    assert np.abs(near - far).max() > 0.01


def test_a_sharp_mask_splits_the_image_at_the_threshold() -> None:
    class Fixed:
        """Gives threshold 0.5, a mask edge of no softness, and blur of standard deviation 1."""

        values = iter((0.5, 0.0, 1.0))

        def uniform(self, low: float, high: float) -> float:
            return next(self.values)

    image = texture(9)
    depth = np.broadcast_to(np.arange(SIDE, dtype=np.float32), image.shape)
    near, far = synthesis.multi_focus_pair(image, depth, Fixed())  # type: ignore[arg-type]
    blurred = gaussian_filter(image, 1.0, mode="reflect")
    half = SIDE // 2
    np.testing.assert_allclose(near[:, half:], image[:, half:])
    np.testing.assert_allclose(near[:, :half], blurred[:, :half])
    np.testing.assert_allclose(far[:, :half], image[:, :half])
    np.testing.assert_allclose(far[:, half:], blurred[:, half:])


@pytest.mark.parametrize("seed", range(4))
def test_an_exposure_pair_is_monotonic_and_brackets_the_image(seed: int) -> None:
    ramp = np.linspace(0, 1, 256, dtype=np.float32)[None]
    over, under = exposure.exposure_pair(ramp, np.random.default_rng(seed), noise=(0, 0))
    for shot in (over, under):
        assert shot.dtype == np.float32
        assert (np.diff(shot) >= 0).all()
        assert shot.min() == 0
        assert shot.max() <= 1
        np.testing.assert_allclose(shot * 255, np.round(shot * 255), atol=1e-4)
    assert (over >= ramp - 0.5 / 255).all()
    assert (under <= ramp + 0.5 / 255).all()
    assert over[0, 128] > 0.6
    assert under[0, 128] < 0.4


def test_varied_modalities_stay_in_range() -> None:
    first, second = texture(1), texture(2)
    inverted = 0
    for seed in range(30):
        a, b = synthesis.vary_modality(first, second, np.random.default_rng(seed))
        for plane in (a, b):
            assert plane.dtype == np.float32
            assert plane.min() >= 0
            assert plane.max() <= 1
        inverted += np.corrcoef(a.ravel(), first.ravel())[0, 1] < 0
        assert np.corrcoef(b.ravel(), second.ravel())[0, 1] > 0.8
    assert 3 < inverted < 17


# -- depth ----------------------------------------------------------------------------


def test_random_depth_has_a_few_regions() -> None:
    image = texture(1)
    depth = RandomFieldDepth()("", image, np.random.default_rng(3))
    assert depth.shape == image.shape
    assert depth.dtype == np.float32
    assert np.abs(np.diff(depth, axis=1)).max() < 0.2 * np.ptp(depth)


def test_a_depth_folder_is_read_by_name(tmp_path: Path) -> None:
    ramp = np.broadcast_to(np.arange(16, dtype=np.uint8) * 10, (16, 16))
    save(tmp_path / "street.0001.png", np.ascontiguousarray(ramp))
    save(tmp_path / "rgb.png", np.stack([ramp] * 3, axis=-1))
    source = make_depth_source(str(tmp_path))
    assert isinstance(source, FolderDepth)
    rng = np.random.default_rng(0)
    for name in ("street.0001", "rgb"):
        depth = source(name, np.zeros((8, 32), np.float32), rng)
        assert depth.shape == (8, 32)
        assert (np.diff(depth, axis=1) >= 0).all()
        assert np.ptp(depth) > 0
    with pytest.raises(TrainingError, match="no depth map for 'alley'"):
        source("alley", np.zeros((8, 8), np.float32), rng)
    with pytest.raises(TrainingError, match="does not exist"):
        make_depth_source(str(tmp_path / "missing"))


def test_depth_may_come_from_a_function(data: Path) -> None:
    calls: list[tuple[str, tuple[int, ...]]] = []

    def flat(name: str, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        calls.append((name, image.shape))
        return np.zeros_like(image)

    sample = JointDataset(data, TINY, depth=flat).sample(0)
    assert len(calls) == 2
    assert all(name.startswith("scene") for name, _ in calls)
    # Flat depth is far everywhere: one source is sharp, the other blurred.
    for first, second, target in zip(sample.first, sample.second, sample.target, strict=True):
        errors = sorted(float((plane - target).abs().max()) for plane in (first, second))
        assert errors[0] < 1e-6 < 0.01 < errors[1]


def test_depth_maps_from_a_folder_are_cropped_with_the_image(data: Path, tmp_path: Path) -> None:
    # The depth is a step between the left and right half of the whole image, and the image is
    # brighter on the right: wherever the crop lies, near focus is sharp on the bright side.
    root = tmp_path / "data"
    right = np.broadcast_to(np.arange(SIDE) >= SIDE // 2, (SIDE, SIDE))
    noise = np.random.default_rng(4).random((SIDE, SIDE))
    save(root / "set/visible/a.png", to_bytes(0.1 + 0.5 * right + 0.3 * noise))
    save(root / "set/infrared/a.png", to_bytes(texture(5)))
    save(tmp_path / "depth/a.png", to_bytes(right.astype(np.float32)))
    config = varied(depth=str(tmp_path / "depth"), hold_out=0, batch_size=4)
    dataset = JointDataset(root, config)
    checked = 0
    for step in range(4):
        sample = dataset.sample(step)
        planes = (t[:, 0].numpy() for t in (sample.first, sample.second, sample.target))
        for first, second, target in zip(*planes, strict=True):
            # The mask's edge is soft over a few pixels.
            inner = [
                binary_erosion(side, iterations=6, border_value=1)
                for side in (target > 0.5, target < 0.5)
            ]
            if min(region.sum() for region in inner) < 30:
                continue
            checked += 1
            sharp = [
                [bool((np.abs(plane - target)[region] < 1e-3).all()) for region in inner]
                for plane in (first, second)
            ]
            assert sorted(sharp) == [[False, True], [True, False]]
    assert checked > 3


# -- folders and batches --------------------------------------------------------------


def test_scenes_are_found_at_any_depth(data: Path) -> None:
    pairs = find_scenes(data, MULTI_MODAL)
    assert [scene.name for scene in pairs] == ["scene0", "scene1", "scene2"]
    assert [path.parent.name for path in pairs[0].paths] == list(MULTI_MODAL)
    assert len(find_scenes(data, MULTI_FOCUS)) == 3
    assert find_scenes(data / "pairs", MULTI_FOCUS) == []


def test_colour_becomes_luminance(data: Path) -> None:
    from skimage.io import imread

    scene = find_scenes(data, MULTI_MODAL)[0]
    _, visible = read_scene(scene)
    rgb = imread(scene.paths[1]).astype(float)
    expected = np.round(rgb @ [0.299, 0.587, 0.114])
    assert visible.dtype == np.uint8
    assert np.abs(visible - expected).max() <= 1


def test_evenly_spaced_triplets_of_the_largest_set_are_held_back(data: Path) -> None:
    scenes = find_scenes(data, MULTI_FOCUS)
    training, held = split_triplets(scenes, 1)
    assert [scene.name for scene in held] == ["scene0"]
    assert [scene.name for scene in training] == ["scene1", "scene2"]
    assert split_triplets(scenes, 0) == (scenes, [])
    many = [dataclasses.replace(scenes[0], name=f"{n:03}") for n in range(12)]
    names = [scene.name for scene in split_triplets(many, 4)[1]]
    assert names == ["000", "003", "006", "009"]


def test_the_same_step_gives_the_same_batch(data: Path) -> None:
    one, two = (JointDataset(data, TINY) for _ in range(2))
    other_seed = JointDataset(data, varied(seed=1))
    for name in ("infrared", "visible", "first", "second", "target"):
        assert torch.equal(getattr(one.sample(5), name), getattr(two.sample(5), name))
    for different in (one.sample(6), one.sample(5, rank=1), other_seed.sample(5)):
        assert not torch.equal(one.sample(5).infrared, different.infrared)


def test_a_batch_is_planes_in_the_unit_range(data: Path) -> None:
    dataset = JointDataset(data, varied(batch_size=3))
    for step in range(8):
        sample = dataset.sample(step)
        for name in ("infrared", "visible", "first", "second", "target"):
            plane = getattr(sample, name)
            assert plane.shape == (3, 1, 32, 32)
            assert plane.dtype == torch.float32
            assert plane.min() >= 0
            assert plane.max() <= 1 + 1e-6


def test_an_image_smaller_than_the_crop_is_mirrored(tmp_path: Path) -> None:
    for role in MULTI_MODAL:
        save(tmp_path / role / "a.png", to_bytes(texture(1, 20, 50)))
    config = varied(hold_out=0)
    assert JointDataset(tmp_path, config).sample(0).visible.shape == (2, 1, 32, 32)


def test_missing_data_is_named(data: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="does not exist"):
        JointDataset(tmp_path / "nowhere", TINY)
    with pytest.raises(TrainingError, match="infrared and visible"):
        JointDataset(data / "focus", TINY)
    for role in MULTI_MODAL:
        save(tmp_path / "set" / role / "a.png", to_bytes(texture(1)))
    save(tmp_path / "set/visible/b.png", to_bytes(texture(1)))
    with pytest.raises(TrainingError, match=r"infrared' has no image for 1 scenes .*'b'"):
        JointDataset(tmp_path / "set", TINY)


@pytest.mark.parametrize(
    ("infrared", "message"),
    [
        (to_bytes(texture(1)).astype(np.uint16), r"a\.png' is uint16"),
        (to_bytes(texture(1))[:40], "differ in size"),
    ],
)
def test_unusable_images_are_named(infrared: np.ndarray, message: str, tmp_path: Path) -> None:
    save(tmp_path / "infrared/a.png", infrared)
    save(tmp_path / "visible/a.png", to_bytes(texture(2)))
    (scene,) = find_scenes(tmp_path, MULTI_MODAL)
    with pytest.raises(TrainingError, match=message):
        read_scene(scene)


# The image library leaves the files open that it cannot read.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_an_unreadable_image_is_named(tmp_path: Path) -> None:
    save(tmp_path / "infrared/a.png", to_bytes(texture(1)))
    save(tmp_path / "visible/a.png", to_bytes(texture(2)))
    (scene,) = find_scenes(tmp_path, MULTI_MODAL)
    scene.paths[1].write_bytes(b"no picture")
    with pytest.raises(TrainingError, match=r"Cannot read .*visible/a\.png"):
        read_scene(scene)
    gc.collect()
