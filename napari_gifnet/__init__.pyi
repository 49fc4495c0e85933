from .core import FuseOptions, Fuser, GifnetError, __version__, enhance, fuse, list_models
from .scripting import (
    enhance_layer,
    fuse_layers,
    fuse_stack_layers,
    open_layer,
    pansharpen_layers,
    rerun,
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
