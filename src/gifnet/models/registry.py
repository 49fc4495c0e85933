"""What there is to know about every model before it is built.

A new model is one module of its own and one entry here. The engine and the API read the
entry and know no model by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING

from ..errors import InvalidInputError
from ..tasks import TASKS

if TYPE_CHECKING:
    import torch
    from torch import nn

    from .contract import Pipeline


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
    has_share : bool
        Whether the model tells every source's share of each pixel.
    window : int
        Grid in pixels on which tiles must start, so that attention windows agree with
        those of the whole image; 1 if there are none.
    halo : int
        Context in pixels, a multiple of `window`, around a tile's core that makes the core
        independent of what lies further away; in unfolded networks, but for what fades.
    minimum_side : int
        Smallest side in pixels that the network takes; smaller planes are padded.
    statistics_stages : int
        How many rounds of whole-image moments the network needs before it can run on a part
        of an image; 0 if it is local.
    bundled : str
        File name of the bundled weights, empty if none are.
    bundled_by_task : mapping of str to str
        For a model with weights of its own for every kind of task: the task's name to the
        file name of its bundled weights. `bundled` is then empty.
    plane_bytes : int
        For a model that computes planes or tiles at once: bytes of memory that a pixel takes in
        float32.
    colornet_tasks : tuple of str
        The tasks in which a ColorNet decides the colour of two coloured sources.
    fold : callable, optional
        (module, device, dtype) to the `Pipeline` that runs it in tiles. Without one the
        module runs on whole planes.
    """

    name: str
    title: str
    paper: str
    build: Callable[[], nn.Module]
    has_share: bool
    window: int
    halo: int
    minimum_side: int
    statistics_stages: int
    bundled: str = ""
    bundled_by_task: Mapping[str, str] = field(default_factory=dict)
    plane_bytes: int = 0
    colornet_tasks: tuple[str, ...] = ()
    fold: Callable[[nn.Module, torch.device, torch.dtype], Pipeline] | None = None

    def pipeline(self, module: nn.Module, device: torch.device, dtype: torch.dtype) -> Pipeline:
        """Return the network ready for inference on a device, in a number format."""
        if self.fold is not None:
            return self.fold(module, device, dtype)
        from .contract import whole_plane_pipeline

        return whole_plane_pipeline(module, device, dtype)

    def bundled_name(self, task: str | None = None) -> str:
        """Return the file name of the bundled weights for a task, empty if there is none."""
        return self.bundled or self.bundled_by_task.get(task or "", "")

    def bundled_weights(self, task: str | None = None) -> Traversable | None:
        """Return the bundled weights file, or None where the installation has none."""
        return _bundled_file(self.bundled_name(task))

    def has_weights(self, task: str | None = None) -> bool:
        """Return whether the model can run on a task without a weights file being given."""
        return self.bundled_weights(task) is not None

    def tasks(self) -> tuple[str, ...]:
        """Return the tasks that have bundled weights of their own in this installation."""
        return tuple(task for task in self.bundled_by_task if self.bundled_weights(task))


def _bundled_file(name: str) -> Traversable | None:
    if not name:
        return None
    path = resources.files("gifnet") / "weights" / name
    return path if path.is_file() else None


def _build_gifnet(head: str) -> nn.Module:
    from .gifnet.network import GIFNet

    return GIFNet(head)  # type: ignore[arg-type]


def _build_frufn(head: str) -> nn.Module:
    from .frufn.frufn import FRUFN

    return FRUFN(head=head)  # type: ignore[arg-type]


def _build_efrufn(head: str) -> nn.Module:
    from .frufn.efrufn import EFRUFN

    return EFRUFN(head=head)  # type: ignore[arg-type]


def _build_color_net() -> nn.Module:
    from .frufn.color_net import ColorNet

    return ColorNet()


#: Modules that have weights files but fuse nothing by themselves.
COMPANIONS: dict[str, Callable[[], nn.Module]] = {"color-net": _build_color_net}


def companion_weights(name: str) -> Traversable | None:
    """Return a companion's bundled weights file, or None where the installation has none."""
    return _bundled_file(f"{name}.safetensors")


