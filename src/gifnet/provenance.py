"""The record with which a result can be made again."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from ._version import __version__

if TYPE_CHECKING:
    import torch

    from .models.weights import Weights
    from .options import FuseOptions


def versions() -> dict[str, str]:
    """Return the versions of the packages that a result depends on."""
    found = {"napari-gifnet": __version__, "python": platform.python_version()}
    for package in ("torch", "numpy", "scipy", "scikit-image"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def make_record(
    options: FuseOptions,
    weights: Weights,
    device: torch.device,
    dtype: torch.dtype,
    overshoot: float | None,
) -> dict[str, object]:
    """Return a JSON-able record of how a result was made.

    `dtype` is the number format of the network, `overshoot` the limit that was used.
    """
    return {
        "options": options.to_dict(),
        "model": options.model,
        "weights": {"source": weights.source, "sha256": weights.sha256},
        "device": str(device),
        "precision": str(dtype).removeprefix("torch."),
        "overshoot": overshoot,
        "versions": versions(),
    }
