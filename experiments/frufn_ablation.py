"""The ablations of Wang et al., Sec. 4.7 and 4.8, by training runs of equal length.

Scores are means over what training holds back: multi-focus triplets, exposure pairs made from
them, and infrared-visible pairs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gifnet.errors import TrainingError
from gifnet.evaluation.datasets import spread
from gifnet.metrics import METRICS, evaluate
from gifnet.models.frufn.efrufn import EFRUFN, Settled
from gifnet.models.frufn.fixed_point import Convergence
from gifnet.models.frufn.frufn import FRUFN, UnfoldingUnit
from gifnet.models.layers import pad_to_multiple
from gifnet.models.weights import build_model, load_weights
from gifnet.progress import Progress, Reporter
from gifnet.training.frufn.config import STAGES, FrufnConfig, stage_recipe, stage_values
from gifnet.training.frufn.samples import StageDataset
from gifnet.training.frufn.trainer import StageTrainer
from gifnet.training.settings import Value

from .runs import OnStep, fuse_bytes, progress_callback, run_folder, table_lines

#: What is measured on each stage's pairs.
COLUMNS = {
    "mfif": ("PSNR-ref", "SSIM-ref", "MS-SSIM", "EN", "MI"),
    "meif": ("PSNR-ref", "SSIM-ref", "MEF-SSIM", "EN"),
    "ivif": ("EN", "MI", "SCD", "MS-SSIM"),
}
TITLES = {"mfif": "Multi-focus", "meif": "Multi-exposure", "ivif": "Infrared and visible"}

Scores = Mapping[str, float]
Fusion = Callable[[Tensor, Tensor], Any]


@dataclass(frozen=True)
class Run:
    """A training run of the transfer ablation.

    `after` is the run that it starts from; `transfer` is whether it also learns that one's
    gradients.
    """

    stage: str
    after: str = ""
    transfer: bool = False


#: In the order of training.
TRANSFER_RUNS = {
    "mfif": Run("mfif"),
    "meif alone": Run("meif"),
    "meif started": Run("meif", "mfif"),
    "meif transferred": Run("meif", "mfif", transfer=True),
    "ivif alone": Run("ivif"),
    "ivif started": Run("ivif", "meif transferred"),
    "ivif transferred": Run("ivif", "meif transferred", transfer=True),
}
#: The rows of the paper's Tables 6 and 7, and one more: the teacher's weights to start from,
#: without its gradients.
TRANSFER_TABLES = {
    "meif": {
        "MFIF-to-MEIF": "mfif",
        "IVF-to-MEIF": "ivif alone",
        "MEIF-to-MEIF": "meif alone",
        "started from MFIF": "meif started",
        "gradient transfer": "meif transferred",
    },
    "ivif": {
        "MFIF-to-IVF": "mfif",
        "MEIF-to-IVF": "meif alone",
        "IVF-to-IVF": "ivif alone",
        "started from MEIF": "ivif started",
        "gradient transfer": "ivif transferred",
    },
}


class UnmaskedEFRUFN(EFRUFN):
    """EFRUFN whose features are F2 + T(d): everything that the first source has more of."""

    def forward(self, first: Tensor, second: Tensor) -> Settled:
        one, two = (pad_to_multiple(plane, self.size_multiple) for plane in (first, second))
        features = self.encode_second(two)
        difference = torch.relu(self.encode_first(one) - features)
        image = self.decode(features + self.unit.transform(difference))
        image = image[..., : first.shape[-2], : first.shape[-1]]
        return Settled(image, torch.ones_like(first), Convergence(1, 0.0, True))


class SharedFRUFN(FRUFN):
    """FRUFN whose units have the same parameters, unfolded all the same."""

    def __init__(self, units: int = 5):
        super().__init__(1, head="published")
        shared = self.units[0]
        assert isinstance(shared, UnfoldingUnit)
        self.units = nn.ModuleList([shared] * units)


#: The variants of the paper's Table 8, all of the published form.
STRUCTURES: dict[str, Callable[[], FRUFN | EFRUFN]] = {
    "FRUFN, shared parameters": SharedFRUFN,
    "FRUFN without unfolding": lambda: FRUFN(1, head="published"),
    "EFRUFN without mask": lambda: UnmaskedEFRUFN(head="published"),
    "FRUFN": lambda: FRUFN(head="published"),
    "EFRUFN": lambda: EFRUFN(head="published"),
}


class _VariantTrainer(StageTrainer):
    """Trains a network that is not in the registry; its weights are a bare state dict."""

    def __init__(self, build: Callable[[], FRUFN | EFRUFN], *arguments: Any, **keywords: Any):
        self._build = build
        super().__init__(*arguments, **keywords)

    def build_fusion(self) -> FRUFN | EFRUFN:
        return self._build()

    def save_result(self, path: Path) -> None:
        torch.save(self.result.fusion.state_dict(), path)


def train_transfer(
    data: Path,
    out: Path,
    recipe: str = "cpu",
    *,
    model: str = "efrufn",
    mfif: Path | None = None,
    changes: Mapping[str, Value] | None = None,
    on_step: OnStep | None = None,
) -> dict[str, Path]:
    """Train what Tables 6 and 7 compare and return the weights of each run.

    Parameters
    ----------
    mfif : path, optional
        Weights of stage one; trained where not given.
    changes : mapping, optional
        Settings that replace the recipe's in every run except those that differ between the runs.

    Raises
    ------
    TrainingError
        If the data or the settings cannot be used, or `out` holds runs of other settings.
    """
    found: dict[str, Path] = {} if mfif is None else {"mfif": mfif}
    for name, run in TRANSFER_RUNS.items():
        if name in found:
            continue
        folder = run_folder(out, name)
        config = _config(recipe, run.stage, model, changes)
        if run.after:
            # The paper's weight of the gradient transfer, or the caller's.
            weight = (stage_values(recipe, run.stage) | dict(changes or {}))["transfer"]
            config = dataclasses.replace(
                config, teacher=str(found[run.after]), transfer=weight if run.transfer else 0.0
            )
        resume = (folder / "checkpoint.ckpt").exists()
        trainer = StageTrainer(
            data, folder, config, resume=resume, on_step=progress_callback(on_step, name)
        )
        found[name] = trainer.run()
    return found


def make_transfer_tables(
    weights: Mapping[str, Path],
    data: Path,
    *,
    model: str = "efrufn",
    recipe: str = "cpu",
    changes: Mapping[str, Value] | None = None,
    limit: int | None = None,
    progress: Progress = None,
) -> str:
    """Measure the runs of `train_transfer` and return Tables 6 and 7 as Markdown."""
    lines = ["# Gradient transfer", "", f"Model {model}.", ""]
    reporter = Reporter(progress)
    for stage, rows in TRANSFER_TABLES.items():
        pairs = _held_back(data, _config(recipe, stage, model, changes), limit)
        reporter.expect(len(rows) * len(pairs))
        found = {}
        for title, name in rows.items():
            module = build_model(load_weights(weights[name], model))
            found[title] = _score(module, stage, pairs, reporter)
        lines += _table(stage, found, len(pairs))
    return "\n".join(lines)


def make_structure_table(
    data: Path,
    out: Path,
    recipe: str = "cpu",
    *,
    stages: Sequence[str] = ("mfif", "ivif"),
    changes: Mapping[str, Value] | None = None,
    limit: int | None = None,
    on_step: OnStep | None = None,
    progress: Progress = None,
) -> str:
    """Train and measure the variants of Table 8, each stage by itself; return it as Markdown.

    Raises
    ------
    TrainingError
        If there is no such stage, the data or the settings cannot be used, or `out` holds runs
        of other settings.
    """
    if unknown := sorted(set(stages) - set(STAGES)):
        raise TrainingError(f"There is no stage {unknown[0]!r}; choose of {', '.join(STAGES)}.")
    lines = ["# Structure of the network", "", "The published form; every stage by itself.", ""]
    reporter = Reporter(progress)
    for stage in stages:
        found = {}
        pairs: list[tuple[np.ndarray, ...]] = []
        for name, build in STRUCTURES.items():
            model = "efrufn-published" if name.startswith("EFRUFN") else "frufn-published"
            config = _config(recipe, stage, model, changes)
            folder = run_folder(out, f"{stage} {name.replace(',', '')}")
            resume = (folder / "checkpoint.ckpt").exists()
            trainer = _VariantTrainer(
                build, data, folder, config, resume=resume, on_step=progress_callback(on_step, name)
            )
            trainer.run()
            if not pairs:
                pairs = _held_back(data, config, limit)
            reporter.expect(len(pairs))
            found[name] = _score(trainer.result.fusion.eval(), stage, pairs, reporter)
        lines += _table(stage, found, len(pairs))
    return "\n".join(lines)


def _config(
    recipe: str, stage: str, model: str, changes: Mapping[str, Value] | None
) -> FrufnConfig:
    """Return a recipe of one stage without teacher and ColorNet.

    A warm-up that the caller sets is that of stage one, except for the published form.
    """
    changed = {**(changes or {}), "transfer": 0.0, "colour": 0.0}
    if stage != STAGES[0] and not model.endswith("-published"):
        changed.pop("warm_up", None)
    return stage_recipe(recipe, stage, model=model, changes=changed)


def _held_back(data: Path, config: FrufnConfig, limit: int | None) -> list[tuple[np.ndarray, ...]]:
    """Return evenly spaced held-back pairs of a stage, uint8."""
    dataset = StageDataset(data, config)
    kept = spread(range(len(dataset.validation)), limit)
    return [dataset.validation_pair(index) for index in kept]


def _score(
    fuse: Fusion, stage: str, pairs: Sequence[Sequence[np.ndarray]], reporter: Reporter
) -> Scores:
    """Return the mean of every metric of a stage."""
    rows = []
    for first, second, *truth in pairs:
        fused = fuse_bytes(fuse, first, second)
        reference = truth[0] if truth else None
        rows.append(evaluate(first, second, fused, reference, COLUMNS[stage]))
        reporter.advance()
    return {name: float(np.mean([row[name] for row in rows])) for name in COLUMNS[stage]}


def _table(stage: str, found: Mapping[str, Scores], count: int) -> list[str]:
    columns = COLUMNS[stage]
    rows = {title: [scores[name] for name in columns] for title, scores in found.items()}
    heading = f"{TITLES[stage]}, {count} pairs held back"
    return table_lines(heading, [METRICS[name].name for name in columns], rows)
