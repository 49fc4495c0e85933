"""Alignment of the slices of a stack before their fusion."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence

import numpy as np

from ...errors import GifnetWarning
from ...geometry import Grid
from ...imaging.source import Source
from ...progress import Reporter
from ...registration.api import mean_luminance, resample_onto
from ...registration.chain import solve_links
from ...registration.links import Link, find_links
from ...registration.transform import Transform


def align_slices(
    slices: Sequence[Source], index: int, kind: str, reporter: Reporter
) -> tuple[list[Source], tuple[Transform, ...]]:
    """Return the slices on the reference's pixels, and their transforms."""
    shape = (int(slices[0].shape[0]), int(slices[0].shape[1]))
    links = find_links(
        lambda number: mean_luminance(slices[number]), len(slices), kind, reporter.check
    )
    holding = [link for link in links if link.holds]
    matrices, _ = solve_links(holding, len(slices), index, kind, shape)
    if unmoved := [number for number, matrix in enumerate(matrices) if matrix is None]:
        warnings.warn(
            f"Slices {', '.join(map(str, unmoved))} have no structure in common with their "
            f"neighbours that leads to slice {index}, so they stay unmoved. Leave them out if "
            "they are blank.",
            GifnetWarning,
            stacklevel=4,
        )
    aligned, transforms = [], []
    target = Grid(shape, np.eye(3))
    quality = {number: _correlations(links, number) for number in range(len(slices))}
    for number, (source, matrix) in enumerate(zip(slices, matrices, strict=True)):
        still = matrix is None or number == index
        transform = Transform(
            "none" if still else kind, np.eye(3) if matrix is None else matrix, shape,
            *quality[number],
        )  # fmt: skip
        transforms.append(transform)
        if not still:
            axis = -1 if source.coloured else None
            data = resample_onto(source.data, transform, target, channel_axis=axis, order=3)
            source = dataclasses.replace(source, data=data)
            reporter.advance()
        else:
            reporter.advance(int(number != index))
        aligned.append(source)
    return aligned, tuple(transforms)


def _correlations(links: Sequence[Link], number: int) -> tuple[float, float]:
    """Return the mean edge correlations of a slice with its neighbours, before and after."""
    own = [link for link in links if number in (link.first, link.second)]
    if not own:
        return 0.0, 0.0
    return float(np.mean([x.before for x in own])), float(np.mean([x.after for x in own]))
