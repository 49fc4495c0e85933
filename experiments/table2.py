"""Table 2 of the paper: fusion quality on its test sets, and the published figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gifnet.evaluation import run, tables
from gifnet.evaluation.datasets import Dataset
from gifnet.evaluation.methods import Method
from gifnet.metrics import METRICS
from gifnet.progress import Progress

#: The paper's metrics, in its order.
COLUMNS = ("EI", "VIF", "SCD", "AG")

#: GIFNet's row of Table 2 by data set, for comparison (Cheng et al., CVPR 2025).
PUBLISHED: dict[str, tuple[float, float, float, float]] = {
    "Lytro": (80.86, 1.74, 1.37, 7.71),
    "MFI-WHU": (91.61, 1.94, 1.29, 9.25),
    "LLVIP": (62.46, 0.73, 1.61, 6.70),
    "TNO": (52.30, 0.99, 1.66, 5.24),
    "SICE": (111.27, 2.52, 1.04, 12.00),
    "VIS-NIR Scene": (101.32, 1.51, 1.45, 10.83),
    "QuickBird": (23.02, 1.56, 1.04, 2.16),
    "Harvard": (100.71, 1.10, 1.68, 9.73),
}


def make_table2(
    datasets: Sequence[Dataset],
    methods: Sequence[Method],
    out: Path,
    crop: int = 0,
    progress: Progress = None,
) -> str:
    """Measure methods on published data sets and return the table as Markdown.

    Parameters
    ----------
    datasets : sequence of Dataset
        From `experiments.layouts.find_published_sets`.
    methods : sequence of Method
    out : path
        Keeps every score; a second call continues from there.
    crop : int
        Cut larger images down to their middle; 0 leaves all.
    progress : callable or progress bar, optional

    Raises
    ------
    GifnetError
        If an image or a method cannot be used.
    """
    settings = run.EvaluationSettings(crop=crop, strips=0)
    chosen = [METRICS[name] for name in COLUMNS]
    results = run.run_evaluation(datasets, methods, chosen, out, settings, progress)
    lines = ["# Table 2", ""]
    for dataset in datasets:
        pairs = len(dataset.names)
        lines += [f"## {dataset.name}, {pairs} pairs", ""]
        lines += [f"| method | {' | '.join(COLUMNS)} |", "|---|" + "---:|" * len(COLUMNS)]
        table = tables.means(tables.of_dataset(results, dataset))
        for method in methods:
            values = [table[method.name][name] for name in COLUMNS]
            lines.append(_row(method.title, values))
        if published := PUBLISHED.get(dataset.name):
            lines.append(_row("GIFNet, as published", published))
        lines.append("")
    lines += [
        "All four grow with noise and over-sharpening as well as with detail. The paper names "
        "neither its test pairs nor its toolbox's conventions (docs/metrics.md), so compare the "
        "order of methods rather than digits.",
        "",
    ]
    return "\n".join(lines)


def _row(title: str, values: Sequence[float]) -> str:
    return f"| {title} | {' | '.join(f'{value:.2f}' for value in values)} |"
