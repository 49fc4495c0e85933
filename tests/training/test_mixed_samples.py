"""Batches of all tasks, and the stand-ins for sensors that the training data lacks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from gifnet.errors import TrainingError
from gifnet.training.data.modalities import (
    Sources,
    bone_pair,
    head,
    pansharpening_pair,
    spectral_pair,
    tracer_pair,
)
from gifnet.training.data.synthesis import night_pair, patchwork, sharpen
from gifnet.training.gifnet.config import make_config
from gifnet.training.gifnet.mixed_samples import (
    MixedDataset,
    Sample,
    mosaic,
)
from gifnet.training.gifnet.samples import JointDataset
from gifnet.training.objectives import Kind
from tests.helpers.training_samples import inference, texture, write_data

SHARES = (
    "triplets",
    "exposure",
    "single",
    "infrared",
    "tracer",
    "bone",
    "spectral",
    "pansharpening",
)


def only(**shares: float) -> dict[str, float]:
    return dict.fromkeys(SHARES, 0.0) | shares


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"))


def mixed(data: Path, **shares: float) -> MixedDataset:
    config = inference(batch_size=4, **only(**shares))
    return MixedDataset(JointDataset(data, config), config)


@pytest.mark.parametrize(
    ("share", "kind"),
    [
        ("triplets", Kind.TRUTH), ("single", Kind.TRUTH), ("exposure", Kind.EXPOSURE),
        ("infrared", Kind.SOURCES), ("tracer", Kind.SOURCES), ("bone", Kind.SOURCES),
        ("spectral", Kind.SOURCES), ("pansharpening", Kind.SOURCES),
    ],
)  # fmt: skip
def test_a_share_of_one_fills_the_batch(data: Path, share: str, kind: Kind) -> None:
    batch = mixed(data, **{share: 1.0}).sample(3)
    assert batch.kind.tolist() == [kind] * 4
    for name in ("first", "second", "judged_first", "judged_second", "target"):
        planes = getattr(batch, name)
        assert planes.shape == (4, 1, 32, 32)
        assert planes.dtype == torch.float32
        assert planes.min() >= 0
        assert planes.max() <= 1 + 1e-6


def test_the_rest_are_synthetic_multi_focus_pairs(data: Path) -> None:
    batch = mixed(data, infrared=0.5).sample(0)
    assert sorted(batch.kind.tolist()) == [Kind.TRUTH, Kind.TRUTH, Kind.SOURCES, Kind.SOURCES]


def test_a_single_image_comes_twice_and_is_sharpened(data: Path) -> None:
    batch = mixed(data, single=1.0).sample(0)
    assert torch.equal(batch.first, batch.second)
    assert not torch.equal(batch.first, batch.target)


def test_an_exposure_sample_is_over_exposed_first(data: Path) -> None:
    dataset = mixed(data, exposure=1.0)
    for step in range(4):
        batch = dataset.sample(step)
        assert (batch.first.mean(dim=(1, 2, 3)) > batch.second.mean(dim=(1, 2, 3))).all()


def test_triplets_that_are_missing_are_named(data: Path) -> None:
    with pytest.raises(TrainingError, match="multi-focus triplets"):
        mixed(data / "pairs", triplets=0.5)


def test_a_mosaic_has_each_sample_in_its_quarter() -> None:
    planes = [np.full((4, 4), value, np.float32) for value in range(20)]
    quarters = [
        Sample(Sources(*planes[5 * i : 5 * i + 4]), planes[5 * i + 4], Kind.WARM) for i in range(4)
    ]
    sources, target, kind = mosaic(quarters)
    assert kind == Kind.WARM
    for column, whole in enumerate((*sources, target)):
        assert whole.shape == (8, 8)
        corners = [whole[y, x] for y, x in ((0, 0), (0, 7), (7, 0), (7, 7))]
        assert corners == [column, 5 + column, 10 + column, 15 + column]


@pytest.mark.parametrize("share", ["triplets", "single", "infrared", "tracer"])
def test_samples_put_together_have_the_crop_of_the_recipe(data: Path, share: str) -> None:
    batch = mixed(data, mosaic=1.0, crop=64, **{share: 1.0}).sample(2)
    assert batch.first.shape == batch.target.shape == (4, 1, 64, 64)
    assert len(set(batch.kind.tolist())) == 1


def test_a_mosaic_needs_crops_that_can_be_halved() -> None:
    with pytest.raises(TrainingError, match=r"crop is 72; a mosaic"):
        inference(crop=72, mosaic=0.5)


def test_the_same_step_draws_the_same_batch(data: Path) -> None:
    one, again, other = (mixed(data, triplets=0.3, tracer=0.7).sample(s) for s in (5, 5, 6))
    assert torch.equal(one.first, again.first)
    assert not torch.equal(one.first, other.first)


def test_shares_above_one_are_refused() -> None:
    with pytest.raises(TrainingError, match="add up to"):
        inference(**only(infrared=0.6, triplets=0.6))


def test_unknown_updates_are_refused() -> None:
    with pytest.raises(TrainingError, match="'alternating' or 'inference'"):
        make_config({"updates": "both"})


def colour(seed: int) -> np.ndarray:
    return np.stack([texture(seed + index) for index in range(3)], axis=-1)


@pytest.mark.parametrize(
    "make",
    [
        lambda rng: tracer_pair(texture(1), texture(2), rng),
        lambda rng: bone_pair(texture(1), rng),
        lambda rng: spectral_pair(colour(1), texture(4), rng),
        lambda rng: pansharpening_pair(colour(1), texture(4), rng),
    ],
    ids=["tracer", "bone", "spectral", "pansharpening"],
)
def test_stand_ins_are_planes_in_range(make: Callable[[np.random.Generator], Sources]) -> None:
    for seed in range(8):
        for plane in make(np.random.default_rng(seed)):
            assert plane.shape == (64, 64)
            assert plane.min() >= 0
            assert plane.max() <= 1


def test_a_tracer_is_judged_without_its_grid() -> None:
    def roughness(plane: np.ndarray) -> float:
        return float(np.abs(plane - gaussian_filter(plane, 1.5)).mean())

    pairs = [tracer_pair(texture(1), texture(2), np.random.default_rng(s)) for s in range(8)]
    seen = sum(roughness(pair.first) for pair in pairs)
    assert sum(roughness(pair.judged_first) for pair in pairs) < 0.8 * seen


def test_the_head_has_a_background() -> None:
    inside = np.mean([(head((32, 32), np.random.default_rng(s)) > 0).mean() for s in range(40)])
    assert 0.3 < inside < 0.9


def test_a_multispectral_stand_in_lacks_detail() -> None:
    sources = pansharpening_pair(colour(1), texture(4), np.random.default_rng(0))
    steps = [float(np.abs(np.diff(plane, axis=1)).mean()) for plane in sources[:2]]
    assert steps[0] < 0.8 * steps[1]


def test_sharpening_leaves_no_halo_and_keeps_the_mean() -> None:
    step = np.where(np.arange(64) < 32, 0.3, 0.7) * np.ones((64, 1))
    soft = gaussian_filter(step, 1.5)
    sharp = sharpen(soft, 0.8, 1.2)
    assert np.abs(np.diff(sharp)).max() > 1.1 * np.abs(np.diff(soft)).max()
    assert sharp.max() <= 0.7 + 0.031 * 0.4
    assert sharp.min() >= 0.3 - 0.031 * 0.4
    assert sharp.mean() == pytest.approx(soft.mean(), abs=0.002)


def test_patchwork_is_flat_nearly_everywhere() -> None:
    image = patchwork(48, np.random.default_rng(0))
    assert image.shape == (48, 48)
    assert (np.abs(np.diff(image)) < 0.01).mean() > 0.8


def test_warm_pairs_are_judged_by_their_infrared_image(data: Path) -> None:
    shares = only(infrared=1.0)
    config = inference(batch_size=4, keep_warm=1.0, night=1.0, swapped=1.0, **shares)
    batch = MixedDataset(JointDataset(data, config), config).sample(0)
    assert (batch.kind == Kind.WARM).all()
    torch.testing.assert_close(batch.target, batch.second)


def test_at_night_only_what_is_warm_stands_out() -> None:
    infrared = 0.3 + 0.2 * texture(3)
    infrared[20:26, 30:36] = 1.0
    visible = texture(4)
    night, stretched = night_pair(infrared, visible, np.random.default_rng(0))
    assert night[20:26, 30:36].min() > 0.99
    cold = np.ones(infrared.shape, bool)
    cold[15:31, 25:41] = False
    assert night[cold].std() < 0.8 * infrared[cold].std()
    assert stretched.min() >= 0
    assert stretched.max() <= 1
    assert stretched.std() >= visible.std()
