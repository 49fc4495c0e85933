"""``python -m experiments``: the experiments of both papers, on data that the user brings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from torch import Tensor

from gifnet.cli.evaluate import make_methods, parse_names
from gifnet.cli.terminal import progress_bar, run_app, say
from gifnet.cli.train import Changes, Config, configuration_of, require_one_of, stage_changes
from gifnet.evaluation.datasets import find_datasets, held_back
from gifnet.evaluation.methods import Network
from gifnet.io.atomic import write_atomically
from gifnet.models.weights import build_model

from . import ablation as gifnet_ablation
from . import frufn_ablation, layouts
from .cifar import read_split
from .runs import OnStep
from .table2 import make_table2
from .table3 import Fuse, Schedule, make_table3

app = typer.Typer(
    help="Repeat the experiments of both papers on data of your own.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Data = Annotated[
    Path, typer.Option("--data", metavar="DIR", help="Training images, as in gifnet train.")
]
Out = Annotated[
    Path,
    typer.Option("--out", "-o", metavar="DIR", help="Folder for the table and what is kept."),
]
Weights = Annotated[
    list[str] | None,
    typer.Option(
        "--weights",
        metavar="NAME=FILE",
        help="A .safetensors file or an authors' checkpoint; may be given repeatedly.",
    ),
]
Device = Annotated[str, typer.Option("--device", metavar="NAME", help="Where to compute.")]
Limit = Annotated[
    int | None,
    typer.Option("--limit", metavar="N", min=1, help="At most N pairs of each set."),
]
Crop = Annotated[
    int,
    typer.Option("--crop", metavar="PIXELS", min=0, help="Cut larger images to their middle."),
]


def _write(path: Path, text: str) -> None:
    write_atomically(path, text)
    say(f"{path}: written")


@app.command("table2")
def table2(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            help="Folder with the published data sets in folders of their names: Lytro, MFI-WHU, "
            "LLVIP, TNO, SICE, VIS-NIR Scene, QuickBird, Harvard.",
        ),
    ],
    out: Out,
    sets: Annotated[
        str, typer.Option("--sets", metavar="NAME,...", help="Only these; by default all there.")
    ] = "",
    methods: Annotated[
        str | None,
        typer.Option("--methods", metavar="NAME,...", help="As in gifnet evaluate."),
    ] = None,
    weights: Weights = None,
    limit: Limit = None,
    crop: Crop = 0,
    device: Device = "auto",
) -> None:
    """Measure EI, VIF, SCD and AG on the paper's test sets, next to its Table 2."""
    used = make_methods(methods, weights or [], [], device)
    datasets = layouts.find_published_sets(data, parse_names(sets), limit)
    with progress_bar("evaluating", "result") as bar:
        text = make_table2(datasets, used, out, crop, bar)
    _write(out / "table2.md", text)


@app.command("table3")
def table3(
    data: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder with cifar-100-python in it.")
    ],
    out: Out,
    weights: Weights = None,
    epochs: Annotated[int, typer.Option("--epochs", metavar="N", min=1)] = 200,
    blocks: Annotated[
        int, typer.Option("--blocks", metavar="N", min=1, help="Blocks per stage; 9 are ResNet-56.")
    ] = 9,
    limit: Annotated[
        int | None,
        typer.Option("--limit", metavar="N", min=1, help="At most N images of either split."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0)] = 0,
    device: Device = "auto",
) -> None:
    """Train a ResNet-56 on CIFAR-100 as it is and enhanced by F(X, X)."""
    networks: dict[str, Fuse] = {}
    for method in make_methods("gifnet" if not weights else "none", weights or [], [], device):
        networks[f"enhanced by {method.name}"] = _make_fuse(method)
    training, test = (read_split(data, split, limit) for split in ("train", "test"))
    schedule = Schedule(epochs=epochs, blocks=blocks, seed=seed)
    with progress_bar("training", "unit") as bar:
        text = make_table3(training, test, networks, out, schedule, device, bar)
    _write(out / "table3.md", text)


def _make_fuse(method: object) -> Fuse:
    """Return a function that fuses batches of planes with the network of a method."""
    assert isinstance(method, Network)
    module = build_model(method.fuser.weights).to(method.fuser.device).eval()

    def fuse(first: Tensor, second: Tensor) -> Tensor:
        image: Tensor = module(first, second).image
        return image

    return fuse


