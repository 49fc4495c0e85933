"""The three stages of sequential gradient transfer, on a handful of small images."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from experiments import frufn_ablation
from gifnet.errors import TrainingError, WeightsError
from gifnet.models.frufn.efrufn import EFRUFN
from gifnet.models.frufn.frufn import FRUFN
from gifnet.models.registry import model_spec
from gifnet.models.weights import load_weights, save_weights
from gifnet.training.data.exposure import camera_response, exposure_pair, is_well_exposed
from gifnet.training.frufn.config import STAGES, FrufnConfig, stage_recipe
from gifnet.training.frufn.samples import StageDataset
from gifnet.training.frufn.trainer import COLOUR_FILE, StageTrainer, train_all_stages, train_stage
from gifnet.training.starting_weights import starting_state
from tests.helpers.training_samples import SIDE, save, texture, to_bytes, write_data

TINY: dict[str, Any] = {
    "steps": 2, "batch_size": 1, "crop": 32, "warm_up": 0, "hold_out": 1, "validate_every": 2,
    "checkpoint_every": 1, "device": "cpu", "iterations": 2,
}  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_data(tmp_path_factory.mktemp("data"))
    # Colour, and exposed well enough to be a ground truth.
    for path in sorted((folder / "focus/all_in_focus").iterdir()):
        channels = [0.2 + 0.6 * texture(70 + c, SIDE, SIDE) for c in range(3)]
        save(path, to_bytes(np.stack(channels, axis=-1)))
    return folder


@pytest.fixture(scope="module")
def finished(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an uninterrupted run of all stages."""
    out = tmp_path_factory.mktemp("stages")
    train_all_stages(data, out, changes=TINY)
    return out


