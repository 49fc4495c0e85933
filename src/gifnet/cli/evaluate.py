"""``gifnet evaluate``: models x data sets x metrics, into tables and a report with pictures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from .. import evaluation, metrics
from ..io.atomic import write_atomically
from ..options import REGISTRATION_CHOICES
from ..tasks import TASKS
from .outputs import choice
from .terminal import progress_bar, say


def evaluate(
    data: Annotated[
        list[Path],
        typer.Argument(
            metavar="DIR...",
            help="Data sets, or folders of data sets: a folder with one sub-folder per source "
            "(infrared and visible, near and far, over and under, pet and mri, ms and pan, ...) "
            "and, if there is one, a sub-folder with the ground truth (reference, all_in_focus). "
            "The files of a pair share a name.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            metavar="DIR",
            help="Folder for report.html, tables.md, scores.csv and the stored results, from "
            "which an interrupted run continues.",
        ),
    ],
    methods: Annotated[
        str | None,
        typer.Option(
            "--methods",
            metavar="NAME,...",
            help="average, maximum, pyramid, wavelet (needs PyWavelets), mertens (needs OpenCV), "
            "copy-first and near-copy-first (references that every fusion should beat), bundled "
            "models by name, or none. By default all that can run here.",
        ),
    ] = None,
    weights: Annotated[
        list[str] | None,
        typer.Option(
            "--weights",
            metavar="NAME=FILE",
            help="A .safetensors file or an authors' checkpoint as a further method. Can be "
            "given several times.",
        ),
    ] = None,
    fused: Annotated[
        list[str] | None,
        typer.Option(
            "--fused",
            metavar="NAME=DIR",
            help="A folder of pictures fused elsewhere, with the names of the pairs, or with "
            "sub-folders with the names of the data sets. Can be given several times.",
        ),
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option(
            "--metrics",
            metavar="NAME,...|all",
            help="The metrics to measure (see docs/metrics.md). The default suits most tasks.",
        ),
    ] = None,
    rank_by: Annotated[
        str | None,
        typer.Option(
            "--rank-by",
            metavar="NAME,...",
            help="The metrics that rank the methods. By default kept,VIF-lesser,Qabf,MS-SSIM.",
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit", metavar="N", min=1, help="At most N pairs of each set, evenly spaced."
        ),
    ] = None,
    crop: Annotated[
        int,
        typer.Option(
            "--crop",
            metavar="PIXELS",
            min=0,
            help="Crop larger images to their middle; 0 for no crop.",
        ),
    ] = 0,
    strips: Annotated[
        int,
        typer.Option(
            "--strips", metavar="N", min=0, help="Pairs per set that the report shows; 0 for none."
        ),
    ] = 1,
    enhance: Annotated[
        bool, typer.Option("--enhance", help="Also enhance single images with the networks.")
    ] = False,
    roles: Annotated[
        str | None,
        typer.Option(
            "--roles",
            metavar="FIRST,SECOND[,REFERENCE]",
            help="The sub-folders' names, if they are not recognised.",
        ),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            "--task", metavar="|".join(TASKS), help="The task, if names do not identify it."
        ),
    ] = None,
    held_back: Annotated[
        int | None,
        typer.Option(
            "--held-back",
            metavar="N",
            min=1,
            help="Use only the N triplets that training holds back, in sets with all_in_focus.",
        ),
    ] = None,
    stacks: Annotated[
        bool,
        typer.Option(
            "--stacks",
            help="Measure focus stacks: folders of slices with the sharp image (truth, reference "
            "or expected) and optionally depth.tif, in slices. Methods are pyramid, depth-map, "
            "mertens, and models with shares.",
        ),
    ] = False,
    align: Annotated[
        str,
        choice("--align", REGISTRATION_CHOICES, "With --stacks: register the slices first."),
    ] = "none",
    device: Annotated[
        str, typer.Option("--device", metavar="NAME", help="The device of the networks.")
    ] = "auto",
) -> None:
    """Measure fusion methods on folders of pairs. Run it again to resume it or to add methods."""
    if stacks:
        _evaluate_stacks(data, out, methods, weights or [], align, crop, device)
        return
    chosen = _metrics(metrics)
    ranked = _metrics(rank_by) or _metrics(",".join(evaluation.tables.RANKED)) or []
    measured = None if chosen is None else [*chosen, *(m for m in ranked if m not in chosen)]
    used = make_methods(methods, weights or [], fused or [], device)
    datasets = evaluation.find_datasets(data, parse_names(roles) if roles else None, task)
    if held_back:
        datasets = [
            evaluation.held_back(dataset, held_back) if "all_in_focus" in dataset.roles else dataset
            for dataset in datasets
        ]
    settings = evaluation.EvaluationSettings(limit=limit, crop=crop, strips=strips, enhance=enhance)
    with progress_bar("evaluating", "result") as bar:
        results = evaluation.run_evaluation(datasets, used, measured, out, settings, progress=bar)
    write_atomically(out / "tables.md", evaluation.tables.markdown(results, ranked))
    write_atomically(out / "scores.csv", evaluation.tables.as_csv(results))
    write_atomically(out / "report.html", evaluation.report.html(results, ranked))
    say(f"{out / 'report.html'}: {len(used)} methods, {len(results.rows)} results")


def _evaluate_stacks(
    data: Sequence[Path],
    out: Path,
    methods: str | None,
    weights: Sequence[str],
    align: str,
    crop: int,
    device: str,
) -> None:
    names = None if methods is None else parse_names(methods)
    own = {name: Path(path) for name, path in map(_named, weights)}
    used = evaluation.make_stack_methods(names, own, device)
    found = evaluation.find_stacks(data)
    with progress_bar("evaluating", "result") as bar:
        rows = evaluation.evaluate_stacks(found, used, out, align=align, crop=crop, progress=bar)
    write_atomically(out / "stacks.md", evaluation.stack_table(rows))
    write_atomically(out / "stacks.csv", evaluation.stack_csv(rows))
    say(f"{out / 'stacks.md'}: {len(used)} methods, {len(found)} stacks")


def parse_names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _metrics(text: str | None) -> list[metrics.Metric] | None:
    """Return the metrics of an option, None for the default."""
    if text is None:
        return None
    if text.strip().lower() == "all":
        return list(metrics.METRICS.values())
    return [metrics.metric(name) for name in parse_names(text)]


def make_methods(
    names: str | None, weights: Sequence[str], fused: Sequence[str], device: str
) -> list[evaluation.Method]:
    """Return the methods: baselines and models, then folders, then weights files.

    Raises
    ------
    typer.BadParameter
        If a name is invalid or used twice, or there is no method.
    """
    wanted = evaluation.default_methods() if names is None else parse_names(names)
    found: list[evaluation.Method] = [
        evaluation.make_method(name, device) for name in wanted if name.lower() != "none"
    ]
    found += [evaluation.Pictures(name, Path(path)) for name, path in map(_named, fused)]
    found += [
        evaluation.network_from(name, Path(path), device) for name, path in map(_named, weights)
    ]
    used = [method.name for method in found]
    if double := {name for name in used if used.count(name) > 1}:
        raise typer.BadParameter(f"Two methods are called {double.pop()!r}; rename one.")
    if not used:
        raise typer.BadParameter("There is no method to evaluate; name one.")
    return found


def _named(text: str) -> tuple[str, str]:
    name, equals, path = text.partition("=")
    if not equals or not path or not re.fullmatch(r"[\w.+-]+", name):
        raise typer.BadParameter(
            f"{text!r} is not NAME=PATH, with a name of letters, digits and _ . + -"
        )
    return name, path
