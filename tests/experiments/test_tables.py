"""``python -m experiments`` on small data made on the spot."""

from __future__ import annotations

import dataclasses
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from experiments import ablation, table3
from experiments.cifar import Labelled, read_split
from experiments.cli import main
from experiments.resnet import CifarResNet
from gifnet.errors import ReadError, TrainingError
from gifnet.evaluation.datasets import find_datasets
from gifnet.training.gifnet.config import recipe
from tests.helpers.training_samples import TINY, save, texture, to_bytes, write_data


def run(*arguments: object) -> None:
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    assert stop.value.code == 0


def write_cifar(root: Path, count: int = 12) -> Path:
    folder = root / "cifar-100-python"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for split in ("train", "test"):
        content = {
            b"data": rng.integers(0, 256, (count, 3072)).astype(np.uint8),
            b"fine_labels": [index % 6 for index in range(count)],
            b"coarse_labels": [0] * count,
        }
        (folder / split).write_bytes(pickle.dumps(content, protocol=2))
    return root


def test_table2_puts_ours_beside_the_published(tmp_path: Path, random_weights: Path) -> None:
    for index in range(2):
        for source, seed in (("A", index), ("B", index + 10)):
            picture = to_bytes(texture(seed))
            save(tmp_path / "data" / "Lytro" / f"lytro-0{index}-{source}.png", picture)
    run(
        "table2", tmp_path / "data", "--out", tmp_path / "out", "--methods",
        "average", "--weights", f"mine={random_weights}", "--device", "cpu",
    )  # fmt: skip
    text = (tmp_path / "out" / "table2.md").read_text(encoding="utf-8")
    assert "## Lytro, 2 pairs" in text
    rows = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")]
    assert rows == ["method", "average", "mine", "GIFNet, as published"]
    assert "| GIFNet, as published | 80.86 | 1.74 | 1.37 | 7.71 |" in text


def test_cifar_is_read_as_it_is_published(tmp_path: Path) -> None:
    root = write_cifar(tmp_path)
    data = read_split(root, "train")
    raw = pickle.loads((root / "cifar-100-python" / "train").read_bytes(), encoding="bytes")
    assert data.images.shape == (12, 32, 32, 3)
    # Rows are all of red, then green, then blue.
    assert data.images[3, 0, 5, 1] == raw[b"data"][3, 1024 + 5]
    assert data.classes.tolist() == raw[b"fine_labels"]
    assert len(read_split(root / "cifar-100-python", "test", 5).images) == 5


class _Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("run by a pickle",)


def test_a_pickle_of_code_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "train").write_bytes(pickle.dumps({b"data": _Evil()}))
    with pytest.raises(ReadError, match="no array"):
        read_split(tmp_path, "train")
    assert capsys.readouterr().out == ""


def test_a_missing_cifar_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"Unpack cifar-100-python\.tar\.gz"):
        read_split(tmp_path, "train")


def test_resnet_56_is_that_of_the_paper() -> None:
    network = CifarResNet()
    convs = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
    assert len(convs) + 1 == 56
    # 0.85 M parameters for 10 classes (He et al., Table 6); 90 more classes of 64 + 1.
    count = sum(p.numel() for p in network.parameters())
    assert count == pytest.approx(0.85e6 + 90 * 65, rel=0.01)
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 100)


def test_a_classifier_learns_what_can_be_learned() -> None:
    rng = np.random.default_rng(0)
    classes = np.arange(24) % 6
    images = rng.integers(0, 40, (24, 32, 32, 3)) + 35 * classes[:, None, None, None]
    data = Labelled(images.astype(np.uint8), classes.astype(np.int64))
    schedule = table3.Schedule(epochs=10, batch_size=12, blocks=1, learning_rate=0.05)
    device = torch.device("cpu")
    found = table3.train_classifier(data, data, schedule, device, table3.Reporter(None))
    assert found.top1 > 50
    assert found.top5 >= found.top1


def test_enhancing_changes_luminance_and_keeps_colour() -> None:
    grey = np.full((3, 32, 32, 3), 100, np.uint8)
    data = Labelled(grey, np.zeros(3, np.int64))
    after = table3.enhance_all(
        data, lambda first, second: 0.5 * (first + second) + 0.1, torch.device("cpu"),
        table3.Reporter(None), batch=2,
    )  # fmt: skip
    assert (after.images == 126).all()


