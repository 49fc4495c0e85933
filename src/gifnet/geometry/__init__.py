"""World grids: where pixels lie, and bringing one image onto another's grid."""

from __future__ import annotations

from .grid import Grid, finer
from .resample import resample, working_type

__all__ = ["Grid", "finer", "resample", "working_type"]
