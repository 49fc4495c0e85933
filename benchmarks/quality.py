"""Quality of the fused pictures, ours beside baselines and the authors' checkpoint.

    python -m benchmarks.quality --data DIR --out DIR [--checkpoint AUTHORS.model]

`README.md` in this folder says how everything is measured.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from tqdm import tqdm

from . import metrics
from .datasets import DATASETS, Dataset, Pair, spread
from .methods import Average, Bytes, LaplacianPyramid, Method, Network
from .strips import Row, write_strip

SCORES = ("EI", "AG", "SCD", "MS-SSIM", "PSNR", "SSIM")
KEY = ("dataset", "pair", "method", "version")
#: dataset whose second (or first) source is enhanced, for the enhancement strip
ENHANCED = (("ivif", 1), ("mfif", 0), ("nir", 1), ("pet", 1), ("pansharpen", 0))

Scores = dict[str, float]


def score(pair: Pair, fused: Sequence[Bytes]) -> Scores:
    """Return the metrics of a pair's fused planes, averaged over its bands."""
    rows: list[Scores] = []
    for (first, second), plane in zip(pair.planes, fused, strict=True):
        row = {
            "EI": metrics.edge_intensity(plane),
            "AG": metrics.average_gradient(plane),
            "SCD": metrics.scd(first, second, plane),
            "MS-SSIM": metrics.ms_ssim_of_sources(first, second, plane),
        }
        if pair.reference is not None:
            row["PSNR"] = metrics.psnr(plane, pair.reference)
            row["SSIM"] = metrics.ssim(plane, pair.reference)
        rows.append(row)
    return {name: math.fsum(row[name] for row in rows) / len(rows) for name in rows[0]}


class Cache:
    """The CSV of one row a pair and method; rows of another version are computed again."""

    def __init__(self, path: Path):
        self.path = path
        self.rows: dict[tuple[str, str, str], dict[str, str]] = {}
        if path.exists():
            with path.open(newline="", encoding="utf-8") as file:
                for row in csv.DictReader(file):
                    self.rows[row["dataset"], row["pair"], row["method"]] = row

    def get(self, dataset: str, pair: str, method: Method) -> Scores | None:
        row = self.rows.get((dataset, pair, method.name))
        if row is None or row["version"] != method.version:
            return None
        return {name: float(row[name]) for name in SCORES if row[name]}

    def put(self, dataset: str, pair: str, method: Method, scores: Scores) -> None:
        row = dict(zip(KEY, (dataset, pair, method.name, method.version), strict=True))
        row |= {name: f"{scores[name]:.6g}" if name in scores else "" for name in SCORES}
        self.rows[dataset, pair, method.name] = row
        temporary = self.path.with_suffix(".tmp")
        with temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, [*KEY, *SCORES])
            writer.writeheader()
            writer.writerows(row for _, row in sorted(self.rows.items()))
        temporary.replace(self.path)


def measure(
    dataset: Dataset, data: Path, names: Iterable[str], methods: Sequence[Method], cache: Cache
) -> dict[str, list[Scores]]:
    """Return every method's scores on the named pairs."""
    table: dict[str, list[Scores]] = {method.name: [] for method in methods}
    for name in tqdm(names, desc=dataset.name, unit="pair"):
        missing = [m for m in methods if cache.get(dataset.name, name, m) is None]
        if missing:
            pair = dataset.read(data, name)
            for method in missing:
                fused = [method.planes(first, second) for first, second in pair.planes]
                cache.put(dataset.name, name, method, score(pair, fused))
        for method in methods:
            table[method.name].append(cache.get(dataset.name, name, method) or {})
    return table


