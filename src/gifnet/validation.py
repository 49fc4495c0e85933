"""Checks and conversions of option values, with errors that name the option and the value."""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Iterable
from typing import Any

from .errors import InvalidInputError


def require_choice(name: str, value: object, allowed: Iterable[str]) -> None:
    """Refuse an option's value that is not one of those allowed.

    Raises
    ------
    InvalidInputError
        With the option's name, the value and the choices.
    """
    choices = tuple(allowed)
    if not isinstance(value, str) or value not in choices:
        raise InvalidInputError(f"{name} is {value!r}; choose one of {', '.join(choices)}.")


def require_integer(name: str, value: object) -> int:
    """Return an integer of any type as a Python integer.

    Raises
    ------
    InvalidInputError
        If it is no integer.
    """
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise InvalidInputError(f"{name} is {value!r}; give an integer.") from None


def require_path(name: str, value: Any, otherwise: str) -> str:
    """Return a file's path as text.

    Parameters
    ----------
    otherwise : str
        Other values of the option, for the error message.

    Raises
    ------
    InvalidInputError
        If it is no path, or an empty path.
    """
    try:
        path = os.fspath(value)
    except TypeError:
        path = None
    # An empty path would be the current folder. No system has names with a null character.
    if not isinstance(path, str) or not path or "\0" in path:
        raise InvalidInputError(f"{name} is {value!r}; give a file's path as text, or {otherwise}.")
    return path


def as_integer(value: Any) -> Any:
    """Return integers of any type as Python integers, everything else unchanged."""
    try:
        return value if isinstance(value, bool) else operator.index(value)
    except TypeError:
        return value


def as_number(value: Any) -> float:
    """Return a number as a float, NaN for everything else."""
    try:
        return math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def as_tuples(value: Any) -> Any:
    """Return arrays and lists, also nested ones, as tuples of Python numbers."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    return tuple(as_tuples(item) for item in value) if isinstance(value, tuple | list) else value


def is_integer(value: object) -> bool:
    """Return whether it is a Python integer, and no boolean."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_auto(value: object) -> bool:
    """Return whether it is the word "auto"."""
    return isinstance(value, str) and value == "auto"
