"""World grids: where pixels lie, and bringing one image onto another's grid."""

from __future__ import annotations

from .grid import Grid, finer
from .region import Region
from .resample import resample, working_type

__all__ = ["Grid", "Region", "finer", "resample", "working_type"]