def markdown(results: dict[str, dict[str, list[Scores]]], methods: Sequence[Method]) -> str:
    """Return one table, a row a data set and method, the best of each data set in bold."""
    lines = [
        "| data set | pairs | method | " + " | ".join(SCORES) + " |",
        "|---|---|---|" + "---|" * len(SCORES),
    ]
    for dataset, table in results.items():
        means = {
            method.name: {
                name: math.fsum(s[name] for s in table[method.name]) / len(table[method.name])
                for name in table[method.name][0]
            }
            for method in methods
        }
        for method in methods:
            cells = []
            for name in SCORES:
                value = means[method.name].get(name)
                text = "" if value is None else f"{value:.{3 if name[-1] in 'MD' else 2}f}"
                # EI and AG grow with noise and halos, so no value of theirs is "best".
                if value is not None and name not in ("EI", "AG"):
                    best = max(mean[name] for mean in means.values())
                    text = f"**{text}**" if value == best else text
                cells.append(text)
            count = len(table[method.name])
            title = DATASETS[dataset].title
            lines.append(f"| {title} | {count} | {method.title} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def strip_rows(
    dataset: Dataset, data: Path, names: Sequence[str], methods: Sequence[Method], rows: int
) -> list[Row]:
    """Return the picture rows of a data set: both sources, then every method, in colour."""
    result: list[Row] = []
    for name in spread(names, rows):
        pair = dataset.read(data, name)
        row = [(f"{name}: {dataset.first}", pair.first), (dataset.second, pair.second)]
        row += [(method.title, method.pictures(pair.first, pair.second)) for method in methods]
        result.append(row)
    return result


def enhancement_rows(data: Path, networks: Sequence[Network], tasks: Sequence[str]) -> list[Row]:
    """Return rows of an image before and after F(X, X) by every network."""
    result: list[Row] = []
    for name, source in ENHANCED:
        if name not in tasks:
            continue
        dataset = DATASETS[name]
        pair = dataset.read(data, dataset.names(data)[0])
        image = (pair.first, pair.second)[source]
        row = [(f"{dataset.roles[source]} {pair.name}", image)]
        row += [(f"F(X, X), {network.title}", network.enhance(image)) for network in networks]
        result.append(row)
    return result


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with dev/ and train/")
    parser.add_argument("--out", type=Path, required=True, help="where everything is written")
    parser.add_argument("--checkpoint", type=Path, help="the authors' GIFNet checkpoint")
    parser.add_argument("--weights", type=Path, help="weights of model gifnet; else the bundled")
    parser.add_argument("--no-ours", action="store_true", help="leave out model gifnet")
    parser.add_argument("--limit", type=int, help="at most this many pairs a data set")
    parser.add_argument("--strip-rows", type=int, default=2, help="pairs in a strip; 0: none")
    parser.add_argument("--tasks", nargs="+", choices=list(DATASETS), default=list(DATASETS))
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)

    networks: list[Network] = []
    if options.checkpoint:
        title = "authors' checkpoint"
        networks.append(Network("authors", title, "gifnet-cvpr", options.checkpoint))
    if not options.no_ours:
        networks.append(Network("gifnet", "ours (gifnet)", "gifnet", options.weights))
    methods: list[Method] = [Average(), LaplacianPyramid(), *networks]

    cache = Cache(options.out / "pairs.csv")
    results = {}
    for task in options.tasks:
        dataset = DATASETS[task]
        names = spread(dataset.names(options.data), options.limit)
        if not names:
            raise SystemExit(f"{options.data / dataset.folder} holds no pairs for {task}.")
        results[task] = measure(dataset, options.data, names, methods, cache)
        (options.out / "table.md").write_text(markdown(results, methods), encoding="utf-8")
        if options.strip_rows:
            rows = strip_rows(dataset, options.data, names, methods, options.strip_rows)
            write_strip(rows, options.out / f"{task}.png")
    if options.strip_rows and networks:
        rows = enhancement_rows(options.data, networks, options.tasks)
        if rows:
            write_strip(rows, options.out / "enhancement.png")
    print(markdown(results, methods))


if __name__ == "__main__":
    main()
