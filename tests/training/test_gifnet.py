"""Runs of the trainer on a handful of small images made on the spot."""

from __future__ import annotations

import csv
import dataclasses
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from gifnet.errors import TrainingError, WeightsError
from gifnet.models.gifnet.network import Branch, GIFNet
from gifnet.models.weights import load_weights
from gifnet.training import recipes
from gifnet.training.data.scenes import read_scene
from gifnet.training.gifnet.alternating_trainer import LOG_FIELDS, AlternatingTrainer
from gifnet.training.gifnet.config import AlternatingConfig, InferenceConfig, make_config, recipe
from gifnet.training.gifnet.trainer import train_gifnet
from gifnet.training.recipes import recipe_names
from gifnet.training.settings import learning_rate_factor, read_settings
from tests.helpers.training_samples import TINY, varied, write_data


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def finished(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an uninterrupted run of `TINY`."""
    out = tmp_path_factory.mktemp("finished")
    train_gifnet(data, out, TINY)
    return out


def test_a_run_leaves_everything_that_happened(finished: Path, data: Path) -> None:
    names = {path.name for path in finished.iterdir()}
    assert names == {
        "checkpoint.ckpt", "config.json", "log.csv", "loss.png", "weights.safetensors",
    }  # fmt: skip
    assert make_config(read_settings(finished / "config.json")) == TINY
    with (finished / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == LOG_FIELDS
    assert [row["step"] for row in rows] == ["1", "2"]
    assert rows[0]["psnr"] == ""
    assert float(rows[1]["psnr"]) > 0
    for row in rows:
        assert all(float(row[name]) >= 0 for name in LOG_FIELDS[:9])
    assert (finished / "loss.png").read_bytes().startswith(b"\x89PNG")


def test_the_weights_carry_their_card(finished: Path) -> None:
    weights = load_weights(finished / "weights.safetensors", "gifnet")
    card = weights.card
    assert card["recipe"] == dataclasses.asdict(TINY)
    assert make_config(card["recipe"]) == TINY
    assert card["model"] == "gifnet"
    assert card["steps_done"] == 2
    assert card["training_scenes"] == {"pairs": 3, "focus": 2}
    assert card["held_back"] == ["scene0"]
    assert set(card["validation"]) == {"psnr", "ssim"}
    assert str(finished) not in json.dumps(card)


def test_training_changes_the_weights(finished: Path) -> None:
    state = torch.load(finished / "checkpoint.ckpt", weights_only=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(TINY.seed)
        start = GIFNet("bands").state_dict()
    same = {key for key, value in start.items() if torch.equal(state["module"][key], value)}
    assert same == set()


def test_resuming_gives_what_an_uninterrupted_run_gives(
    finished: Path, data: Path, tmp_path: Path
) -> None:
    class Interrupted(Exception):
        pass

    def stop(step: int, steps: int, row: dict[str, float]) -> None:
        if step == 2:
            raise Interrupted

    # The first step was saved when the second one stops the run.
    with pytest.raises(Interrupted):
        train_gifnet(data, tmp_path, TINY, on_step=stop)
    assert not (tmp_path / "weights.safetensors").exists()
    seen: list[tuple[int, int]] = []
    path = train_gifnet(
        data, tmp_path, TINY, resume=True, on_step=lambda step, of, row: seen.append((step, of))
    )
    assert seen == [(2, 2)]
    assert path == tmp_path / "weights.safetensors"
    once = load_weights(finished / "weights.safetensors", "gifnet").state
    again = load_weights(path, "gifnet").state
    for key, value in once.items():
        torch.testing.assert_close(again[key], value, atol=1e-6, rtol=1e-5)
    with (tmp_path / "log.csv").open(newline="") as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["1", "2"]


def test_stopping_from_the_keyboard_saves_the_step(data: Path, tmp_path: Path) -> None:
    def stop(step: int, steps: int, row: dict[str, float]) -> None:
        raise KeyboardInterrupt

    config = varied(steps=9, checkpoint_every=9, batch_size=1, ema=0.0)
    with pytest.raises(KeyboardInterrupt):
        train_gifnet(data, tmp_path, config, on_step=stop)
    state = torch.load(tmp_path / "checkpoint.ckpt", weights_only=True)
    assert state["step"] == len(state["rows"]) == 1


def test_a_folder_with_a_run_is_not_overwritten(finished: Path, data: Path) -> None:
    with pytest.raises(TrainingError, match="already contains a run"):
        train_gifnet(data, finished, TINY)


def test_resuming_with_another_configuration_is_refused(finished: Path, data: Path) -> None:
    before = (finished / "config.json").read_text()
    with pytest.raises(TrainingError, match=r"other settings of \['learning_rate', 'seed'\]"):
        train_gifnet(data, finished, varied(seed=1, learning_rate=1e-4), resume=True)
    assert (finished / "config.json").read_text() == before


def test_a_checkpoint_from_before_a_setting_came_is_resumed(
    finished: Path, data: Path, tmp_path: Path
) -> None:
    state = torch.load(finished / "checkpoint.ckpt", weights_only=True)
    del state["config"]["information"]
    torch.save(state, tmp_path / "checkpoint.ckpt")
    train_gifnet(data, tmp_path, TINY, resume=True)
    with pytest.raises(TrainingError, match=r"other settings of \['crop', 'gate_start'\]"):
        train_gifnet(data, tmp_path, varied(crop=64, gate_start=0.5), resume=True)


def test_resuming_without_a_checkpoint_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no checkpoint"):
        train_gifnet(data, tmp_path, TINY, resume=True)


def test_a_damaged_checkpoint_is_refused(finished: Path, data: Path, tmp_path: Path) -> None:
    whole = (finished / "checkpoint.ckpt").read_bytes()
    (tmp_path / "checkpoint.ckpt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TrainingError, match="damaged"):
        train_gifnet(data, tmp_path, TINY, resume=True)


def test_a_loss_that_is_not_finite_stops_the_run(data: Path, tmp_path: Path) -> None:
    def broken(planes: Tensor) -> Tensor:
        return planes.new_full((planes.shape[0],), float("nan"))

    with pytest.raises(TrainingError, match="mm loss is not finite at step 0"):
        train_gifnet(data, tmp_path, TINY, information=broken)
    assert not (tmp_path / "weights.safetensors").exists()


def test_training_can_start_from_weights(finished: Path, data: Path, tmp_path: Path) -> None:
    start = finished / "weights.safetensors"
    trainer = AlternatingTrainer(data, tmp_path / "run", varied(start=str(start)))
    for key, value in load_weights(start, "gifnet").state.items():
        assert torch.equal(trainer.module.state_dict()[key], value)
    with pytest.raises((TrainingError, WeightsError), match="belong to model 'gifnet'"):
        train_gifnet(data, tmp_path / "b", varied(model="gifnet-cvpr", start=str(start)))


def test_an_impossible_device_is_named(data: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="'abacus'"):
        train_gifnet(data, tmp_path, varied(device="abacus"))


# -- updates --------------------------------------------------------------------------


@pytest.fixture
def trainer(data: Path, tmp_path: Path) -> AlternatingTrainer:
    return AlternatingTrainer(data, tmp_path, varied(batch_size=1, schedule="constant"))


@pytest.mark.parametrize("main", ["mm", "dp"])
def test_an_update_leaves_the_other_branch_alone(main: Branch, trainer: AlternatingTrainer) -> None:
    module = trainer.module
    auxiliary = "dp" if main == "mm" else "mm"
    # Both branches have Adam moments, which would move a branch that is not frozen.
    for branch in (auxiliary, main):
        update: Callable[..., dict[str, float]] = getattr(trainer, f"_update_{branch}")
        before = {key: value.clone() for key, value in module.state_dict().items()}
        row = update(trainer.dataset.sample(0))
    moved = {k for k, v in module.state_dict().items() if not torch.equal(v, before[k])}
    assert not {key for key in moved if f".{auxiliary}." in f".{key}."}
    own = {key for key in before if f".{main}." in f".{key}."}
    shared = {key for key in before if ".mm." not in f".{key}." and ".dp." not in f".{key}."}
    assert own | shared == moved
    assert all(parameter.requires_grad for parameter in module.parameters())
    assert set(row) == {f"{main}_public", f"{main}_private"}


def test_the_average_follows_the_weights(trainer: AlternatingTrainer) -> None:
    assert trainer.average is not None
    before = {k: v.clone() for k, v in trainer.average.state_dict().items()}
    trainer.step = 7
    trainer.advance()
    decay = min(0.9, 8 / 17)
    for key, value in trainer.average.state_dict().items():
        current = trainer.module.state_dict()[key]
        torch.testing.assert_close(value, decay * before[key] + (1 - decay) * current)


def test_validation_scores_the_held_back_triplets(trainer: AlternatingTrainer) -> None:
    class Perfect(torch.nn.Module):
        def forward(self, first: Tensor, second: Tensor) -> Any:
            from gifnet.models.contract import Fused

            return Fused(target, None)

    (scene,) = trainer.dataset.validation_triplets
    near, _, sharp = (torch.from_numpy(p).float()[None, None] / 255 for p in read_scene(scene))
    trainer.average = Perfect()  # type: ignore[assignment]
    target = sharp
    best = trainer.validate()
    assert best["psnr"] == pytest.approx(100)
    assert best["ssim"] == pytest.approx(1)
    target = near
    mse = float((near - sharp).square().mean())
    assert trainer.validate()["psnr"] == pytest.approx(-10 * np.log10(mse), abs=1e-3)


def test_schedules() -> None:
    config = varied(steps=100)
    factors = [learning_rate_factor(step, config) for step in range(100)]
    assert factors[0] == pytest.approx(0.5)
    assert max(factors) == factors[1] == pytest.approx(1)
    assert all(a >= b for a, b in itertools.pairwise(factors[1:]))
    assert 0.01 <= factors[-1] < 0.02
    assert learning_rate_factor(57, varied(schedule="constant")) == 1


# -- configuration --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model", "unet"),
        ("steps", 0),
        ("batch_size", 0),
        ("checkpoint_every", 0),
        ("validate_every", 0),
        ("crop", 24),
        ("crop", 36),
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("schedule", "linear"),
        ("ema", 1.0),
        ("border", 1.5),
        ("triplets", -0.1),
        ("mm_every", -1),
        ("hold_out", -1),
        ("seed", -1),
        ("clip_norm", -1.0),
    ],
)
def test_an_impossible_setting_is_named(name: str, value: object) -> None:
    with pytest.raises(TrainingError, match=name if name != "model" else "Model 'unet'"):
        InferenceConfig(**{name: value})  # type: ignore[arg-type]


def test_shares_of_a_batch_are_at_most_one_together() -> None:
    with pytest.raises(TrainingError, match="add up to"):
        InferenceConfig(triplets=0.6, exposure=0.3, single=0.2)


def test_a_configuration_file_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(TINY.to_json())
    assert AlternatingConfig.from_file(path) == TINY
    assert make_config(read_settings(path)) == TINY


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "Cannot read"),
        ("[1, 2]", "no JSON object"),
        ('{"stepz": 3}', r"unknown settings \['stepz'\]"),
        ('{"steps": "many"}', "wrong type"),
        ('{"steps": 0}', "steps is 0"),
    ],
)
def test_a_broken_configuration_file_is_named(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(TrainingError, match=message):
        make_config(read_settings(path))


@pytest.mark.parametrize("updates", ["alternating", "inference"])
def test_a_setting_of_another_trainer_is_an_error(updates: str) -> None:
    with pytest.raises(TrainingError, match=rf"unknown settings .* for {updates} updates"):
        make_config({"updates": updates, "teacher": "weights.safetensors"})
    with pytest.raises(TrainingError, match=r"\['mosaic'\] for alternating updates"):
        make_config({"mosaic": 0.5})


def test_recipes() -> None:
    assert recipe_names("gifnet") == ["gifnet", "gifnet-cvpr", "published"]
    published, bundled = recipe("published"), recipe("gifnet")
    assert published == AlternatingConfig()
    assert (published.model, published.learning_rate, published.batch_size) == (
        "gifnet-cvpr", 1e-3, 8,
    )  # fmt: skip
    assert (published.fidelity_mse, published.fidelity_l1, published.fidelity_ssim) == (1, 0, 0)
    assert isinstance(bundled, InferenceConfig)
    assert bundled.model == "gifnet"
    with pytest.raises(TrainingError, match=r"no recipe 'best'.*'gifnet-cvpr'"):
        recipe("best")


@pytest.mark.parametrize("name", recipe_names("gifnet"))
def test_recipes_are_read_back_from_their_json(name: str) -> None:
    config = recipe(name)
    assert make_config(json.loads(config.to_json())) == config


def test_an_unknown_setting_of_a_recipe_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "gifnet" / "recipes"
    folder.mkdir(parents=True)
    (folder / "mine.toml").write_text("stepz = 3")
    monkeypatch.setattr(recipes, "files", lambda package: tmp_path)
    assert recipe_names("gifnet") == ["mine"]
    with pytest.raises(TrainingError, match=r"recipe 'mine' has unknown settings \['stepz'\]"):
        recipe("mine")
