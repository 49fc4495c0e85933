"""The command line: ``gifnet fuse``, ``enhance``, ``stack``, ``pansharpen``, ``batch``,
``evaluate``, ``export``, ``info`` and ``train``.

Exit codes: 0 success, 1 an error, explained in one line on standard error, 2 wrong usage, 130
interrupted. A command imports heavy packages only when it needs them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from .._version import __version__
from .batch import batch
from .evaluate import evaluate
from .export import export
from .fuse import enhance, fuse
from .info import info
from .pansharpen import pansharpen
from .stack import stack
from .terminal import run_app
from .train import train_app

app = typer.Typer(
    help="Fuse two images of one scene into one better image, or enhance one.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(fuse)
app.command()(enhance)
app.command()(stack)
app.command()(pansharpen)
app.command()(batch)
app.command()(evaluate)
app.command()(export)
app.command()(info)
app.add_typer(train_app, name="train")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gifnet {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    context.obj.debug = debug


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after ``gifnet``. By default those of the process.
    """
    run_app(app, "gifnet", arguments)
