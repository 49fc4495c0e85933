"""The core's names that ``napari_gifnet`` offers as its own."""

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
