"""Learned fusion of two images of one scene, and enhancement of one.

The names below are loaded on first use, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from .errors import GifnetError
    from .fusion.api import enhance, fuse
    from .fusion.fuser import Fuser
    from .models.catalogue import ModelInfo, list_models
    from .options import TASKS, FuseOptions
    from .registration.api import misalignment, register
    from .workflows.pansharpen import pansharpen
    from .workflows.stack import fuse_stack

_LAZY = {
    "FuseOptions": "options",
    "Fuser": "fusion.fuser",
    "GifnetError": "errors",
    "ModelInfo": "models.catalogue",
    "TASKS": "options",
    "enhance": "fusion.api",
    "fuse": "fusion.api",
    "fuse_stack": "workflows.stack",
    "list_models": "models.catalogue",
    "misalignment": "registration.api",
    "pansharpen": "workflows.pansharpen",
    "register": "registration.api",
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
