"""Learned fusion of two images of one scene, and enhancement of one.

The names below are loaded on first use, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from .catalogue import ModelInfo, list_models
    from .errors import GifnetError
    from .fuser import Fuser
    from .fusion import enhance, fuse
    from .options import TASKS, FuseOptions
    from .pansharpening import pansharpen
    from .registration import misalignment, register
    from .stack import fuse_stack

_LAZY = {
    "FuseOptions": "options",
    "Fuser": "fuser",
    "GifnetError": "errors",
    "ModelInfo": "catalogue",
    "TASKS": "options",
    "enhance": "fusion",
    "fuse": "fusion",
    "fuse_stack": "stack",
    "list_models": "catalogue",
    "misalignment": "registration",
    "pansharpen": "pansharpening",
    "register": "registration",
}

__all__ = [
    "TASKS",
    "FuseOptions",
    "Fuser",
    "GifnetError",
    "ModelInfo",
    "__version__",
    "enhance",
    "fuse",
    "fuse_stack",
    "list_models",
    "misalignment",
    "pansharpen",
    "register",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(f".{_LAZY[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
