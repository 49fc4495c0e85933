"""Recipes: the settings of training runs as TOML files, in a folder next to each trainer."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from ..errors import TrainingError


def _recipes(network: str) -> dict[str, Traversable]:
    folder = files(__package__) / network / "recipes"
    found = {file.name.removesuffix(".toml"): file for file in folder.iterdir()}
    return {name: found[name] for name in sorted(found)}


def recipe_names(network: str) -> list[str]:
    """Return the names of a network's recipes; `network` is "gifnet" or "frufn"."""
    return list(_recipes(network))


def read_recipe(network: str, name: str) -> dict[str, Any]:
    """Return the settings of a recipe.

    Raises
    ------
    TrainingError
        If the recipe is unknown.
    """
    recipes = _recipes(network)
    if name not in recipes:
        raise TrainingError(f"There is no recipe {name!r}; choose one of {list(recipes)}.")
    return tomllib.loads(recipes[name].read_text(encoding="utf-8"))
