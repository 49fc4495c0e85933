"""Shared parts of the experiments that train several networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gifnet.evaluation.pair import Bytes, to_bytes
from gifnet.evaluation.tables import number

#: Called with (variant, steps done, steps in all).
OnStep = Callable[[str, int, int], None]


def run_folder(out: Path, variant: str) -> Path:
    """Return the folder of a variant's run."""
    return out / variant.replace(" ", "-").lower()


def progress_callback(on_step: OnStep | None, variant: str) -> Callable[[int, int, object], None]:
    """Return a trainer's callback that passes its steps to `on_step`."""

    def show(step: int, steps: int, row: object) -> None:
        if on_step is not None:
            on_step(variant, step, steps)

    return show


@torch.no_grad()
def fuse_bytes(
    fuse: Callable[[Tensor, Tensor], Any],
    first: Bytes,
    second: Bytes,
    device: torch.device | None = None,
) -> Bytes:
    """Fuse two (H, W) uint8 planes by what makes an `image` of (1, 1, H, W) tensors in [0, 1]."""
    planes = (
        torch.from_numpy(np.array(plane)).to(device).float()[None, None] / 255
        for plane in (first, second)
    )
    image = fuse(*planes).image[0, 0]
    return to_bytes(image.cpu().numpy() * 255)


def table_lines(
    heading: str, columns: Sequence[str], rows: Mapping[str, Sequence[float]]
) -> list[str]:
    """Return the lines of a Markdown section with one row of figures for each variant."""
    lines = [f"## {heading}", "", f"| variant | {' | '.join(columns)} |"]
    lines.append("|---|" + "---:|" * len(columns))
    for variant, values in rows.items():
        lines.append(f"| {variant} | {' | '.join(number(value) for value in values)} |")
    return [*lines, ""]
