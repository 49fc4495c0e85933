"""The picture of a training run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np


def _smooth(values: np.ndarray, width: int) -> np.ndarray:
    if len(values) < 2 * width:
        return values
    kernel = np.ones(width) / width
    smoothed: np.ndarray = np.convolve(np.pad(values, width // 2, mode="edge"), kernel, "same")
    return smoothed[width // 2 : width // 2 + len(values)]


def plot_log(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw losses, both gates (supplement, Fig. 4) and validation scores of a run's log."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 3.6), layout="constrained")
    losses, gates, scores = figure.subplots(1, 3)

    def series(name: str) -> tuple[np.ndarray, np.ndarray]:
        points = [(row["step"], row[name]) for row in rows if row.get(name) not in (None, "")]
        return np.array([p[0] for p in points]), np.array([p[1] for p in points], float)

    for name in ("mm_public", "mm_private", "dp_public", "dp_private", "dp_deployed"):
        steps, values = series(name)
        if len(steps):
            losses.semilogy(steps, _smooth(values, 31), label=name.replace("_", " "))
    for branch in ("mm", "dp"):
        steps, values = series(f"gate_{branch}")
        gates.plot(steps, values, label=rf"$\lambda$, {branch.upper()} branch main")
    steps, values = series("psnr")
    scores.plot(steps, values, marker="o", label="PSNR, held-back triplets (dB)")
    for axes, title in ((losses, "loss"), (gates, "gate"), (scores, "validation")):
        axes.set(title=title, xlabel="step")
        axes.legend(fontsize="small")
    figure.savefig(path, dpi=110)
