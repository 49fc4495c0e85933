from .fusing import enhance_file, fuse_files
from .pansharpening import pansharpen_files
from .stacking import align_files, restack_files, stack_files

__all__ = [
    "align_files",
    "enhance_file",
    "fuse_files",
    "pansharpen_files",
    "restack_files",
    "stack_files",
]
