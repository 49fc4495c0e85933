"""Training of Shares: tiny runs on a handful of small images."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
import torch

from gifnet.errors import TrainingError
from gifnet.models.weights import load_weights
from gifnet.training.shares.config import SharesConfig, parse_batches, recipe
from gifnet.training.shares.losses import batch_losses
from gifnet.training.shares.samples import SharesBatch
from gifnet.training.shares.trainer import SharesTrainer, train_shares
from tests.helpers.training_samples import save, texture, to_bytes, write_data, write_own_sets

TINY: dict[str, Any] = {
    "steps": 4, "batches": "64x2", "hold_out": 1, "validate_every": 2, "checkpoint_every": 1,
    "ema": 0.9, "device": "cpu",
}  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_own_sets(write_data(tmp_path_factory.mktemp("data")))


@pytest.fixture(scope="module")
def finished(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights of an uninterrupted run."""
    return train_shares(data, tmp_path_factory.mktemp("run") / "whole", tiny())


def tiny(**changes: Any) -> SharesConfig:
    return recipe(**TINY | changes)


def test_a_run_leaves_weights_log_and_card(finished: Path) -> None:
    with (finished.parent / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["1", "2", "3", "4"]
    assert [bool(row["psnr"]) for row in rows] == [False, True, False, True]
    assert all(row["outside"] and (row["truth"] or row["sources"]) for row in rows)
    assert (finished.parent / "loss.png").read_bytes().startswith(b"\x89PNG")

    card = load_weights(finished, "shares").card
    assert card["model"] == "shares"
    assert card["recipe"]["batches"] == "64x2"
    assert card["steps_done"] == 4
    assert card["held_back"] == ["scene0"]
    assert card["training_scenes"] == {
        "pairs": 3, "focus": 2, "medical": 2, "energies": 2, "stacks": 1
    }  # fmt: skip
    assert set(card["validation"]) == {"psnr", "ssim"}
    assert card["curves"]["outside"][-1][0] == 4
    assert card["started_from"] == {}


def test_a_resumed_run_ends_as_an_uninterrupted_one(
    finished: Path, data: Path, tmp_path: Path
) -> None:
    def stop(step: int, steps: int, row: object) -> None:
        if step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_shares(data, tmp_path, tiny(), on_step=stop)
    parts = train_shares(data, tmp_path, tiny(), resume=True)
    one, two = (load_weights(path, "shares").state for path in (finished, parts))
    assert all(torch.equal(value, two[name]) for name, value in one.items())


def test_a_run_starts_from_given_weights(finished: Path, data: Path, tmp_path: Path) -> None:
    trainer = SharesTrainer(data, tmp_path / "next", tiny(start=str(finished), steps=1))
    state = load_weights(finished, "shares").state
    assert all(torch.equal(v, state[k]) for k, v in trainer.module.state_dict().items())
    card = load_weights(trainer.run(), "shares").card
    assert card["started_from"]["card"]["steps_done"] == 4
    # Weights of another network are refused by name.
    from gifnet.models.registry import SPECS
    from gifnet.models.weights import save_weights

    save_weights(SPECS["color-net"].build(), tmp_path / "other.safetensors", {})
    with pytest.raises(TrainingError, match="color-net"):
        train_shares(data, tmp_path / "new", tiny(start=str(tmp_path / "other.safetensors")))


def test_own_pairs_are_held_back_where_there_are_no_triplets(tmp_path: Path) -> None:
    for index in range(10):
        for seed, role in enumerate(("visible", "thermal")):
            save(tmp_path / role / f"{index}.png", to_bytes(texture(20 * seed + index)))
    weights = train_shares(tmp_path, tmp_path / "run", tiny(steps=1))
    card = load_weights(weights, "shares").card
    assert card["held_back"] == ["8"]
    assert card["validation"]["held_back_loss"] > 0


def test_the_losses_fall(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tiny(schedule="constant", learning_rate=1e-3, single=0, stacks=0, brackets=0)
    trainer = SharesTrainer(data, tmp_path, config)
    batch = trainer.dataset.sample(0)
    monkeypatch.setattr(trainer.dataset, "sample", lambda step, rank=0: batch)
    totals = []
    for _ in range(30):
        row = trainer.advance()
        totals.append(sum(value for name, value in row.items() if name != "learning_rate"))
    assert totals[-1] < 0.9 * totals[0]


def sample_batch(kind: int, count: int) -> SharesBatch:
    planes = torch.stack([torch.from_numpy(texture(seed)) for seed in range(count)])[None]
    return SharesBatch(planes, torch.from_numpy(texture(0))[None, None], torch.tensor([kind]))


@pytest.mark.parametrize(
    ("kind", "count", "names"),
    [
        (0, 1, {"truth"}), (0, 2, {"truth"}), (0, 5, {"truth"}), (1, 2, {"sources"}),
        (1, 4, {"sources"}), (2, 2, {"sources", "exposure"}), (2, 3, {"exposure"}),
        (3, 2, {"sources", "warmth"}),
    ],
)  # fmt: skip
def test_every_kind_of_sample_has_its_losses(kind: int, count: int, names: set[str]) -> None:
    batch = sample_batch(kind, count)
    fused = torch.full((1, 1, 64, 64), 0.5)
    losses = batch_losses(fused, batch, recipe())
    assert set(losses) == names | {"outside"}
    assert all(torch.isfinite(value) and value.ndim == 0 for value in losses.values())


def test_the_truth_has_hardly_a_loss() -> None:
    batch = sample_batch(0, 3)
    losses = batch_losses(batch.target.clone(), batch, recipe())
    assert float(sum(losses.values())) == pytest.approx(0, abs=1e-5)


def test_phases_of_a_run() -> None:
    config = tiny(batches="128x5 until 0.35, 192x3 until 0.5, 256x2 192x3 192x3", steps=100)
    sizes = [config.batch_size(step) for step in range(100)]
    assert sizes[0] == sizes[34] == (128, 5)
    assert sizes[35] == sizes[49] == (192, 3)
    assert [size[0] for size in sizes[51:57]] == [256, 192, 192, 256, 192, 192]
    assert parse_batches("64x1") == ((((64, 1),), 1.0),)


@pytest.mark.parametrize(
    "text",
    ["", "128", "128x5 until", "128x5 until 0.5", "64x1 until 0.5, 64x2 until 0.4, 64x1", "100x2",
     "0x2", "64x0"],
)  # fmt: skip
def test_wrong_phases_are_refused(text: str) -> None:
    with pytest.raises(TrainingError, match="batches"):
        tiny(batches=text)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"mosaic": 0.5}, "mosaic"), ({"crop": 64}, "crop"), ({"model": "gifnet"}, "gifnet"),
        ({"single": 0.9, "stacks": 0.2}, "steps"), ({"triplets": 0.9}, "pairs"),
        ({"inside_truth": -1.0}, "inside_truth"),
    ],
)  # fmt: skip
def test_unknown_and_wrong_settings_are_refused(changes: dict[str, Any], word: str) -> None:
    with pytest.raises(TrainingError, match=word):
        tiny(**changes)


def test_the_default_recipe() -> None:
    config = recipe()
    assert config.steps == 14_000
    assert SharesConfig.from_dict(config.__dict__) == config
    assert config.batch_size(0) == (128, 5)
