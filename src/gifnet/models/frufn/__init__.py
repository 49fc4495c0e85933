"""FRUFN and EFRUFN, each as published and with a blend head, and their ColorNet."""

from __future__ import annotations

from functools import partial

from ...tasks import TASKS
from ..spec import ModelSpec
from . import checkpoint

_PAPER = (
    'Wang, Deng, Cao, Vivone, "A General Image Fusion Approach Exploiting Gradient Transfer '
    'Learning and Fusion Rule Unfolding"'
)
#: Receptive field of one unit in pixels. The influence of the initial mask decays beyond it
#: (docs/performance.md).
HALO = 64
_unfolding = partial(
    ModelSpec,
    paper=_PAPER,
    window=8,
    halo=HALO,
    minimum_side=8,
    pipeline_factory="frufn.tiled:unfolding_pipeline",
    plane_bytes=4700,
    wrappers={"either_order": "frufn.either_order:EitherOrder"},
)
_efrufn = partial(_unfolding, network="frufn.efrufn:EFRUFN")
_frufn = partial(_unfolding, network="frufn.frufn:FRUFN")


def _by_task(model: str) -> dict[str | None, str]:
    """Return the weights file of every task that has one."""
    return {
        task.name: f"{model}-{task.weights}.safetensors" for task in TASKS.values() if task.weights
    }


SPECS = (
    _efrufn(
        name="efrufn",
        title="EFRUFN with a blend head: the fusion rule as an equilibrium, weights for each task",
        arguments={"head": "blend"},
        bundled=_by_task("efrufn"),
        colornet_tasks=("meif",),
    ),
    _efrufn(
        name="efrufn-published",
        title="EFRUFN as published, for the authors' checkpoint",
        arguments={"head": "published"},
        checkpoint=checkpoint,
    ),
    _frufn(
        name="frufn",
        title="FRUFN with a blend head: the fusion rule unfolded into five units",
        arguments={"head": "blend"},
        bundled=_by_task("frufn"),
        colornet_tasks=("meif",),
    ),
    _frufn(
        name="frufn-published",
        title="FRUFN as published",
        arguments={"head": "published"},
    ),
    ModelSpec(
        name="color-net",
        title="ColorNet: the colour of a fused exposure pair",
        paper=_PAPER,
        network="frufn.color_net:ColorNet",
        fuses=False,
        bundled={None: "color-net.safetensors"},
    ),
)
