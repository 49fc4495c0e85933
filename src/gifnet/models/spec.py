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


class Checkpoint(Protocol):
    """How the authors' checkpoints of a network are read; a module of two functions."""

    def is_published(self, state: Mapping[str, Tensor], /) -> bool:
        """Return whether a state dict has the authors' names."""

    def translate(self, state: Mapping[str, Tensor], /) -> dict[str, Tensor]:
        """Return it under this package's names."""


@dataclass(frozen=True)
class ModelSpec:
    """A network's descriptor.

    References such as "gifnet.network:GIFNet" name a module below `gifnet.models` and something in
    it; they are imported on first use, and torch with them.

    Attributes
    ----------
    name : str
        The registry name, as in ``fuse(..., model=name)``.
    title : str
        One line for people.
    paper : str
        Where it was published.
    network : str
        Reference to the module's class.
    arguments : dict
        What the class is called with.
    fuses : bool
        Whether it fuses two planes. The others support a model that does.
    has_share : bool
        Whether it returns the first source's share of each pixel.
    window : int
        Grid in pixels on which tiles must start, so that attention windows agree with
        those of the whole image; 1 if there are none.
    halo : int
        Context in pixels, a multiple of `window`, around a tile's core that makes the core
        independent of pixels further away; in unfolded networks, except for a decaying influence.
    minimum_side : int
        Smallest side in pixels that the network takes; smaller planes are padded.
    pipeline_factory : str
        Reference to a function of (module, device, dtype) that returns the `Pipeline` that runs
        it in tiles. Without one the module runs on whole planes.
    set_function : str
        Reference to a function that fuses any number of images at once; see `shares.sets.fuse_set`.
    plane_bytes : int
        For a model that computes planes or tiles at once: bytes of memory per pixel in float32.
    bundled : mapping of str or None to str
        File names of bundled weights by task; None stands for every task.
    colornet_tasks : tuple of str
        The tasks in which a ColorNet decides the colour of two coloured sources.
    checkpoint : Checkpoint, optional
        Reads the authors' checkpoints.
    wrappers : mapping of str to str
        By an entry that a model card may have, references to what wraps the module for inference
        where that entry is true.
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
    set_function: str = ""
    plane_bytes: int = 0
    bundled: Mapping[str | None, str] = field(default_factory=dict)
    colornet_tasks: tuple[str, ...] = ()
    checkpoint: Checkpoint | None = None
    wrappers: Mapping[str, str] = field(default_factory=dict)

    def build(self) -> nn.Module:
        """Return the module with random weights."""
        module: nn.Module = _resolve(self.network)(**self.arguments)
        return module

    def for_inference(self, module: nn.Module, card: Mapping[str, object]) -> nn.Module:
        """Return a trained module as its weights' model card has it fuse."""
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

    @property
    def fuses_sets(self) -> bool:
        """Whether it fuses any number of images at once."""
        return bool(self.set_function)

    def fuse_set(self, module: nn.Module, *arguments: Any) -> Any:
        """Fuse any number of images; see `shares.sets.fuse_set`."""
        return _resolve(self.set_function)(module, *arguments)

    def bundled_name(self, task: str | None = None) -> str:
        """Return the file name of the bundled weights for a task, empty if there is none."""
        return self.bundled.get(task) or self.bundled.get(None, "")

    def bundled_weights(self, task: str | None = None) -> Traversable | None:
        """Return the bundled weights file, or None where the installation has none."""
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
