from .batch import (
    BatchItem,
    BatchResult,
    Matched,
    match_pairs,
    match_sources,
    match_stacks,
    run_batch,
)
from .files import enhance_file, fuse_files, pansharpen_files, stack_files
from .stacks.fuser import StackFuser

__all__ = [
    "BatchItem",
    "BatchResult",
    "Matched",
    "StackFuser",
    "enhance_file",
    "fuse_files",
    "match_pairs",
    "match_sources",
    "match_stacks",
    "pansharpen_files",
    "run_batch",
    "stack_files",
]
