"""How good a result is, in the three metrics that suit its task best."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gifnet.errors import InvalidInputError
from gifnet.geometry import Grid
from gifnet.imaging.colour import luminance
from gifnet.imaging.ranges import normalise, split_range_spec
from gifnet.metrics import evaluate, metric
from gifnet.options import ValueRange
from gifnet.tasks import TASKS

from ..layers.colours import DISPLAY
from ..layers.sampling import Plane, RangeCache, plane_grid, sample_plane, widen
from ..layers.snapshot import METADATA_KEY, Snapshot, Values
from ..layers.sources import moving_grid
from ..layers.viewport import ViewRegion
from .base import stop_if_asked

if TYPE_CHECKING:
    from napari.layers import Image

    from gifnet.progress import ProgressCallback

_ENHANCE = "enhance"
#: The three metrics that separate good results from bad ones best, by task. Metrics that noise
#: or the mean of the sources can win are left out where there are others.
METRICS_BY_TASK: dict[str | None, tuple[str, str, str]] = {
    None: ("kept", "VIF-lesser", "Nabf"),
    _ENHANCE: ("SSIM", "EN", "AG"),
    **{task.name: task.telling_metrics for task in TASKS.values()},
}
#: The longest side of what is measured.
MAX_SIDE = 1024


@dataclass(frozen=True, eq=False)
class Quality:
    """What was measured.

    Attributes
    ----------
    names : tuple of str
        The result's name and those of its sources.
    values : dict
        By metric, a value for each of `names`, NaN where it cannot be measured. That of a source
        is what one would get by taking it for the result.
    shape : tuple of int
        Height and width of what was measured, in pixels of the result.
    """

    names: tuple[str, ...]
    values: dict[str, tuple[float, ...]]
    shape: tuple[int, int]


@dataclass(frozen=True, eq=False)
class QualityJob:
    """A measurement of a result and its sources as they were when it was asked for.

    Attributes
    ----------
    result : Snapshot
    sources : tuple of Snapshot
        One or two, in the order in which they were fused.
    task : str or None
        A key of `METRICS_BY_TASK`.
    value_range : object
        Of the fusion.
    region : ViewRegion
        What to measure, in pixels of the result; of more than 1024 pixels a side the middle.
    """

    result: Snapshot
    sources: tuple[Snapshot, ...]
    task: str | None
    value_range: ValueRange
    region: ViewRegion

    def run(self, ranges: RangeCache, progress: ProgressCallback) -> Quality:
        """Measure.

        Raises
        ------
        InvalidInputError
            If the images have no pixel in common there.
        """
        names = METRICS_BY_TASK[self.task]
        total = len(names) * (1 + len(self.sources))
        stop_if_asked(progress, 0, total)
        result, *sources = self._planes(ranges)
        pair = sources[0], sources[-1]
        values: dict[str, tuple[float, ...]] = {}
        for name in names:
            found = []
            for image in (result, *sources):
                fits = min(image.shape) >= metric(name).smallest_side
                measured = evaluate(*pair, image, metrics=[name], data_range=1) if fits else {}
                found.append(measured.get(name, float("nan")))
                stop_if_asked(progress, len(values) * (1 + len(sources)) + len(found), total)
            values[name] = tuple(found)
        called = (self.result.name, *(source.name for source in self.sources))
        return Quality(called, values, result.shape)

    def grid(self) -> Grid:
        """Return the pixels of the result that are measured."""
        start, shape = [], []
        for low, high in zip(self.region.start, self.region.stop, strict=True):
            first, last = int(np.ceil(low)), int(np.floor(high))
            side = min(MAX_SIDE, max(1, last - first + 1))
            start.append(first + (last - first + 1 - side) // 2)
            shape.append(side)
        rows, columns = shape
        return plane_grid(self.result, self.region.index, start, 1, (rows, columns))

    def _planes(self, ranges: RangeCache) -> list[Plane]:
        """Return the luminance of the result and the sources in [0, 1], where all have data."""
        grid = self.grid()
        specs = split_range_spec(self.value_range)[: len(self.sources)]
        limits = [
            widen(ranges.get(source, spec))
            for source, spec in zip(self.sources, specs, strict=True)
        ]
        planes = []
        # A grey result has the first source's range, a coloured one that of a display.
        drawn = self.result.rgb and self.result.data.dtype == np.uint8
        own = DISPLAY if drawn else limits[0]
        for image, (low, high) in zip((self.result, *self.sources), (own, *limits), strict=True):
            world = moving_grid(self.result, image)
            values = sample_plane(image, world, grid)
            unit = normalise(values[..., :3] if image.rgb else values, (low, high))
            planes.append(luminance(unit) if image.rgb else unit)
        return _where_all_have_data(planes)


def _where_all_have_data(planes: list[Plane]) -> list[Plane]:
    """Cut to the rectangle around what all cover; what is missing in it counts as black."""
    valid = np.asarray(np.isfinite(np.stack(planes)).all(axis=0))
    if not valid.any():
        raise InvalidInputError(
            "The result and its sources have no pixel in common in view; move to where they do."
        )
    rows, columns = (np.flatnonzero(valid.any(axis=axis)) for axis in (1, 0))
    window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return [np.where(valid, plane, 0)[window].astype(np.float32) for plane in planes]


def sources_of_result(
    record: Values, by_name: Mapping[str, Image]
) -> tuple[list[Image], str | None, ValueRange]:
    """Return a result's sources, its task and value range, as its record has them.

    Parameters
    ----------
    record : mapping
        ``metadata["napari_gifnet"]`` of the result.
    by_name : mapping
        Layers by their names.

    Raises
    ------
    InvalidInputError
        If the record is not of one or two sources, or one of these is missing.
    """
    names = [source.get("name") for source in record.get("sources", ())]
    if not 1 <= len(names) <= 2:
        raise InvalidInputError(
            "Choose a result of one or two layers to measure: metrics compare two sources."
        )
    if missing := [name for name in names if name not in by_name]:
        raise InvalidInputError(
            f"The source {missing[0]!r} is not among the layers; open it under this name."
        )
    options = (record.get("request") or record).get("options", {})
    task = _ENHANCE if len(names) == 1 else options.get("task")
    known = task if task in METRICS_BY_TASK else None
    return [by_name[name] for name in names], known, options.get("value_range", "auto")


def find_result(layers: Iterable[Image]) -> Image | None:
    """Return the last of some layers that this plugin made, or None."""
    return next((one for one in reversed(list(layers)) if METADATA_KEY in one.metadata), None)
