"""Ablations by training runs of equal length, each of which changes one thing of a recipe.

The paper's that fit, in which "MM as main task" needs no run of its own: it is the whole network
with the other branch as the main one (supplement, Sec. 4). And those of what the recipe
"gifnet" adds to the paper.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from gifnet.engine.device import resolve_device
from gifnet.errors import TrainingError
from gifnet.evaluation import run, tables
from gifnet.evaluation.datasets import Dataset
from gifnet.evaluation.pair import Bytes, ImagePair, bands_picture
from gifnet.metrics import METRICS
from gifnet.models.gifnet.network import Branch, GIFNet
from gifnet.models.weights import build_model, load_weights
from gifnet.progress import Progress
from gifnet.training.gifnet.config import GifnetConfig
from gifnet.training.gifnet.trainer import train_gifnet
from gifnet.training.settings import Value

from .runs import OnStep, fuse_bytes, progress_callback, run_folder, table_lines

#: What the first run of any family is called, which changes nothing.
WHOLE = "whole"
_OTHER_TASKS = ("exposure", "single", "infrared", "tracer", "bone", "spectral", "pansharpening")
#: What each run changes, by family.
VARIANTS: dict[str, dict[str, dict[str, Value]]] = {
    "paper": {
        WHOLE: {},
        "without REC": {"public_weight": 0.0},
        "without CFGM": {"gate_start": 0.0, "gate_learned": False},
        "fixed lambda": {"gate_start": 1.0, "gate_learned": False},
    },
    "design": {
        WHOLE: {},
        "blend head": {"model": "gifnet-blend"},
        "multi-focus alone": dict.fromkeys(_OTHER_TASKS, 0.0) | {"triplets": 1.0},
        "without edges (Qabf)": {"keep_edges": 0.0},
        "without the stronger gradient": {"keep_gradient": 0.0},
        "without VIF, SCD, MS-SSIM, MI": dict.fromkeys(
            ("keep_information", "keep_differences", "keep_structure", "keep_entropy"), 0.0
        ),
        "without crops on the border of focus": {"border": 0.0},
        "without log of the squared error": {"fidelity_log": 0.0},
        "without loss of contrast": {"low_contrast": 0.0, "swapped": 0.0},
    },
}
#: The recipe that each family is about.
RECIPE_OF = {"paper": "published", "design": "gifnet"}
#: The whole network with the other branch as the main one.
MM_MAIN = "MM as main task"
COLUMNS = ("EI", "VIF", "SCD", "AG", "Qabf", "MS-SSIM", "PSNR-ref", "SSIM-ref")


class _Module:
    """A trained network on luminance, with either branch as the main one."""

    def __init__(self, name: str, weights: Path, main: Branch, device: str):
        self.name = self.title = name
        loaded = load_weights(weights)
        self.device = resolve_device(device)
        module = build_model(loaded)
        assert isinstance(module, GIFNet)
        self.module = module.to(self.device).eval()
        self.main, self.sha256 = main, loaded.sha256

    def version(self, dataset: Dataset, pair: str) -> str:
        return f"{self.main} {self.sha256[:16]}"

    def fuse(self, pair: ImagePair) -> tuple[tuple[Bytes, ...], Bytes]:
        forward = partial(self.module, main=self.main)
        planes = tuple(fuse_bytes(forward, *sources, self.device) for sources in pair.planes)
        return planes, planes[0] if pair.ms is None else bands_picture(np.stack(planes))


def train_variants(
    data: Path,
    out: Path,
    config: GifnetConfig,
    family: str = "paper",
    on_step: OnStep | None = None,
) -> dict[str, Path]:
    """Train every variant of a recipe and return their weights; finished runs are kept.

    Parameters
    ----------
    data, out : path
        Training images, and where the runs go.
    config : GifnetConfig
        The recipe that the variants change.
    family : {"paper", "design"}
        Which variants: the paper's, or those of what the recipe "gifnet" adds.
    on_step : callable, optional

    Raises
    ------
    TrainingError
        If the data or the configuration cannot be used, or `out` holds runs of another one.
    """
    if family not in VARIANTS:
        raise TrainingError(
            f"There is no family of variants {family!r}; use one of {list(VARIANTS)}."
        )
    settings = dataclasses.asdict(config)
    variants = {
        name: dataclasses.replace(config, **{k: v for k, v in changes.items() if k in settings})
        for name, changes in VARIANTS[family].items()
    }
    if idle := [name for name in variants if name != WHOLE and variants[name] == config]:
        raise TrainingError(
            f"The variants {idle} change nothing in this recipe; use one that has what they take "
            f"away, such as {RECIPE_OF[family]!r}."
        )
    found = {}
    for name, variant in variants.items():
        folder = run_folder(out, name)
        # A finished run is resumed as well, which only checks that it is the same one.
        resume = (folder / "checkpoint.ckpt").exists()
        show = progress_callback(on_step, name)
        found[name] = train_gifnet(data, folder, variant, resume=resume, on_step=show)
    return found


def make_table(
    weights: dict[str, Path],
    config: GifnetConfig,
    datasets: Sequence[Dataset],
    out: Path,
    *,
    limit: int | None = None,
    crop: int = 0,
    progress: Progress = None,
) -> str:
    """Measure the variants' weights on some data sets and return the table as Markdown.

    The paper's family has a row with MM as the main task as well.

    Parameters
    ----------
    weights : dict
        Of `train_variants`.
    config : GifnetConfig
        The recipe that the variants change.
    datasets : sequence of Dataset
    out : path
        Keeps every score.
    limit, crop : int, optional
        At most so many pairs of each set; cut larger images down to their middle.
    progress : callable or progress bar, optional
    """
    methods = [_Module(name, path, "dp", config.device) for name, path in weights.items()]
    if set(weights) == set(VARIANTS["paper"]):
        methods.append(_Module(MM_MAIN, weights[WHOLE], "mm", config.device))
    chosen = [METRICS[name] for name in COLUMNS]
    settings = run.EvaluationSettings(limit=limit, crop=crop, strips=0)
    results = run.run_evaluation(datasets, methods, chosen, out / "scores", settings, progress)
    lines = ["# Ablation", "", f"{config.steps} steps each, model {config.model}.", ""]
    for dataset in datasets:
        rows = tables.of_dataset(results, dataset)
        table = tables.means(rows)
        shown = tables.shown_metrics(results, table)
        heading = f"{dataset.title}, {len({row.pair for row in rows})} pairs"
        names = [metric.name for metric in shown]
        found = {m.title: [table[m.name][name] for name in names] for m in methods}
        lines += table_lines(heading, names, found)
    return "\n".join(lines)
