"""``gifnet train``: the recipes of `gifnet.training` from a shell."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import TrainingError
from .terminal import progress_bar, say

if TYPE_CHECKING:
    from ..training.config import TrainingConfig

#: What of a log row the progress bar shows.
_SHOWN = ("mm_private", "dp_private", "psnr", "ssim")

train_app = typer.Typer(
    help="Train a network on images of your own.", no_args_is_help=True, rich_markup_mode=None
)


@train_app.callback()
def _train() -> None:
    """Keep ``gifnet`` a command of its own: Typer would swallow the name of an only one."""


@train_app.command("gifnet")
def train_gifnet(
    data: Annotated[
        Path,
        typer.Option(
            "--data",
            metavar="DIR",
            help="Folder of image sets: sub-folders infrared and visible for multi-modal pairs; "
            "near, far and all_in_focus for multi-focus triplets.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Folder for configuration, log, plot, checkpoint and, at the end, "
            "weights.safetensors.",
        ),
    ],
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe",
            metavar="NAME",
            help="bundled (default) and then bundled-continued, which made the bundled weights, or "
            "published, that of the paper.",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="JSON", help="A configuration file instead of a recipe."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="Change one setting; may be given repeatedly."
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on from the checkpoint in the output folder, with its configuration unless "
            "one is given.",
        ),
    ] = False,
) -> None:
    """Train GIFNet; interrupt it at any time and go on with --resume."""
    if recipe is not None and config is not None:
        raise typer.BadParameter("--recipe and --config exclude each other; give one of them.")
    configuration = _configuration(recipe, config, settings or [], out if resume else None)
    from ..training.trainer import train_gifnet as train

    with progress_bar("training", "step", configuration.steps) as bar:

        def show(step: int, steps: int, row: dict[str, Any]) -> None:
            if bar is None:
                return
            shown = [key for key in _SHOWN if key in row]
            if step > bar.n + 1:
                # A resumed run starts where the last one stopped; that was no work of this one.
                bar.initial = bar.n = step - 1
            bar.set_postfix({key: f"{row[key]:.4g}" for key in shown}, refresh=False)
            bar.update(step - bar.n)

        weights = train(data, out, configuration, resume=resume, on_step=show)
    say(f"{weights}: trained for {configuration.steps} steps")


def _configuration(
    recipe: str | None, config: Path | None, settings: list[str], resumed: Path | None
) -> TrainingConfig:
    """Return the configuration that the options describe.

    Raises
    ------
    TrainingError
        If a recipe, file, setting or value is not known.
    """
    from ..training import config as training

    if resumed is not None and recipe is None and config is None:
        config = resumed / "config.json"
    base = (
        training.TrainingConfig.from_file(config)
        if config is not None
        else training.recipe(recipe or "bundled")
    )
    if not settings:
        return base
    values = dataclasses.asdict(base)
    for name, text in map(_split_setting, settings):
        values[name] = _convert(name, text, values.get(name))
    return training.TrainingConfig.from_dict(values, "command line")


def _split_setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise typer.BadParameter(f"--set is {text!r}; use NAME=VALUE, such as steps=1000.")
    return name.strip(), value.strip()


def _convert(name: str, text: str, current: object) -> Any:
    """Return a setting's text in the type of its current value."""
    if isinstance(current, bool):
        words = {"true": True, "false": False}
        if text.lower() not in words:
            raise TrainingError(f"--set {name} is {text!r}; use true or false.")
        return words[text.lower()]
    if not isinstance(current, (int, float)):
        return text
    try:
        return type(current)(text)
    except ValueError:
        kind = "a whole number" if isinstance(current, int) else "a number"
        raise TrainingError(f"--set {name} is {text!r}; use {kind}.") from None
