"""Training of the graph that inference runs."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch

from gifnet.models.weights import load_weights
from gifnet.training.gifnet.inference_trainer import InferenceGraphTrainer
from gifnet.training.gifnet.trainer import train_gifnet
from gifnet.training.model_card import curves
from gifnet.training.objectives import sources_loss
from tests.helpers.training_samples import inference, write_data

ALL_TASKS = inference(
    batch_size=4, steps=3, mm_every=2, triplets=0.25,
    exposure=0.25, single=0.0, infrared=0.25, tracer=0.25, fidelity_log=0.01, keep_edges=1.0,
    keep_information=0.5, keep_differences=0.2, keep_structure=1.0, keep_entropy=0.1,
    keep_gradient=5.0, exposure_truth=0.5, validate_every=3, crop=48,
)  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"))


def test_a_run_trains_everything_that_inference_uses(data: Path, tmp_path: Path) -> None:
    weights = train_gifnet(data, tmp_path / "run", ALL_TASKS)
    state = torch.load(tmp_path / "run" / "checkpoint.ckpt", weights_only=True)["module"]
    start = InferenceGraphTrainer(data, tmp_path / "other", ALL_TASKS)
    unmoved = {
        name for name, value in start.module.state_dict().items() if torch.equal(value, state[name])
    }
    assert unmoved == set()
    with (tmp_path / "run" / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [bool(row["mm_private"]) for row in rows] == [False, True, False]
    assert all(row["dp_private"] and row["dp_sources"] and row["dp_exposure"] for row in rows)
    card = load_weights(weights, "gifnet").card
    assert card["curves"]["gate_dp"][-1][0] == 3
    assert card["recipe"]["updates"] == "inference"


def test_a_resumed_run_ends_as_an_uninterrupted_one(data: Path, tmp_path: Path) -> None:
    whole = train_gifnet(data, tmp_path / "whole", ALL_TASKS)

    def stop(step: int, steps: int, row: object) -> None:
        if step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_gifnet(data, tmp_path / "parts", ALL_TASKS, on_step=stop)
    parts = train_gifnet(data, tmp_path / "parts", ALL_TASKS, resume=True)
    one, two = (load_weights(path, "gifnet").state for path in (whole, parts))
    assert all(torch.equal(value, two[name]) for name, value in one.items())


def test_the_source_itself_lacks_less_than_its_blur() -> None:
    from gifnet.training.metric_losses import gaussian
    from tests.helpers.training_samples import texture

    source = torch.from_numpy(texture(1))[None, None]
    blurred = gaussian(source, 9, 2, pad=True)
    same = sources_loss(source, source, source, ALL_TASKS)
    assert same.shape == (1,)
    assert float(same) < float(sources_loss(blurred, source, source, ALL_TASKS))


def test_curves_are_means_of_stretches() -> None:
    rows = [{"step": step, "loss": float(step), "psnr": ""} for step in range(1, 9)]
    assert curves(rows, ("loss", "psnr"), points=4) == {
        "loss": [[2, 1.5], [4, 3.5], [6, 5.5], [8, 7.5]]
    }
