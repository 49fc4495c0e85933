"""The batches of Shares, and the data that they are drawn from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gifnet.errors import TrainingError
from gifnet.training.data.defocus import defocus, focus_stack, occluding_pair
from gifnet.training.data.depth import RandomFieldDepth
from gifnet.training.data.scenes import find_other_scenes, find_sharp_images
from gifnet.training.objectives import Kind
from gifnet.training.shares.config import PAIRS, STEPS, recipe
from gifnet.training.shares.samples import SharesDataset
from tests.helpers.training_samples import save, texture, to_bytes, write_data, write_own_sets

NONE = dict.fromkeys((*STEPS, *PAIRS), 0.0)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_own_sets(write_data(tmp_path_factory.mktemp("data")))


def dataset(data: Path, **changes: Any) -> SharesDataset:
    return SharesDataset(data, recipe(**{"batches": "64x4", "hold_out": 1} | changes))


def test_the_same_step_has_the_same_batch(data: Path) -> None:
    one, two, other = (dataset(data), dataset(data), dataset(data, seed=1))
    for step in range(12):
        batch, again = one.sample(step), two.sample(step)
        assert torch.equal(batch.planes, again.planes)
        assert torch.equal(batch.target, again.target)
    assert not torch.equal(one.sample(0).planes, one.sample(0, rank=1).planes)
    assert not torch.equal(one.sample(0).planes, other.sample(0).planes)


@pytest.mark.parametrize(
    ("share", "kind"),
    [
        ("triplets", Kind.TRUTH), ("twice", Kind.TRUTH), ("infrared", Kind.WARM),
        ("own_pairs", Kind.SOURCES), ("exposure", Kind.EXPOSURE), ("tracer", Kind.SOURCES),
        ("bone", Kind.SOURCES), ("spectral", Kind.SOURCES), ("pansharpening", Kind.SOURCES),
    ],
)  # fmt: skip
def test_a_share_of_one_fills_the_pairs(data: Path, share: str, kind: Kind) -> None:
    batch = dataset(data, **NONE | {share: 1.0}).sample(3)
    assert batch.kind.tolist() == [kind] * 4
    assert batch.planes.shape == (4, 2, 64, 64)
    assert batch.target.shape == (4, 1, 64, 64)
    assert batch.planes.dtype == batch.target.dtype == torch.float32
    assert batch.planes.min() >= 0
    assert batch.planes.max() <= 1 + 1e-6


def test_the_rest_are_pairs_out_of_focus(data: Path) -> None:
    batch = dataset(data, **NONE | {"infrared": 0.5}).sample(0)
    assert sorted(batch.kind.tolist()) == [Kind.TRUTH, Kind.TRUTH, Kind.WARM, Kind.WARM]


def test_stacks_have_three_to_nine_images_and_a_truth(data: Path) -> None:
    stacks = dataset(data, **NONE | {"stacks": 1.0})
    counts = set()
    for step in range(25):
        batch = stacks.sample(step)
        counts.add(batch.planes.shape[1])
        assert (batch.kind == Kind.TRUTH).all()
        # Somewhere in every stack each pixel is about as it is in the truth.
        nearest = (batch.planes - batch.target).abs().amin(dim=1)
        assert nearest.mean() < 0.03
        assert len(batch.planes) <= 2
    assert counts == set(range(3, 10))


def test_single_images_and_brackets(data: Path) -> None:
    single = dataset(data, **NONE | {"single": 1.0}).sample(0)
    assert single.planes.shape == (4, 1, 64, 64)
    assert (single.kind == Kind.TRUTH).all()
    bracket = dataset(data, **NONE | {"brackets": 1.0}).sample(0)
    assert bracket.planes.shape == (2, 3, 64, 64)
    assert (bracket.kind == Kind.EXPOSURE).all()
    over, middle, under = bracket.planes.mean(dim=(2, 3)).unbind(dim=1)
    assert (over > middle).all()
    assert (middle > under).all()


def test_own_stacks_are_judged_by_their_images(data: Path) -> None:
    own = dataset(data, **NONE | {"own_stacks": 1.0})
    batches = [own.sample(step) for step in range(12)]
    assert {batch.planes.shape[1] for batch in batches} == {3, 4}
    assert all((batch.kind == Kind.SOURCES).all() for batch in batches)


def test_what_the_data_has_not_is_dealt_out(tmp_path: Path) -> None:
    save(tmp_path / "visible/1.png", to_bytes(texture(1)))
    alone = dataset(tmp_path)
    kinds = {kind for step in range(12) for kind in alone.sample(step).kind.tolist()}
    assert Kind.WARM not in kinds
    assert Kind.TRUTH in kinds
    assert alone.images.sets() == {tmp_path.name: 1}
    with pytest.raises(TrainingError, match="triplets"):
        dataset(tmp_path, **NONE | {"triplets": 1.0})


def test_sharp_pictures_are_needed(data: Path, tmp_path: Path) -> None:
    write_own_sets(tmp_path)
    with pytest.raises(TrainingError, match="visible or all_in_focus"):
        dataset(tmp_path)
    # Held-back scenes are not trained on, in no kind of sample.
    images = dataset(data).images
    held = {path for scene in images.held_back for path in scene.paths}
    assert held
    assert not held & set(images.sharp)


def test_sets_of_other_roles(data: Path, tmp_path: Path) -> None:
    scenes = find_other_scenes(data)
    found = {(scene.dataset.name, scene.name, len(scene.paths)) for scene in scenes}
    assert found == {
        ("medical", "0", 2), ("medical", "1", 2), ("energies", "0", 3), ("energies", "1", 3),
        ("stacks", "fly", 4),
    }  # fmt: skip
    # Sharp pictures alone, in two folders, are no pairs.
    for role in ("visible", "all_in_focus"):
        save(tmp_path / role / "1.png", to_bytes(texture(1)))
    assert find_other_scenes(tmp_path) == []
    assert len(find_sharp_images(tmp_path)) == 2
    save(tmp_path / "own/a/1.png", to_bytes(texture(1)))
    save(tmp_path / "own/b/1.png", to_bytes(texture(2)))
    save(tmp_path / "own/b/2.png", to_bytes(texture(3)))
    with pytest.raises(TrainingError, match="'2'"):
        find_other_scenes(tmp_path)


@pytest.mark.parametrize("disk", [False, True])
def test_a_blur_keeps_flat_images_and_the_mean(disk: bool) -> None:
    flat = np.full((48, 64), 0.4, np.float32)
    np.testing.assert_allclose(defocus(flat, 3.0, disk=disk), flat, atol=1e-5)
    image = texture(1)
    soft = defocus(image, 3.0, disk=disk)
    assert soft.shape == image.shape
    assert soft.std() < 0.8 * image.std()
    assert soft.mean() == pytest.approx(image.mean(), abs=0.02)
    assert defocus(image, 0.0, disk=disk) is image


def test_a_pair_out_of_focus_is_sharp_somewhere_in_each() -> None:
    rng = np.random.default_rng(0)
    image = texture(1)
    near, far = occluding_pair(image, RandomFieldDepth()("", image, rng), rng)
    for plane in (near, far):
        error = np.abs(plane - image)
        assert (error < 0.01).mean() > 0.05
        assert (error > 0.02).mean() > 0.05


def test_the_slices_of_a_stack_differ() -> None:
    rng = np.random.default_rng(0)
    image = texture(1)
    slices = focus_stack(image, RandomFieldDepth()("", image, rng), 5, rng)
    assert len(slices) == 5
    sharpest = np.argmin([np.abs(plane - image) for plane in slices], axis=0)
    assert len(np.unique(sharpest)) == 5