def tiny(stage: str, **changes: Any) -> FrufnConfig:
    return stage_recipe("cpu", stage, changes=TINY | changes)


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_stage_leaves_its_weights_and_log(finished: Path) -> None:
    losses = {
        "mfif": {"similarity", "fidelity", "blend"},
        "meif": {"similarity", "fidelity", "transfer", "colour"},
        "ivif": {"reconstruction", "transfer"},
    }
    for stage in STAGES:
        weights = load_weights(finished / stage / "weights.safetensors", "efrufn")
        assert weights.card["stage"] == stage
        assert weights.card["held_back"] == ["scene0"]
        log = rows(finished / stage)
        filled = {name for name, value in log[0].items() if value}
        assert filled - {"step", "seconds", "learning_rate", "residual"} == losses[stage]
        score = "held_back_loss" if stage == "ivif" else "psnr"
        assert log[0][score] == ""
        assert float(log[1][score]) > 0
        assert (finished / stage / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert (finished / "meif" / COLOUR_FILE).exists()
    assert not (finished / "ivif" / COLOUR_FILE).exists()
    colour = load_weights(finished / "meif" / COLOUR_FILE, "color-net")
    assert colour.card["model"] == "color-net"


def test_every_stage_learns_from_the_one_before(finished: Path) -> None:
    for stage, before in (("meif", "mfif"), ("ivif", "meif")):
        config = FrufnConfig.from_file(finished / stage / "config.json")
        assert Path(config.teacher) == finished / before / "weights.safetensors"
        card = load_weights(finished / stage / "weights.safetensors", "efrufn").card
        assert card["recipe"]["teacher"] == "weights.safetensors"


def test_the_teacher_stays_and_the_student_starts_from_it(
    finished: Path, data: Path, tmp_path: Path
) -> None:
    teacher = finished / "mfif" / "weights.safetensors"
    config = stage_recipe("cpu", "meif", teacher=teacher, changes=TINY)
    trainer = StageTrainer(data, tmp_path, config)
    assert trainer.teacher is not None
    state = load_weights(teacher, "efrufn").state
    for key, value in state.items():
        assert torch.equal(trainer.module.fusion.state_dict()[key], value)
    first = trainer.advance()
    # Not quite zero: the student's mask is one application further.
    assert first["transfer"] == pytest.approx(0, abs=2e-3)
    trainer.step = 1
    trainer.advance()
    for key, value in state.items():
        assert torch.equal(trainer.teacher.state_dict()[key], value)
    moved = [
        k for k, v in state.items() if not torch.equal(trainer.module.fusion.state_dict()[k], v)
    ]
    assert set(moved) == set(state)


def test_all_stages_go_on_where_they_stopped(finished: Path, data: Path, tmp_path: Path) -> None:
    class Interrupted(Exception):
        pass

    seen: list[float] = []

    def stop(step: int, steps: int, row: dict[str, float]) -> None:
        seen.append(step)
        if len(seen) == 4:  # the second step of the second stage
            raise Interrupted

    with pytest.raises(Interrupted):
        train_all_stages(data, tmp_path, changes=TINY, on_step=stop)
    again: list[int] = []
    paths = train_all_stages(
        data, tmp_path, changes=TINY, resume=True, on_step=lambda step, *rest: again.append(step)
    )
    assert again == [2, 1, 2]
    for stage, path in zip(STAGES, paths, strict=True):
        once = load_weights(finished / stage / "weights.safetensors", "efrufn").state
        for key, value in load_weights(path, "efrufn").state.items():
            torch.testing.assert_close(value, once[key], atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("model", ["efrufn", "frufn", "frufn-published"])
def test_warm_up(model: str, data: Path, tmp_path: Path) -> None:
    config = tiny("mfif", warm_up=1, model=model, ema=0.0, precision="bf16-mixed")
    path = train_stage(data, tmp_path, config)
    assert load_weights(path, model).card["model"] == model
    log = rows(tmp_path)
    assert log[0]["warm_up"]
    assert not log[0]["similarity"]
    assert log[1]["similarity"]
    assert bool(log[1]["residual"]) == (model == "efrufn")


@pytest.mark.parametrize(
    ("stage", "changes", "message"),
    [
        ("mfif", {"transfer": 1.0}, "no teacher"),
        ("meif", {}, "give its weights as teacher"),
        ("ivif", {"transfer": 0.0, "texture": -1.0}, "texture is -1"),
        ("mfif", {"iterations": 0}, "iterations is 0"),
        ("mfif", {"model": "gifnet"}, "'gifnet' cannot be trained here"),
        ("mfif", {"colours": 1}, "unknown settings"),
    ],
)
def test_impossible_settings_are_named(stage: str, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        tiny(stage, **changes)


def test_unknown_recipes_and_stages_are_named() -> None:
    with pytest.raises(TrainingError, match="stage is 'pansharpen'"):
        FrufnConfig(stage="pansharpen")
    with pytest.raises(TrainingError, match="no recipe 'best'"):
        stage_recipe("best", "mfif")
    with pytest.raises(TrainingError, match="no stage 'first'"):
        stage_recipe("cpu", "first")
    assert stage_recipe("published", "mfif").crop == 128


def test_a_teacher_of_another_network_is_refused(
    random_weights: Path, data: Path, tmp_path: Path
) -> None:
    config = stage_recipe("cpu", "ivif", teacher=random_weights, changes=TINY)
    with pytest.raises(TrainingError, match="belong to model 'gifnet'"):
        train_stage(data, tmp_path, config)


# -- data -----------------------------------------------------------------------------


def test_samples_of_every_stage(data: Path) -> None:
    for stage in STAGES:
        dataset = StageDataset(data, tiny(stage, transfer=0.0, batch_size=3))
        batch, again, other = dataset.sample(0), dataset.sample(0), dataset.sample(1)
        assert batch.first.shape == batch.second.shape == (3, 1, 32, 32)
        assert torch.equal(batch.first, again.first)
        assert not torch.equal(batch.first, other.first)
        assert (batch.target is None) == (stage == "ivif")
        assert (batch.target_chroma is not None) == (stage == "meif")
        assert dataset.sets() == {"pairs" if stage == "ivif" else "focus": 2}
        assert [scene.name for scene in dataset.validation] == ["scene0"]
    assert batch.to(torch.device("cpu")).target is None


def test_exposure_pairs_are_over_and_under(data: Path) -> None:
    batch = StageDataset(data, tiny("meif", transfer=0.0, batch_size=4)).sample(0)
    assert batch.target is not None
    assert bool((batch.first.mean((1, 2, 3)) > batch.target.mean((1, 2, 3))).all())
    assert bool((batch.second.mean((1, 2, 3)) < batch.target.mean((1, 2, 3))).all())


def test_the_camera_response_by_hand() -> None:
    image = np.array([0.0, 0.5, 1.0])
    np.testing.assert_allclose(camera_response(image, 1.0), image)
    gamma = 2.0**-0.3293
    expected = np.exp(1.1258 * (1 - gamma)) * 0.5**gamma
    np.testing.assert_allclose(camera_response(image, 2.0), [0, expected, 1], atol=1e-9)


def test_exposures_are_in_eight_bits(data: Path) -> None:
    rng = np.random.default_rng(0)
    for shot in exposure_pair(np.full((8, 8, 3), 0.5, np.float32), rng):
        assert shot.dtype == np.float32
        np.testing.assert_allclose(shot * 255, np.round(shot * 255), atol=1e-4)


@pytest.mark.parametrize(("value", "good"), [(128, True), (40, False), (220, False)])
def test_ground_truths_are_well_exposed(value: int, good: bool) -> None:
    plane = np.full((10, 10), value, np.uint8)
    assert is_well_exposed(plane) == good
    plane[:2] = 255
    assert not is_well_exposed(plane)


def test_a_folder_without_the_stages_images_is_named(tmp_path: Path) -> None:
    for role in ("infrared", "visible"):
        save(tmp_path / role / "a.png", to_bytes(texture(0)))
    with pytest.raises(TrainingError, match="no data for stage 'mfif'"):
        StageDataset(tmp_path, tiny("mfif"))


def test_transfer_ablation_trains_what_it_compares(data: Path, tmp_path: Path) -> None:
    # Held-back exposure pairs are judged by metrics that need larger sides.
    changes = TINY | {"steps": 1}
    weights = frufn_ablation.train_transfer(data, tmp_path, changes=changes)
    assert set(weights) == set(frufn_ablation.TRANSFER_RUNS)
    started, transferred = (
        FrufnConfig.from_file(tmp_path / f"meif-{name}" / "config.json")
        for name in ("started", "transferred")
    )
    assert (started.transfer, transferred.transfer) == (0.0, 4.0)
    assert started.teacher == transferred.teacher == str(weights["mfif"])
    assert FrufnConfig.from_file(tmp_path / "ivif-alone" / "config.json").teacher == ""
    text = frufn_ablation.make_transfer_tables(weights, data, changes=changes)
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert [row.split("|")[1].strip() for row in rows] == [
        "variant", "MFIF-to-MEIF", "IVF-to-MEIF", "MEIF-to-MEIF", "started from MFIF",
        "gradient transfer",
        "variant", "MFIF-to-IVF", "MEIF-to-IVF", "IVF-to-IVF", "started from MEIF",
        "gradient transfer",
    ]  # fmt: skip
    # A second call trains nothing again.
    stamps = {name: path.stat().st_mtime_ns for name, path in weights.items()}
    given = frufn_ablation.train_transfer(data, tmp_path, changes=changes, mfif=weights["mfif"])
    assert given["mfif"] == weights["mfif"]
    assert stamps["mfif"] == given["mfif"].stat().st_mtime_ns


@pytest.mark.filterwarnings("ignore:EFRUFN's mask did not settle")
def test_structure_ablation_takes_one_part_away(data: Path, tmp_path: Path) -> None:
    changes = TINY | {"steps": 1}
    text = frufn_ablation.make_structure_table(data, tmp_path, stages=("mfif",), changes=changes)
    rows = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")]
    assert rows == ["variant", *frufn_ablation.STRUCTURES]
    with pytest.raises(TrainingError, match="no stage 'medical'"):
        frufn_ablation.make_structure_table(data, tmp_path, stages=("medical",), changes=changes)


def test_variants_have_the_parameters_they_should() -> None:
    counts = {
        name: sum(p.numel() for p in build().parameters())
        for name, build in frufn_ablation.STRUCTURES.items()
    }
    assert counts["FRUFN, shared parameters"] == counts["FRUFN without unfolding"]
    assert counts["FRUFN"] > 3 * counts["FRUFN, shared parameters"]
    assert counts["EFRUFN without mask"] == counts["EFRUFN"]
    first, second = torch.rand(2, 1, 1, 20, 28)
    module = frufn_ablation.UnmaskedEFRUFN(head="published").eval()
    with torch.no_grad():
        assert module(first, second).image.shape == (1, 1, 20, 28)


@pytest.mark.parametrize("form", ["", "-published"])
def test_frufn_can_start_from_efrufn(form: str, tmp_path: Path) -> None:
    """Five units then do what five steps of plain iteration of the one unit do."""
    torch.manual_seed(5)
    tied = model_spec(f"efrufn{form}").build()
    assert isinstance(tied, EFRUFN)
    for parameter in tied.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    path = tmp_path / "efrufn.safetensors"
    save_weights(tied, path, {})
    untied = model_spec(f"frufn{form}").build()
    assert isinstance(untied, FRUFN)
    untied.load_state_dict(starting_state(str(path), f"frufn{form}", untied))

    first, second = torch.rand(2, 1, 1, 40, 48).unbind()
    with torch.no_grad():
        encoded, features = tied.encode_first(first), tied.encode_second(second)
        difference = torch.relu(encoded - features)
        mask = torch.zeros_like(first)
        for _ in range(5):
            mask = tied.unit.mask(difference, mask)
        image = tied.decode(features + mask * tied.unit.transform(difference))
        if tied.blend is not None:
            image = tied.blend(mask, image, first, second)
        fused = untied(first, second)
    torch.testing.assert_close(fused.share, mask)
    torch.testing.assert_close(fused.image, image, rtol=1e-4, atol=1e-4)


def test_the_card_names_the_parent(data: Path, finished: Path, tmp_path: Path) -> None:
    """Whatever kind of start it was."""
    mfif = finished / "mfif/weights.safetensors"
    card = load_weights(finished / "meif/weights.safetensors", "efrufn").card
    assert card["started_from"]["sha256"] == load_weights(mfif, "efrufn").sha256
    config = stage_recipe("cpu", "mfif", model="frufn", changes=TINY | {"start": str(mfif)})
    found = train_stage(data, tmp_path, dataclasses.replace(config, steps=1))
    card = load_weights(found, "frufn").card
    assert card["started_from"]["card"]["model"] == "efrufn"


def test_weights_of_another_form_start_nothing(tmp_path: Path) -> None:
    path = tmp_path / "efrufn.safetensors"
    save_weights(model_spec("efrufn").build(), path, {})
    published = model_spec("frufn-published").build()
    with pytest.raises(WeightsError, match="belong to model 'efrufn'"):
        starting_state(str(path), "frufn-published", published)
