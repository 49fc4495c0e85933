"""Learned image fusion inside napari.

``from napari_gifnet import fuse, enhance`` gives scripts the functions behind the widgets;
they are loaded on first use, so that importing the package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gifnet import FuseOptions, Fuser, GifnetError, __version__, enhance, fuse, list_models

__all__ = [
    "FuseOptions",
    "Fuser",
    "GifnetError",
    "__version__",
    "enhance",
    "fuse",
    "list_models",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        import gifnet

        return getattr(gifnet, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
