"""``gifnet batch``: folders of pairs or sets, or stacks."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import workflows
from ..io.formats import RESULT_SUFFIXES
from ..options import REGISTRATION_CHOICES, FuseOptions
from .fuse_options import takes_options
from .outputs import DType, Overwrite, Place, Reference, Series, choice
from .terminal import progress_bar

if TYPE_CHECKING:
    from ..workflows import BatchItem, BatchResult


@takes_options()
def batch(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="The folder that contains the patterns.")
    ],
    first: Annotated[
        str | None,
        typer.Option(
            "--first",
            metavar="PATTERN",
            help="First sources: a sub-folder, or a name with one *, such as pet/*.tif or "
            "*_pet.tif. The text in place of the star is the pair's name.",
        ),
    ] = None,
    second: Annotated[
        str | None,
        typer.Option("--second", metavar="PATTERN", help="Second sources, as above."),
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option(
            "--also",
            metavar="PATTERN",
            help="Further sources, as above; may be given several times. The default model fuses "
            "any number.",
        ),
    ] = None,
    stacks: Annotated[
        str | None,
        typer.Option(
            "--stacks",
            metavar="PATTERN",
            help="Fuse stacks instead: a folder of slices each, or a file with a Z axis each.",
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT", help="The folder of the results.")
    ] = ...,  # type: ignore[assignment]
    suffix: Annotated[str, choice("--suffix", RESULT_SUFFIXES, "Format of the results.")] = ".tif",
    align: Annotated[
        str,
        choice("--align", REGISTRATION_CHOICES, "Of stacks: register all slices first."),
    ] = "none",
    place: Place = "auto",
    reference: Reference = "finer",
    dtype: DType = None,
    series: Series = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            "--scheduler",
            metavar="ADDRESS|local",
            help="Run on the workers of a dask.distributed scheduler, or in local processes.",
        ),
    ] = None,
    overwrite: Overwrite = False,
    *,
    options: FuseOptions,
) -> None:
    """Fuse all pairs of files in folders, or all stacks. Existing results are skipped."""
    settings: dict[str, Any] = {}
    if stacks is not None:
        if first is not None or second is not None or also:
            raise typer.BadParameter("--stacks and --first, --second, --also exclude each other.")
        found = workflows.match_stacks(folder / stacks, output, suffix)
        settings["align"] = align
    elif first is None or second is None:
        raise typer.BadParameter("Give --first and --second, or --stacks.")
    else:
        patterns = [folder / pattern for pattern in (first, second, *(also or ()))]
        found = workflows.match_sources(patterns, output, suffix)
        settings |= {"place": place, "reference": reference, "dtype": dtype}
        settings["series"] = series
    if found.alone:
        typer.echo(found.summary, err=True)
    results: list[BatchResult] = []
    with ExitStack() as bars:
        whole = bars.enter_context(progress_bar("batch", "item", len(found.items)))
        part = bars.enter_context(progress_bar("item", "tile"))

        def on_item(number: int, count: int, item: BatchItem) -> Any:
            if part is not None:
                part.reset(0)
                part.set_description(item.name)
            return part

        for result in workflows.run_batch(
            found.items,
            options,
            overwrite=overwrite,
            on_item=on_item,
            scheduler=scheduler,
            **settings,
        ):
            results.append(result)
            if whole is not None:
                whole.update()
    typer.echo(summary(results))
    if any(result.status == "failed" for result in results):
        raise typer.Exit(1)


def summary(results: Sequence[BatchResult]) -> str:
    """Return a table of the items with status, time and message, and a line of totals."""
    ordered = sorted(results, key=lambda result: result.item.name)
    width = max(len(result.item.name) for result in ordered)
    lines = [
        f"{r.item.name:<{width}}  {r.status:<7}  {r.seconds:6.1f} s  {r.message}".rstrip()
        for r in ordered
    ]
    counts = {
        status: sum(result.status == status for result in ordered)
        for status in ("done", "skipped", "failed")
    }
    lines.append(", ".join(f"{count} {status}" for status, count in counts.items()))
    return "\n".join(lines)
