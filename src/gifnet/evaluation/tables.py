"""Means, ranks, Markdown and CSV from rows of scores."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence

from scipy.stats import rankdata

from ..metrics import Metric
from .datasets import Dataset
from .run import Results, Row

#: The metrics that rank the methods by default. They exclude VIF, SCD and MI, because a near-copy
#: of one source wins them (docs/quality.md).
RANKED = ("kept", "VIF-lesser", "Qabf", "MS-SSIM")

#: Values by method, then by metric.
Means = dict[str, dict[str, float]]


def means(rows: Iterable[Row]) -> Means:
    """Return each method's mean over the pairs, for metrics that all its pairs have."""
    by_method: dict[str, list[dict[str, float]]] = {}
    for row in rows:
        by_method.setdefault(row.method, []).append(row.scores)
    return {
        method: {
            name: math.fsum(s[name] for s in scores) / len(scores)
            for name in scores[0]
            if all(name in s for s in scores)
        }
        for method, scores in by_method.items()
    }


def of_dataset(results: Results, dataset: Dataset) -> list[Row]:
    """Return the rows of one data set."""
    return [row for row in results.rows if row.dataset == dataset.name]


def tasks(results: Results) -> dict[str, list[Dataset]]:
    """Return the data sets of each task, by its title."""
    found: dict[str, list[Dataset]] = {}
    for dataset in results.datasets:
        found.setdefault(dataset.task_title, []).append(dataset)
    return found


def of_task(results: Results, datasets: Sequence[Dataset]) -> list[Row]:
    """Return the rows of a task. All pairs have the same weight."""
    return [row for dataset in datasets for row in of_dataset(results, dataset)]


def shown_metrics(results: Results, table: Means) -> list[Metric]:
    """Return the metrics with values in a table."""
    return [m for m in results.metrics if any(m.name in values for values in table.values())]


def best(table: Means, metric: Metric) -> float | None:
    """Return the best of the methods' values, None for metrics of the fused image alone."""
    values = [values[metric.name] for values in table.values() if metric.name in values]
    if not values or not judged(metric):
        return None
    return max(values) if metric.higher_is_better else min(values)


def judged(metric: Metric) -> bool:
    """Return whether a value can be best. Noise raises metrics of the fused image alone."""
    return bool(metric.needs)


def ranks(table: Means, metrics: Sequence[Metric]) -> Means:
    """Return each method's ranks by metric, and their "mean". 1 is best; equal means share a rank.

    Metrics that a method does not have are left out. Without any metric the result is empty.
    """
    methods = list(table)
    used = [m for m in metrics if methods and all(m.name in table[name] for name in methods)]
    if not used:
        return {}
    result: Means = {name: {} for name in methods}
    for m in used:
        sign = -1 if m.higher_is_better else 1
        for name, rank in zip(
            methods, rankdata([sign * table[name][m.name] for name in methods]), strict=True
        ):
            result[name][m.name] = float(rank)
    for values in result.values():
        values["mean"] = math.fsum(values.values()) / len(used)
    return dict(sorted(result.items(), key=lambda item: item[1]["mean"]))


def number(value: float) -> str:
    """Return a score with three decimals, or fewer if it is large."""
    if not math.isfinite(value):
        return str(value)
    size = abs(value)
    return f"{value:.{3 if size < 10 else 2 if size < 100 else 1}f}"


def rank_text(value: float) -> str:
    """Return a rank: whole, or with one decimal if it is shared."""
    return f"{value:.0f}" if value == int(value) else f"{value:.1f}"


def markdown(results: Results, ranked: Sequence[Metric]) -> str:
    """Return every table as Markdown: ranks of each task, then scores of each data set."""
    titles = {method.name: method.title for method in results.methods}
    lines = ["# Evaluation", ""]
    for task, datasets in tasks(results).items():
        lines += [f"## {task}", ""]
        rows = of_task(results, datasets)
        if order := ranks(means(rows), ranked):
            names = list(next(iter(order.values())))
            pairs = len({(row.dataset, row.pair) for row in rows})
            lines += [f"Ranks of the means over {pairs} pairs; 1 is best.", ""]
            lines += _table(["method", *names[:-1], "mean rank"])
            for method, values in order.items():
                cells = [rank_text(values[name]) for name in names[:-1]]
                lines.append(_row([titles[method], *cells, f"**{values['mean']:.2f}**"]))
            lines.append("")
        for dataset in datasets:
            lines += _scores(results, dataset, titles)
    unmarked = ", ".join(m.name for m in results.metrics if not judged(m))
    exception = f", except for {unmarked}, which noise and halos raise as well" if unmarked else ""
    lines += [
        f"Best values are bold{exception}. docs/metrics.md has the conventions.",
        "",
    ]
    return "\n".join(lines)


def _scores(results: Results, dataset: Dataset, titles: dict[str, str]) -> list[str]:
    rows = of_dataset(results, dataset)
    table = means(rows)
    shown = shown_metrics(results, table)
    top = {m.name: best(table, m) for m in shown}
    pairs = len({row.pair for row in rows})
    lines = [f"### {dataset.title}, {pairs} pairs", ""]
    lines += _table(["method", *(f"{m.name} {arrow(m)}".strip() for m in shown)])
    for method, values in table.items():
        cells = []
        for m in shown:
            text = number(values[m.name]) if m.name in values else ""
            cells.append(f"**{text}**" if text and values[m.name] == top[m.name] else text)
        lines.append(_row([titles[method], *cells]))
    return [*lines, ""]


def arrow(metric: Metric) -> str:
    """Return an arrow to the better side, or nothing for metrics of the fused image alone."""
    if not judged(metric):
        return ""
    return "↑" if metric.higher_is_better else "↓"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _table(names: Sequence[str]) -> list[str]:
    return [_row(names), "|---|" + "---:|" * (len(names) - 1)]


def as_csv(results: Results) -> str:
    """Return one line per pair and method, with all digits of the scores."""
    names = [m.name for m in results.metrics]
    tasks_of = {dataset.name: dataset.task for dataset in results.datasets}
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["task", "dataset", "pair", "method", "version", *names])
    for row in results.rows:
        scores = [f"{row.scores[name]:.8g}" if name in row.scores else "" for name in names]
        where = [tasks_of[row.dataset], row.dataset, row.pair, row.method, row.version]
        writer.writerow([*where, *scores])
    return file.getvalue()
