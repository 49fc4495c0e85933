"""Regions of pixels, world grids, and resampling of an image onto another grid."""

from __future__ import annotations

from .grid import Grid, finer
from .region import Region
from .resample import resample, working_type

__all__ = ["Grid", "Region", "finer", "resample", "working_type"]