@app.command("ablation")
def ablation(
    data: Data,
    out: Out,
    evaluated: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[DIR...]", help="Data sets to measure on, as in gifnet evaluate."),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe",
            metavar="NAME",
            help="What is varied: published by default, gifnet for the design.",
        ),
    ] = None,
    variants: Annotated[
        str,
        typer.Option(
            "--variants",
            metavar="paper|design",
            help="The paper's, or without one thing that the recipe gifnet adds.",
        ),
    ] = "paper",
    config: Config = None,
    settings: Changes = None,
    limit: Limit = None,
    crop: Crop = 0,
) -> None:
    """Train variants of a recipe for equally long and compare; resumable.

    The paper's are without REC, without CFGM, with fixed lambda, and MM as the main task.
    Measured on the held-back triplets, if the data has any, and on the data sets named.
    """
    require_one_of(recipe, config)
    base = None if config is not None else recipe or gifnet_ablation.RECIPE_OF.get(variants)
    configuration = configuration_of(base, config, settings or [], None)
    datasets = find_datasets(evaluated) if evaluated else []
    if configuration.hold_out:
        triplets = [d for d in find_datasets([data]) if "all_in_focus" in d.roles]
        if triplets:
            largest = max(triplets, key=lambda dataset: len(dataset.names))
            datasets = [held_back(largest, configuration.hold_out), *datasets]
    with progress_bar("training", "step", configuration.steps) as bar:
        weights = gifnet_ablation.train_variants(data, out, configuration, variants, _show_on(bar))
    with progress_bar("evaluating", "result") as bar:
        text = gifnet_ablation.make_table(
            weights, configuration, datasets, out, limit=limit, crop=crop, progress=bar
        )
    _write(out / "ablation.md", text)


StageRecipe = Annotated[
    str, typer.Option("--recipe", metavar="NAME", help="What is varied: cpu or published.")
]
HeldBack = Annotated[
    int | None,
    typer.Option("--limit", metavar="N", min=1, help="Measure on at most N held-back pairs."),
]


@app.command("transfer")
def transfer(
    data: Data,
    out: Out,
    model: Annotated[
        str, typer.Option("--model", metavar="NAME", help="efrufn or frufn.")
    ] = "efrufn",
    mfif: Annotated[
        Path | None,
        typer.Option("--mfif", metavar="FILE", help="Weights of stage one, rather than train it."),
    ] = None,
    recipe: StageRecipe = "cpu",
    settings: Changes = None,
    limit: HeldBack = None,
) -> None:
    """Train with and without sequential gradient transfer (Wang et al., Tables 6 and 7)."""
    changes = stage_changes(settings or [])
    with progress_bar("training", "step", 0) as bar:
        weights = frufn_ablation.train_transfer(
            data, out, recipe, model=model, mfif=mfif, changes=changes, on_step=_show_on(bar)
        )
    with progress_bar("evaluating", "result") as bar:
        text = frufn_ablation.make_transfer_tables(
            weights, data, model=model, recipe=recipe, changes=changes, limit=limit, progress=bar
        )
    _write(out / "transfer.md", text)


@app.command("structure")
def structure(
    data: Data,
    out: Out,
    stages: Annotated[
        str, typer.Option("--stages", metavar="NAME,...", help="Of mfif, meif and ivif.")
    ] = "mfif,ivif",
    recipe: StageRecipe = "cpu",
    settings: Changes = None,
    limit: HeldBack = None,
) -> None:
    """Train FRUFN and EFRUFN without one part at a time (Wang et al., Table 8)."""
    with progress_bar("training", "step", 0) as bar:
        text = frufn_ablation.make_structure_table(
            data,
            out,
            recipe,
            stages=parse_names(stages),
            changes=stage_changes(settings or []),
            limit=limit,
            on_step=_show_on(bar),
        )
    _write(out / "structure.md", text)


def _show_on(bar: Any) -> OnStep:
    """Return a callback that shows a run's name and steps on a progress bar."""

    def show(variant: str, step: int, steps: int) -> None:
        if bar is not None:
            bar.set_description(variant)
            bar.total = steps
            bar.update(step - bar.n)

    return show


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiments' command line and exit with its code."""
    run_app(app, "python -m experiments", arguments)
