"""The run: every method on every pair, measured once and stored."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..errors import WriteError
from ..io.files import read_images, write_image
from ..metrics import METRICS, Metric, evaluate
from ..progress import Progress, Reporter
from .datasets import Dataset, spread
from .methods import Method, Network
from .pair import Bytes, ImagePair
from .store import Key, Store, Values

#: The metrics that are measured by default.
DEFAULT_METRICS = (
    "kept", "VIF-lesser", "Qabf", "MS-SSIM", "VIF", "SCD", "MI", "SSIM", "FMI", "Nabf",
    "EN", "AG", "EI", "PSNR-ref", "SSIM-ref", "SAM", "ERGAS", "Q4", "QNR",
)  # fmt: skip


@dataclass(frozen=True)
class EvaluationSettings:
    """The settings of a run, except data, methods and metrics.

    Attributes
    ----------
    limit : int, optional
        Maximum number of pairs per data set, evenly spaced.
    crop : int
        Crop larger images to this many pixels in the middle; 0 keeps them whole.
    strips : int
        Number of pairs per data set whose pictures the report shows.
    enhance : bool
        Whether the report also shows single images enhanced by the networks.
    """

    limit: int | None = None
    crop: int = 0
    strips: int = 1
    enhance: bool = False


@dataclass(frozen=True)
class Row:
    """The scores of one method on one pair; metrics that do not apply are left out."""

    dataset: str
    pair: str
    method: str
    version: str
    scores: dict[str, float]


@dataclass(frozen=True)
class Enhanced:
    """F(X, X) of one image."""

    dataset: str
    pair: str
    method: str
    before: Bytes
    after: Bytes


@dataclass
class Results:
    """The results of a run.

    `pictures` contains the pictures of the report's pairs by (data set, pair, method).
    """

    datasets: list[Dataset]
    methods: list[Method]
    metrics: list[Metric]
    settings: EvaluationSettings
    rows: list[Row] = field(default_factory=list)
    pictures: dict[tuple[str, str, str], Bytes] = field(default_factory=dict)
    pairs: dict[tuple[str, str], ImagePair] = field(default_factory=dict)
    enhanced: list[Enhanced] = field(default_factory=list)
    #: by network: overshoot on a step edge, see `step_halo`
    halos: dict[str, float] = field(default_factory=dict)


def run_evaluation(
    datasets: Sequence[Dataset],
    methods: Sequence[Method],
    metrics: Sequence[Metric] | None,
    out: Path,
    settings: EvaluationSettings | None = None,
    progress: Progress = None,
) -> Results:
    """Measure every method on every pair. Results stored in `out` are reused.

    Parameters
    ----------
    datasets : sequence of Dataset
        From `find_datasets`.
    methods : sequence of Method
        Baselines, networks and folders of pictures.
    metrics : sequence of Metric, optional
        By default those of `DEFAULT_METRICS`.
    out : Path
        The folder of ``results.jsonl`` and ``pictures``. It is created if it is missing.
    settings : EvaluationSettings, optional
        Number of pairs, crop, and contents of the report.
    progress : callable or progress bar, optional
        Advances by one per method and pair.

    Returns
    -------
    Results

    Raises
    ------
    GifnetError
        If an image, a method or the folder cannot be used. Earlier results stay stored.
    """
    settings = settings or EvaluationSettings()
    chosen = list(metrics) if metrics is not None else [METRICS[name] for name in DEFAULT_METRICS]
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"Cannot make the folder {str(out)!r}: {error}.") from error
    results = Results(list(datasets), list(methods), chosen, settings)
    worker = _Worker(results, out, Store(out / "results.jsonl"))
    names = {dataset.name: spread(dataset.names, settings.limit) for dataset in datasets}
    reporter = Reporter(progress)
    reporter.expect(sum(map(len, names.values())) * len(methods))
    for dataset in datasets:
        shown = set(spread(names[dataset.name], settings.strips)) if settings.strips else set()
        for name in names[dataset.name]:
            worker.measure(dataset, name, name in shown, reporter)
        if settings.enhance:
            worker.enhance(dataset, names[dataset.name][0])
    if settings.enhance:
        networks = [method for method in methods if isinstance(method, Network)]
        results.halos = {network.name: step_halo(network) for network in networks}
    return results


def step_halo(network: Network) -> float:
    """Return the overshoot of F(X, X) at a step edge, as a fraction of the step's height.

    Vertical and horizontal steps from 80 to 176 grey levels are used.
    """
    low, high = 80, 176
    step = np.full((64, 64), low, np.uint8)
    step[:, 32:] = high
    excess = 0
    for image in (step, step.T):
        after = network.enhance(np.ascontiguousarray(image)).astype(int)
        excess = max(excess, int(after.max()) - high, low - int(after.min()))
    return excess / (high - low)


class _Worker:
    def __init__(self, results: Results, out: Path, store: Store):
        self.results, self.store = results, store
        self.folder = out / "pictures"
        self.crop = results.settings.crop

    def measure(self, dataset: Dataset, name: str, shown: bool, reporter: Reporter) -> None:
        """Measure all methods on one pair. It is read only if a result is missing."""
        print_of = dataset.fingerprint(name, self.crop)
        pair = dataset.read(name, self.crop) if shown else None
        if pair is not None:
            self.results.pairs[dataset.name, name] = pair
        for method in self.results.methods:
            key = Key(dataset.name, name, print_of, method.name, method.version(dataset, name))
            known = self.store.get(key)
            wanted = [m for m in self.results.metrics if _id(m) not in known]
            path = self._picture_path(key)
            if wanted or (shown and not path.exists()):
                pair = pair or dataset.read(name, self.crop)
                planes, picture = method.fuse(pair)
                if wanted:
                    self.store.put(key, scores(pair, planes, wanted))
                if shown:
                    _write_picture(path, picture)
            if shown:
                self.results.pictures[dataset.name, name, method.name] = _read_picture(path)
            values = self.store.get(key)
            self.results.rows.append(
                Row(
                    dataset.name,
                    name,
                    method.name,
                    key.version,
                    {
                        m.name: value
                        for m in self.results.metrics
                        if (value := values[_id(m)]) is not None
                    },
                )
            )
            reporter.advance()

    def enhance(self, dataset: Dataset, name: str) -> None:
        """Enhance a pair's structural source with every network."""
        image = dataset.read(name, self.crop).second
        for method in self.results.methods:
            if isinstance(method, Network):
                version = f"enhanced {method.version(dataset, name)}"
                print_of = dataset.fingerprint(name, self.crop)
                path = self._picture_path(Key(dataset.name, name, print_of, method.name, version))
                if not path.exists():
                    _write_picture(path, method.enhance(image))
                after = _read_picture(path)
                self.results.enhanced.append(
                    Enhanced(dataset.name, name, method.name, image, after)
                )

    def _picture_path(self, key: Key) -> Path:
        digest = hashlib.sha256(f"{key.fingerprint} {key.version}".encode()).hexdigest()[:12]
        return self.folder / key.dataset / key.pair / f"{key.method}-{digest}.png"


def scores(pair: ImagePair, planes: Sequence[Bytes], metrics: Sequence[Metric]) -> Values:
    """Return the metrics of a pair's fused planes, None for metrics that do not apply."""
    given = {"sources"}
    if pair.reference is not None:
        given.add("reference")
    if pair.ms is not None:
        given.add("bands")
    side = min(planes[0].shape)
    usable = [m for m in metrics if set(m.needs) <= given and side >= m.smallest_side]
    first: np.ndarray = pair.planes[0][0] if pair.ms is None else pair.ms
    fused: np.ndarray = planes[0] if pair.ms is None else np.stack(planes)
    found = evaluate(first, pair.planes[0][1], fused, pair.reference, usable)
    return {_id(m): found.get(m.name) for m in metrics}


def _id(metric: Metric) -> str:
    return f"{metric.name}@{metric.version}"


def _write_picture(path: Path, picture: Bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"Cannot make the folder {str(path.parent)!r}: {error}.") from error
    write_image(path, picture, axes="YX" if picture.ndim == 2 else "YXS")


def _read_picture(path: Path) -> Bytes:
    return np.asarray(read_images(path)[0].data, np.uint8)
