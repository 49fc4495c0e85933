"""Lazy in, lazy out: dask sources give a dask result, computed plane by plane."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .imaging.request import Request
from .imaging.result import FusedPlane


def fuse_lazily(
    request: Request, want_mask: bool, fuse_plane: Callable[[tuple[int, ...]], FusedPlane]
) -> tuple[Any, Any]:
    """Return the fused image and, if wanted, the share, as dask arrays of one plane a chunk.

    Nothing is computed but the value ranges, which the request already holds. A plane that
    neither source covers is NaN there in floats, and the first source's least value otherwise:
    dask has no masked results of its own.
    """
    import dask.array as da
    from dask.delayed import delayed

    leading, plane_shape = request.shape[:-2], request.shape[-2:]

    def compute(index: tuple[int, ...]) -> tuple[Any, Any]:
        plane = fuse_plane(index)
        if plane.lacking is not None and plane.image.dtype.kind != "f":
            plane.image[plane.lacking] = request.output_limits[0]
        return plane.image, plane.share

    tasks = [delayed(compute, nout=2, pure=False)(index) for index in request.indices()]

    def assemble(part: int, shape: tuple[int, ...], dtype: Any) -> Any:
        planes = [da.from_delayed(task[part], shape, dtype) for task in tasks]
        return da.stack(planes).reshape(leading + shape) if leading else planes[0]

    image = assemble(0, plane_shape + request.channels, request.first.dtype)
    share = assemble(1, plane_shape, np.float32) if want_mask else None
    return image, share
