"""What there is to know about every model before it is built.

A new model is one module of its own and one entry here. The engine and the API read the
entry and know no model by name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING

from ..errors import InvalidInputError

if TYPE_CHECKING:
    import torch
    from torch import nn

    from .stages import Pipeline


@dataclass(frozen=True)
class ModelSpec:
    """A model's descriptor.

    Attributes
    ----------
    name : str
        The registry name, as in ``fuse(..., model=name)``.
    title : str
        One line for people.
    paper : str
        Where it was published.
    build : callable
        Makes the module with random weights.
    has_mask : bool
        Whether the model tells every source's share of each pixel.
    window : int
        Grid in pixels on which tiles must start, so that attention windows agree with
        those of the whole image; 1 if there are none.
    halo : int
        Context in pixels, a multiple of `window`, around a tile's core that makes the core
        independent of what lies further away.
    minimum_side : int
        Smallest side in pixels that the network takes; smaller planes are padded.
    statistics_stages : int
        How many rounds of whole-image moments the network needs before it can run on a part
        of an image; 0 if it is local.
    bundled : str
        File name of the bundled weights, empty if none are.
    fold : callable, optional
        (module, device, dtype) to the `Pipeline` that runs it in tiles. Without one the
        module runs on whole planes.
    """

    name: str
    title: str
    paper: str
    build: Callable[[], nn.Module]
    has_mask: bool
    window: int
    halo: int
    minimum_side: int
    statistics_stages: int
    bundled: str = ""
    fold: Callable[[nn.Module, torch.device, torch.dtype], Pipeline] | None = None

    def pipeline(self, module: nn.Module, device: torch.device, dtype: torch.dtype) -> Pipeline:
        """Return the network ready for inference on a device, in a number format."""
        if self.fold is not None:
            return self.fold(module, device, dtype)
        from .stages import whole_plane_pipeline

        return whole_plane_pipeline(module, device, dtype)

    def bundled_weights(self) -> Traversable | None:
        """Return the bundled weights file, or None where the installation has none."""
        if not self.bundled:
            return None
        path = resources.files("gifnet") / "weights" / self.bundled
        return path if path.is_file() else None


def _build_gifnet(head: str) -> nn.Module:
    from .gifnet import GIFNet

    return GIFNet(head)  # type: ignore[arg-type]


def _fold_gifnet(module: nn.Module, device: torch.device, dtype: torch.dtype) -> Pipeline:
    from .gifnet_stages import gifnet_pipeline

    # Tensor cores want channels in eights; the CPU loses more to the padding than it gains.
    return gifnet_pipeline(module, device, dtype, multiple=8 if device.type == "cuda" else 1)


_GIFNET_PAPER = 'Cheng et al., "One Model for ALL", CVPR 2025'

MODELS: dict[str, ModelSpec] = {
    spec.name: spec
    for spec in (
        ModelSpec(
            name="gifnet",
            title="GIFNet with a blend head: shares of both sources plus a residual",
            paper=_GIFNET_PAPER,
            build=lambda: _build_gifnet("blend"),
            has_mask=True,
            window=8,
            halo=24,
            minimum_side=8,
            statistics_stages=2,
            fold=_fold_gifnet,
            bundled="gifnet.safetensors",
        ),
        ModelSpec(
            name="gifnet-cvpr",
            title="GIFNet as published, for the authors' checkpoint",
            paper=_GIFNET_PAPER,
            build=lambda: _build_gifnet("tanh"),
            has_mask=False,
            window=8,
            halo=24,
            minimum_side=8,
            statistics_stages=2,
            fold=_fold_gifnet,
        ),
    )
}


def model_spec(name: str) -> ModelSpec:
    """Return the descriptor of a model.

    Raises
    ------
    InvalidInputError
        If there is no model of that name.
    """
    if name not in MODELS:
        raise InvalidInputError(f"There is no model {name!r}; choose one of {sorted(MODELS)}.")
    return MODELS[name]
