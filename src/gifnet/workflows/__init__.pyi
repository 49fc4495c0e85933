from .batch import (
    BatchItem,
    BatchResult,
    Matched,
    match_pairs,
    match_sources,
    match_stacks,
    run_batch,
)
from .files import (
    align_files,
    enhance_file,
    fuse_files,
    pansharpen_files,
    restack_files,
    stack_files,
)
from .stacks.fuser import StackFuser
from .stacks.settings import StackSettings
from .stacks.transforms import read_transforms

__all__ = [
    "BatchItem",
    "BatchResult",
    "Matched",
    "StackFuser",
    "StackSettings",
    "align_files",
    "enhance_file",
    "fuse_files",
    "match_pairs",
    "match_sources",
    "match_stacks",
    "pansharpen_files",
    "read_transforms",
    "restack_files",
    "run_batch",
    "stack_files",
]
