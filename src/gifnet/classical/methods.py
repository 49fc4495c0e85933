"""The table of classical methods for any number of images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .focus import fuse_by_depth_map, fuse_by_pyramid
from .layers import Merged
from .mertens import fuse_exposures


@dataclass(frozen=True)
class ClassicalMethod:
    """A classical method.

    Attributes
    ----------
    name, title : str
    fuse : callable
        Takes a `Reader` and a callable that may raise to stop; returns `Merged`.
    """

    name: str
    title: str
    fuse: Callable[..., Merged]


CLASSICAL_METHODS: dict[str, ClassicalMethod] = {
    method.name: method
    for method in (
        ClassicalMethod("pyramid", "Laplacian pyramid, sharpest detail", fuse_by_pyramid),
        ClassicalMethod("depth-map", "sharpest image, guided filter", fuse_by_depth_map),
        ClassicalMethod("mertens", "exposure fusion (Mertens)", fuse_exposures),
    )
}
