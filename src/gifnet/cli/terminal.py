"""Messages and progress bars of the commands, for terminals only."""

from __future__ import annotations

import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import GifnetError, GifnetWarning

if TYPE_CHECKING:
    import typer
    from tqdm import tqdm


@dataclass
class Settings:
    """The options before the command's name."""

    debug: bool = False


def one_line(error: BaseException) -> str:
    """Return an error's message without line breaks."""
    return " ".join(str(error).split())


def run_app(app: typer.Typer, name: str, arguments: Sequence[str] | None = None) -> None:
    """Run a command line; a `GifnetError` becomes one line on standard error and exit code 1.

    Parameters
    ----------
    app : typer.Typer
        The commands.
    name : str
        The name of the program, for the help texts.
    arguments : sequence of str, optional
        By default those of the process.
    """
    settings = Settings()
    try:
        with _own_warnings(name):
            app(args=arguments, prog_name=name, obj=settings)
    except GifnetError as error:
        if settings.debug:
            traceback.print_exc()
        else:
            print(f"gifnet: {one_line(error)}", file=sys.stderr)
        sys.exit(1)


@contextmanager
def _own_warnings(name: str) -> Iterator[None]:
    """Show warnings of this package as one line each on standard error, without a place in code."""
    with warnings.catch_warnings():
        show = warnings.showwarning

        def show_line(message: Any, category: Any, *place: Any, **more: Any) -> None:
            if issubclass(category, GifnetWarning):
                print(f"{name}: warning: {one_line(message)}", file=sys.stderr)
            else:
                show(message, category, *place, **more)

        warnings.simplefilter("always", GifnetWarning)
        warnings.showwarning = show_line
        yield


def say(message: str) -> None:
    """Write a line to standard error if that is a terminal."""
    if sys.stderr.isatty():
        print(message, file=sys.stderr)


def note() -> Callable[[str], None] | None:
    """Return a function that writes a line to the terminal; None if there is no terminal."""
    return say if sys.stderr.isatty() else None


@contextmanager
def progress_bar(
    description: str, unit: str = "step", total: int | None = None
) -> Iterator[tqdm[Any] | None]:
    """Show a bar on standard error; None, without a bar, if that is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    with tqdm(
        desc=description, unit=unit, total=total, leave=False, dynamic_ncols=True, file=sys.stderr
    ) as bar:
        yield bar
