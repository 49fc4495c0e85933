"""The errors that users of gifnet see.

Every message names the fault, the offending value and the remedy.
"""

from __future__ import annotations

__all__ = [
    "Cancelled",
    "DeviceError",
    "GifnetError",
    "GifnetWarning",
    "InvalidInputError",
    "MissingPackageError",
    "ReadError",
    "TrainingError",
    "WeightsError",
    "WriteError",
]


class GifnetError(Exception):
    """Base class of all errors that gifnet raises on purpose."""


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
    """Training cannot start or continue (data, configuration or checkpoint)."""


class GifnetWarning(UserWarning):
    """An operation differs from the request. The result is valid."""


class Cancelled(GifnetError):
    """The caller asked to stop; nothing was written."""


class MissingPackageError(GifnetError, ImportError):
    """An optional package is needed and not installed."""