_UNFOLDING_PAPER = (
    'Wang, Deng, Cao, Vivone, "A General Image Fusion Approach Exploiting Gradient Transfer '
    'Learning and Fusion Rule Unfolding"'
)


def _stage_files(model: str) -> dict[str, str]:
    """Return the weights file of every task that has one."""
    return {
        task.name: f"{model}-{task.weights}.safetensors" for task in TASKS.values() if task.weights
    }


#: A unit sees no further; what it sees through the mask it began with fades (docs/performance.md).
_UNFOLDING_HALO = 64


def _fold_unfolding(module: nn.Module, device: torch.device, dtype: torch.dtype) -> Pipeline:
    from .frufn.tiled import unfolding_pipeline

    return unfolding_pipeline(module, device, dtype, halo=_UNFOLDING_HALO)


def _unfolding_spec(
    name: str,
    title: str,
    build: Callable[[], nn.Module],
    surveys: int,
    bundled_by_task: Mapping[str, str] | None = None,
    colornet_tasks: tuple[str, ...] = (),
) -> ModelSpec:
    return ModelSpec(
        name=name,
        title=title,
        paper=_UNFOLDING_PAPER,
        build=build,
        has_share=True,
        window=8,
        halo=_UNFOLDING_HALO,
        minimum_side=8,
        statistics_stages=surveys,
        fold=_fold_unfolding,
        bundled_by_task=bundled_by_task or {},
        colornet_tasks=colornet_tasks,
        plane_bytes=4700,
    )


def _fold_gifnet(module: nn.Module, device: torch.device, dtype: torch.dtype) -> Pipeline:
    from .gifnet.tiled import gifnet_pipeline

    # Tensor cores want channels in eights; the CPU loses more to the padding than it gains.
    return gifnet_pipeline(module, device, dtype, multiple=8 if device.type == "cuda" else 1)


def _gifnet_spec(
    name: str,
    title: str,
    head: str,
    *,
    has_share: bool = True,
    minimum_side: int = 8,
    bundled: str = "",
) -> ModelSpec:
    return ModelSpec(
        name=name,
        title=title,
        paper='Cheng et al., "One Model for ALL", CVPR 2025',
        build=lambda: _build_gifnet(head),
        has_share=has_share,
        window=8,
        halo=24,
        minimum_side=minimum_side,
        statistics_stages=2,
        fold=_fold_gifnet,
        bundled=bundled,
    )


MODELS: dict[str, ModelSpec] = {
    spec.name: spec
    for spec in (
        _gifnet_spec(
            "gifnet",
            "GIFNet with a band head: shares of both sources and a gain in every band",
            "bands",
            minimum_side=16,
            bundled="gifnet.safetensors",
        ),
        _gifnet_spec(
            "gifnet-blend",
            "GIFNet with a blend head: one share a pixel plus a residual",
            "blend",
        ),
        _gifnet_spec(
            "gifnet-cvpr",
            "GIFNet as published, trained here by its own recipe; for the authors' checkpoint too",
            "tanh",
            has_share=False,
            bundled="gifnet-cvpr.safetensors",
        ),
        _unfolding_spec(
            "efrufn",
            "EFRUFN with a blend head: the fusion rule as an equilibrium, weights for each task",
            lambda: _build_efrufn("blend"),
            surveys=1,
            bundled_by_task=_stage_files("efrufn"),
            colornet_tasks=("meif",),
        ),
        _unfolding_spec(
            "efrufn-published",
            "EFRUFN as published, for the authors' checkpoint",
            lambda: _build_efrufn("published"),
            surveys=1,
        ),
        _unfolding_spec(
            "frufn",
            "FRUFN with a blend head: the fusion rule unfolded into five units",
            lambda: _build_frufn("blend"),
            surveys=5,
            bundled_by_task=_stage_files("frufn"),
            colornet_tasks=("meif",),
        ),
        _unfolding_spec(
            "frufn-published",
            "FRUFN as published",
            lambda: _build_frufn("published"),
            surveys=5,
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


def require_share(name: str, why: str) -> None:
    """Refuse a model that does not tell each source's share, with an `InvalidInputError`."""
    if not model_spec(name).has_share:
        masked = [spec.name for spec in MODELS.values() if spec.has_share]
        raise InvalidInputError(f"Model {name!r} has no mask; use one of {masked}, {why}.")
