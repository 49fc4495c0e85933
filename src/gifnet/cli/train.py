"""``gifnet train``: the recipes of `gifnet.training` in a shell."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from .. import training
from ..errors import TrainingError
from ..training.frufn.config import FrufnConfig, stage_recipe
from ..training.gifnet.config import GifnetConfig, make_config
from ..training.recipes import read_recipe, recipe_names
from ..training.settings import RunSettings, Value, read_settings
from ..training.shares.config import SharesConfig
from .terminal import progress_bar, say

Configuration = TypeVar("Configuration", bound=RunSettings)

#: The columns of the log that the progress bar shows.
_SHOWN = (
    "mm_private", "dp_private", "warm_up", "similarity", "reconstruction", "transfer", "psnr",
    "ssim", "held_back_loss", "truth", "sources",
)  # fmt: skip

train_app = typer.Typer(
    help="Train a network on your own images.", no_args_is_help=True, rich_markup_mode=None
)


def _recipes(network: str, default: str) -> str:
    names = [f"{n} (default)" if n == default else n for n in recipe_names(network)]
    return f"{', '.join(names)}; docs/training describes them."


Data = Annotated[
    Path,
    typer.Option(
        "--data",
        metavar="DIR",
        help="Folder of image sets: sub-folders infrared and visible for multi-modal pairs; "
        "near, far and all_in_focus for multi-focus triplets; for shares any other names too.",
    ),
]
Out = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="DIR",
        help="Folder for configuration, log, plot, checkpoint and, at the end, "
        "weights.safetensors.",
    ),
]
Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="JSON", help="A configuration file, instead of a recipe."),
]
Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="NAME=VALUE", help="Change one setting. Can be given several times."
    ),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Continue from the checkpoint in the output folder, with its configuration unless "
        "one is given.",
    ),
]
Stage = Annotated[
    str | None,
    typer.Option("--stage", metavar="mfif|meif|ivif", help="The stage to train."),
]
AllStages = Annotated[
    bool,
    typer.Option("--all-stages", help="Train all three, each in a sub-folder of --out."),
]
Teacher = Annotated[
    Path | None,
    typer.Option(
        "--teacher", metavar="FILE", help="Weights of the previous stage, which is the teacher."
    ),
]
StageRecipe = Annotated[
    str | None,
    typer.Option("--recipe", metavar="NAME", help=_recipes("frufn", "cpu")),
]


@train_app.command("gifnet")
def train_gifnet(
    data: Data,
    out: Out,
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe",
            metavar="NAME",
            help=_recipes("gifnet", "gifnet"),
        ),
    ] = None,
    config: Config = None,
    settings: Changes = None,
    resume: Resume = False,
) -> None:
    """Train GIFNet. Interrupt it at any time and continue with --resume."""
    require_one_of(recipe, config)
    configuration = configuration_of(recipe, config, settings or [], out if resume else None)
    with _shown(configuration.steps) as show:
        weights = training.train_gifnet(data, out, configuration, resume=resume, on_step=show)
    say(f"{weights}: trained for {configuration.steps} steps")


@train_app.command("shares")
def train_shares(
    data: Data,
    out: Out,
    recipe: Annotated[
        str | None,
        typer.Option("--recipe", metavar="NAME", help=_recipes("shares", "shares")),
    ] = None,
    config: Config = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--start",
            metavar="FILE|bundled",
            help="Start from these weights, or from the bundled ones, instead of random ones.",
        ),
    ] = None,
    settings: Changes = None,
    resume: Resume = False,
) -> None:
    """Train Shares, for any number of images. Interrupt it at any time, continue with --resume.

    Data needs sharp pictures, in folders visible or all_in_focus; all other sets are optional.
    """
    require_one_of(recipe, config)
    changes = [*(settings or []), *([f"start={start}"] if start is not None else [])]
    configuration = _configuration(
        "shares", SharesConfig.from_dict, recipe, config, changes, out if resume else None
    )
    with _shown(configuration.steps) as show:
        weights = training.train_shares(data, out, configuration, resume=resume, on_step=show)
    say(f"{weights}: trained for {configuration.steps} steps")


def _stages_command(model: str) -> Callable[..., None]:
    """Return the command that trains EFRUFN or FRUFN; both have the same options."""

    def train_stages(
        data: Data,
        out: Out,
        stage: Stage = None,
        all_stages: AllStages = False,
        teacher: Teacher = None,
        recipe: StageRecipe = None,
        config: Config = None,
        settings: Changes = None,
        resume: Resume = False,
    ) -> None:
        require_one_of(recipe, config)
        if all_stages:
            if stage is not None or teacher is not None or config is not None:
                raise typer.BadParameter(
                    "--all-stages excludes --stage, --teacher and --config: it sets them itself."
                )
            changes = stage_changes(settings or [])
            with _shown(0) as show:
                paths = training.train_all_stages(
                    data, out, recipe or "cpu", model=model, changes=changes, resume=resume,
                    on_step=show,
                )  # fmt: skip
            for path in paths:
                say(f"{path}: trained")
            return
        configuration = _stage_configuration(
            model, stage, teacher, recipe, config, settings or [], out if resume else None
        )
        with _shown(configuration.steps) as show:
            weights = training.train_stage(data, out, configuration, resume=resume, on_step=show)
        say(f"{weights}: trained for {configuration.steps} steps")

    return train_stages


for _model in ("efrufn", "frufn"):
    train_app.command(
        _model,
        help=f"Train {_model.upper()} by sequential gradient transfer, one stage or all of them.",
    )(_stages_command(_model))


def _stage_configuration(
    model: str,
    stage: str | None,
    teacher: Path | None,
    recipe: str | None,
    config: Path | None,
    settings: list[str],
    resumed: Path | None,
) -> FrufnConfig:
    if resumed is not None and recipe is None and config is None:
        config = resumed / "config.json"
    if config is not None:
        base = FrufnConfig.from_file(config)
        return FrufnConfig.from_dict(_changed(base, settings), "command line")
    if stage is None:
        raise typer.BadParameter("Give --stage mfif, meif or ivif, or --all-stages.")
    changes = stage_changes(settings)
    return stage_recipe(recipe or "cpu", stage, model=model, teacher=teacher, changes=changes)


def require_one_of(recipe: str | None, config: Path | None) -> None:
    if recipe is not None and config is not None:
        raise typer.BadParameter("--recipe and --config exclude each other; give one of them.")


@contextmanager
def _shown(steps: int) -> Iterator[Callable[[int, int, dict[str, float]], None]]:
    """Lend a callback that shows the steps on a progress bar; `steps` is 0 for several runs."""
    with progress_bar("training", "step", steps) as bar:

        def show(step: int, steps: int, row: dict[str, float]) -> None:
            if bar is None:
                return
            if step < bar.n or bar.total != steps:
                bar.reset(total=steps)
            shown = [key for key in _SHOWN if key in row]
            if step > bar.n + 1:
                # A resumed run did not do the steps before the checkpoint.
                bar.initial = bar.n = step - 1
            bar.set_postfix({key: f"{row[key]:.4g}" for key in shown}, refresh=False)
            bar.update(step - bar.n)

        yield show


def configuration_of(
    recipe: str | None, config: Path | None, settings: list[str], resumed: Path | None
) -> GifnetConfig:
    """Return the configuration that the options describe.

    Raises
    ------
    TrainingError
        If a recipe, file, setting or value is unknown.
    """
    return _configuration("gifnet", make_config, recipe, config, settings, resumed)


def _configuration(
    network: str,
    make: Callable[[dict[str, Value], str], Configuration],
    recipe: str | None,
    config: Path | None,
    settings: list[str],
    resumed: Path | None,
) -> Configuration:
    """Return the configuration of the options. The default recipe has the network's name."""
    if resumed is not None and recipe is None and config is None:
        config = resumed / "config.json"
    if config is not None:
        base = make(read_settings(config), f"configuration {str(config)!r}")
    else:
        name = recipe or network
        base = make(read_recipe(network, name), f"recipe {name!r}")
    return make(_changed(base, settings), "command line")


def _changed(base: RunSettings, settings: list[str]) -> dict[str, Value]:
    """Return a configuration's values, with the settings of the command line applied."""
    return dataclasses.asdict(base) | _changes(settings, base)


def stage_changes(settings: list[str]) -> dict[str, Value]:
    """Return settings of a stage from the command line, in their types."""
    return _changes(settings, FrufnConfig())


def _changes(settings: list[str], base: RunSettings) -> dict[str, Value]:
    """Return settings of the command line, in the types of `base`."""
    current = dataclasses.asdict(base)
    return {
        name: _convert(name, text, current.get(name))
        for name, text in map(_split_setting, settings)
    }


def _split_setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise typer.BadParameter(f"--set is {text!r}; use NAME=VALUE, such as steps=1000.")
    return name.strip(), value.strip()


def _convert(name: str, text: str, current: object) -> Value:
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
