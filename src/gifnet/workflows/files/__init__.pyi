from .fusing import enhance_file, fuse_files, stack_files
from .pansharpening import pansharpen_files

__all__ = ["enhance_file", "fuse_files", "pansharpen_files", "stack_files"]
