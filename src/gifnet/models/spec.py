"""The descriptor of a network, which needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module, resources
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from .contract import Pipeline


#: At this side of tiles in pixels margins cost little.
LARGEST_TILE = 2048


class Checkpoint(Protocol):
    """A reader of the authors' checkpoints of a network; a module with two functions."""

    def is_published(self, state: Mapping[str, Tensor], /) -> bool:
        """Return whether a state dict has the authors' names."""

    def translate(self, state: Mapping[str, Tensor], /) -> dict[str, Tensor]:
        """Return it under this package's names."""


@dataclass(frozen=True)
class ModelSpec:
    """A network's descriptor.

    References such as "gifnet.network:GIFNet" name a module below `gifnet.models` and an object in
    it. They are imported on first use, and torch with them.

    Attributes
    ----------
    name : str
        The registry name, as in ``fuse(..., model=name)``.
    title : str
        One line for tables.
    paper : str
        The publication.
    network : str
        Reference to the module's class.
    arguments : dict
        The arguments of the class.
    fuses : bool
        Whether it fuses two planes. The others support a model that does.
    has_share : bool
        Whether it returns the first source's share per pixel.
    window : int
        Grid in pixels on which tiles must start, so that attention windows equal those of the
        whole image; 1 without windows.
    halo : int
        Margin around a tile in pixels, a multiple of `window`. Pixels beyond it have no influence
        on the tile, or, in unfolded networks, a decaying one.
    minimum_side : int
        Minimum side in pixels for the network. Smaller planes are padded.
    pipeline_factory : str
        Reference to a function of (module, device, dtype) that returns the `Pipeline` that runs
        it in tiles. Without one the module runs on whole planes.
    any_number : bool
        Whether it fuses any number of images, in any order, and applies its decisions to colour.
        The others fuse two.
    bfloat16 : bool
        Whether it is faster in bfloat16 where processors have it.
    plane_bytes : int
        For a model that computes planes or tiles at once: bytes of memory per pixel of a pair in
        float32.
    largest_tile : int
        For such a model: maximum side of tiles in pixels.
    bundled : mapping of str or None to str
        File names of bundled weights by task; None stands for every task.
    colornet_tasks : tuple of str
        The tasks in which a ColorNet decides the colour of two coloured sources.
    checkpoint : Checkpoint, optional
        Reads the authors' checkpoints.
    wrappers : mapping of str to str
        References to wrappers of the module for inference, by the entry of the model card that
        selects them.
    """

    name: str
    title: str
    paper: str
    network: str
    arguments: Mapping[str, object] = field(default_factory=dict)
    fuses: bool = True
    has_share: bool = True
    window: int = 1
    halo: int = 0
    minimum_side: int = 1
    pipeline_factory: str = ""
    any_number: bool = False
    bfloat16: bool = True
    plane_bytes: int = 0
    largest_tile: int = LARGEST_TILE
    bundled: Mapping[str | None, str] = field(default_factory=dict)
    colornet_tasks: tuple[str, ...] = ()
    checkpoint: Checkpoint | None = None
    wrappers: Mapping[str, str] = field(default_factory=dict)

    def build(self) -> nn.Module:
        """Return the module with random weights."""
        module: nn.Module = _resolve(self.network)(**self.arguments)
        return module

    def for_inference(self, module: nn.Module, card: Mapping[str, object]) -> nn.Module:
        """Return a trained module, wrapped as its model card requires."""
        for entry, wrapper in self.wrappers.items():
            if card.get(entry):
                module = _resolve(wrapper)(module).eval()
        return module

    @property
    def runs_in_tiles(self) -> bool:
        return bool(self.pipeline_factory)

    def pipeline(self, module: nn.Module, device: torch.device, dtype: torch.dtype) -> Pipeline:
        """Return the network ready for inference on a device, in a number format."""
        factory = _resolve(self.pipeline_factory or "whole_plane:whole_plane_pipeline")
        pipeline: Pipeline = factory(module, device, dtype)
        return pipeline

    def bundled_name(self, task: str | None = None) -> str:
        """Return the file name of the bundled weights for a task, empty if there is none."""
        return self.bundled.get(task) or self.bundled.get(None, "")

    def bundled_weights(self, task: str | None = None) -> Traversable | None:
        """Return the bundled weights file, or None if it is not installed."""
        if not (name := self.bundled_name(task)):
            return None
        path = resources.files("gifnet") / "weights" / name
        return path if path.is_file() else None

    def has_weights(self, task: str | None = None) -> bool:
        """Return whether weights for a task are bundled."""
        return self.bundled_weights(task) is not None

    def tasks(self) -> tuple[str, ...]:
        """Return the tasks that have bundled weights of their own in this installation."""
        return tuple(task for task in self.bundled if task and self.bundled_weights(task))


def _resolve(reference: str) -> Any:
    module, _, name = reference.partition(":")
    return getattr(import_module(f"{__package__}.{module}"), name)
