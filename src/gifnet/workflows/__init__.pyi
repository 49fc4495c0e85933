from .batch import BatchItem, BatchResult, match_pairs, run_batch
from .files import enhance_file, fuse_files, pansharpen_files, stack_files
from .stack import StackFuser

__all__ = [
    "BatchItem",
    "BatchResult",
    "StackFuser",
    "enhance_file",
    "fuse_files",
    "match_pairs",
    "pansharpen_files",
    "run_batch",
    "stack_files",
]