def test_table3_is_resumed_and_refuses_other_settings(tmp_path: Path, random_weights: Path) -> None:
    data = write_cifar(tmp_path)
    command = (
        "table3", data, "--out", tmp_path / "out", "--weights",
        f"mine={random_weights}", "--epochs", 1, "--blocks", 1, "--device", "cpu",
    )  # fmt: skip
    run(*command)
    path = tmp_path / "out" / "accuracy.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    assert list(content["rows"]) == ["original", "enhanced by mine"]
    content["rows"]["original"]["top1"] = 12.25
    path.write_text(json.dumps(content), encoding="utf-8")
    run(*command)
    text = (tmp_path / "out" / "table3.md").read_text(encoding="utf-8")
    assert "| original | 12.25 |" in text
    assert "| enhanced by GIFNet, as published | 56.18 | 84.95 |" in text
    with pytest.raises(ReadError, match="another schedule"):
        table3.make_table3(
            read_split(data, "train"), read_split(data, "test"), {}, tmp_path / "out", device="cpu"
        )


@pytest.fixture(scope="module")
def ablated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, Path]]:
    """Return the data, the output and the weights of all variants of `TINY`."""
    data = write_data(tmp_path_factory.mktemp("data"))
    out = tmp_path_factory.mktemp("out")
    return data, out, ablation.train_variants(data, out, TINY)


def test_the_ablation_changes_what_it_says(
    ablated: tuple[Path, Path, dict[str, Path]],
) -> None:
    _, out, weights = ablated
    states = {
        name: torch.load(path.with_name("checkpoint.ckpt"), weights_only=True)["module"]
        for name, path in weights.items()
    }
    gates = {name: float(state["gate.dp"]) for name, state in states.items()}
    assert gates["without CFGM"] == 0
    assert gates["fixed lambda"] == 1
    assert gates["whole"] not in (0, 1)
    rec = [name for name in states["whole"] if name.startswith("reconstruction.")]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(TINY.seed)
        from gifnet.models.gifnet.network import GIFNet

        start = GIFNet("bands").state_dict()
    assert all(torch.equal(states["without REC"][name], start[name]) for name in rec)
    assert not any(torch.equal(states["whole"][name], start[name]) for name in rec)
    assert (out / "without-rec" / "log.csv").exists()


def test_the_ablation_table_has_the_other_main_task_too(
    ablated: tuple[Path, Path, dict[str, Path]], tmp_path: Path
) -> None:
    data, out, _ = ablated
    config = tmp_path / "config.json"
    config.write_text(TINY.to_json(), encoding="utf-8")
    run(
        "ablation", "--data", data, "--out", out, "--config", config, data / "pairs",
    )  # fmt: skip
    text = (out / "ablation.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")]
    variants = [*ablation.VARIANTS["paper"], ablation.MM_MAIN]
    assert rows == ["variant", *variants, "variant", *variants]
    assert "PSNR-ref" in text


def test_finished_runs_of_another_recipe_are_refused(
    ablated: tuple[Path, Path, dict[str, Path]],
) -> None:
    data, out, _ = ablated
    with pytest.raises(TrainingError, match="other settings"):
        ablation.train_variants(data, out, dataclasses.replace(TINY, fidelity_l1=2.0))


def test_the_variants_of_the_design(
    ablated: tuple[Path, Path, dict[str, Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, _, _ = ablated
    base = recipe("gifnet")
    for changes in ablation.VARIANTS["design"].values():
        changed = dataclasses.replace(base, **changes)
        assert (changed != base) == bool(changes)
    kept = {name: ablation.VARIANTS["design"][name] for name in (ablation.WHOLE, "blend head")}
    monkeypatch.setitem(ablation.VARIANTS, "design", kept)
    config = dataclasses.replace(
        base, steps=1, batch_size=1, crop=64, hold_out=1, device="cpu", mm_every=0
    )
    weights = ablation.train_variants(data, tmp_path, config, "design")
    text = ablation.make_table(weights, config, find_datasets([data / "pairs"]), tmp_path, limit=1)
    rows = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")]
    assert rows == ["variant", *kept]
    with pytest.raises(TrainingError, match="no family of variants 'other'"):
        ablation.train_variants(data, tmp_path, config, "other")
    stamp = weights["whole"].read_bytes()
    assert ablation.train_variants(data, tmp_path, config, "design") == weights
    assert weights["whole"].read_bytes() == stamp


def test_variants_that_change_nothing_are_refused(
    ablated: tuple[Path, Path, dict[str, Path]], tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match=r"change nothing in this recipe.*'gifnet'"):
        ablation.train_variants(ablated[0], tmp_path, TINY, "design")
