"""The one family of errors that users of gifnet see.

Every message names what was wrong, with the offending value, and what to do about it.
"""

from __future__ import annotations

import operator


class GifnetError(Exception):
    """Base class of every error that gifnet raises on purpose."""


class InvalidInputError(GifnetError, ValueError):
    """An image, a pair of images or an option cannot be used."""


class WeightsError(GifnetError, ValueError):
    """A weights file is missing, damaged, or belongs to another network."""


class DeviceError(GifnetError, RuntimeError):
    """A device or precision is not available, or does not suit the device."""


class ReadError(GifnetError, OSError):
    """An image file cannot be read."""


class WriteError(GifnetError, OSError):
    """A result cannot be written."""


class TrainingError(GifnetError, RuntimeError):
    """Training cannot start or go on (data, configuration or checkpoint)."""


class GifnetWarning(UserWarning):
    """Something was done in another way than asked for, and the result stands."""


class Cancelled(GifnetError):
    """The caller asked to stop; nothing was written."""


class MissingPackageError(GifnetError, ImportError):
    """An optional package is needed and not installed."""


def require_choice(name: str, value: object, allowed: tuple[str, ...]) -> None:
    """Refuse an option's value that is not one of those allowed.

    Raises
    ------
    InvalidInputError
        With the option's name, the value and what may be chosen.
    """
    if not isinstance(value, str) or value not in allowed:
        raise InvalidInputError(f"{name} is {value!r}; choose one of {', '.join(allowed)}.")


def require_integer(name: str, value: object) -> int:
    """Return an integer of any kind as Python's own.

    Raises
    ------
    InvalidInputError
        If it is none.
    """
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise InvalidInputError(f"{name} is {value!r}; give an integer.") from None
