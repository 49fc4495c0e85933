"""The plot of a training log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np


def _smooth(values: np.ndarray, width: int) -> np.ndarray:
    if len(values) < 2 * width:
        return values
    kernel = np.ones(width) / width
    smoothed: np.ndarray = np.convolve(np.pad(values, width // 2, mode="edge"), kernel, "same")
    return smoothed[width // 2 : width // 2 + len(values)]


def plot_log(rows: Sequence[Mapping[str, float]], path: Path, losses: Sequence[str]) -> None:
    """Plot the named losses, GIFNet's gates (supplement, Fig. 4) and the scores of a log."""
    from matplotlib.figure import Figure

    def series(name: str) -> tuple[np.ndarray, np.ndarray]:
        points = [
            (row["step"], row[name]) for row in rows if isinstance(row.get(name), (int, float))
        ]
        return np.array([p[0] for p in points]), np.array([p[1] for p in points], float)

    panels = {
        "loss": {name: name.replace("_", " ") for name in losses},
        "gate": {
            f"gate_{branch}": rf"$\lambda$, {branch.upper()} branch main" for branch in ("mm", "dp")
        },
        "equilibrium": {"residual": "residual of the fixed point"},
        "validation": {
            "psnr": "PSNR, held-back scenes (dB)",
            "held_back_loss": "loss, held-back scenes",
        },
    }
    drawn = {
        title: {label: series(name) for name, label in names.items() if len(series(name)[0])}
        for title, names in panels.items()
    }
    drawn = {title: lines for title, lines in drawn.items() if lines}
    figure = Figure(figsize=(4 * max(len(drawn), 1), 3.6), layout="constrained")
    for axes, (title, lines) in zip(
        figure.subplots(1, max(len(drawn), 1), squeeze=False)[0], drawn.items(), strict=False
    ):
        for label, (steps, values) in lines.items():
            if title == "loss":
                axes.semilogy(steps, _smooth(values, 31), label=label)
            else:
                axes.plot(steps, values, label=label, marker="o" if title == "validation" else "")
        axes.set(title=title, xlabel="step")
        axes.legend(fontsize="small")
    figure.savefig(path, dpi=110)
