"""Learned image fusion inside napari.

``from napari_gifnet import fuse, enhance`` gives scripts the functions behind the widgets,
``fuse_layers`` and ``enhance_layer`` the same for napari layers; they are loaded on first use,
so that importing the package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gifnet import FuseOptions, Fuser, GifnetError, __version__, enhance, fuse, list_models

    from .scripting import (
        enhance_layer,
        fuse_layers,
        fuse_stack_layers,
        open_layer,
        pansharpen_layers,
        rerun,
    )

_OWN = (
    "enhance_layer",
    "fuse_layers",
    "fuse_stack_layers",
    "open_layer",
    "pansharpen_layers",
    "rerun",
)

__all__ = [
    "FuseOptions",
    "Fuser",
    "GifnetError",
    "__version__",
    "enhance",
    "enhance_layer",
    "fuse",
    "fuse_layers",
    "fuse_stack_layers",
    "list_models",
    "open_layer",
    "pansharpen_layers",
    "rerun",
]


def __getattr__(name: str) -> Any:
    if name in _OWN:
        from . import scripting

        return getattr(scripting, name)
    if name in __all__:
        import gifnet

        return getattr(gifnet, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
