from ._version import __version__
from .errors import GifnetError
from .fusion.api import enhance, fuse
from .fusion.fuser import Fuser
from .models.catalogue import ModelInfo, list_models
from .options import FuseOptions
from .registration.api import misalignment, register
from .tasks import TASKS
from .workflows.pansharpen import pansharpen
from .workflows.stacks.alignment import align_stack
from .workflows.stacks.api import fuse_stack, rerun_stack

__all__ = [
    "TASKS",
    "FuseOptions",
    "Fuser",
    "GifnetError",
    "ModelInfo",
    "__version__",
    "align_stack",
    "enhance",
    "fuse",
    "fuse_stack",
    "list_models",
    "misalignment",
    "pansharpen",
    "register",
    "rerun_stack",
]
