"""The stages of sequential gradient transfer: recipes and their order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import TrainingError
from ..settings import RunSettings

#: In training order; each one's teacher is the model of the one before (Wang et al., Fig. 4).
STAGES = ("mfif", "meif", "ivif")


@dataclass(frozen=True)
class StageConfig(RunSettings):
    """Everything that decides what one stage of training FRUFN or EFRUFN computes.

    The defaults are the paper's as far as it gives them, with the release's step sizes.
    """

    TRAINABLE = ("efrufn", "efrufn-published", "frufn", "frufn-published")
    NOT_NEGATIVE = (
        "warm_up", "similarity", "fidelity", "fidelity_log", "blend", "transfer", "texture",
        "structure", "differences", "colour",
    )  # fmt: skip
    SHARES = ("border",)

    model: str = "efrufn"
    #: "mfif" (multi-focus), "meif" (multi-exposure) or "ivif" (infrared and visible)
    stage: str = "mfif"
    #: weights of the stage before, a path; empty for none (always in the first stage)
    teacher: str = ""
    #: start from the teacher's weights, unless `start` names others
    start_from_teacher: bool = True
    #: steps at the beginning that train, by mean absolute error, a part alone: the mask of a
    #: blend head (stage one), encoding and decoding of single images for the published one
    warm_up: int = 0
    #: evaluations of EFRUFN's mask generator at most
    iterations: int = 5
    #: weight of 1 - SSIM to the ground truth (Eq. 2), stages one and two
    similarity: float = 1.0
    #: weight of the mean absolute error to the ground truth, not in the paper
    fidelity: float = 0.0
    #: weight of the mean logarithm of the squared error, which PSNR is made of, of the result and
    #: of the mask's blend; not in the paper
    fidelity_log: float = 0.0
    #: weight of the sources blended by the mask alone, not in the paper; stage one
    blend: float = 0.0
    #: share of multi-focus crops that are chosen for the border of focus in them
    border: float = 0.0
    #: lambda, weight of the gradient transfer (Eq. 1 and 3), stages two and three
    transfer: float = 0.0
    #: beta 1 and beta 2, weights of the texture and structure losses (Eq. 4), stage three
    texture: float = 8.0
    structure: float = 0.5
    #: weight of 2 - SCD, what the result lacks of either source; not in the paper; stage three
    differences: float = 0.0
    #: weight of ColorNet's loss (Eq. 8), stage two; 0 trains none
    colour: float = 0.0

    @property
    def parent(self) -> str:
        return self.start or (self.teacher if self.start_from_teacher else "")

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_at_least_one("iterations")
        if self.stage not in STAGES:
            raise TrainingError(f"stage is {self.stage!r}; choose one of {', '.join(STAGES)}.")
        if self.stage == STAGES[0] and self.teacher:
            raise TrainingError(
                f"Stage {self.stage!r} has no teacher; leave teacher out, or give weights to go "
                "on from as start."
            )
        if self.warm_up and self.stage != STAGES[0] and not self.model.endswith("-published"):
            raise TrainingError(
                f"The warm-up of {self.model!r} trains the mask on multi-focus pairs; set warm_up "
                f"to 0 in stage {self.stage!r}."
            )
        if self.transfer and self.stage == STAGES[0]:
            raise TrainingError(f"Stage {self.stage!r} has no teacher; set transfer to 0.")
        if self.transfer and not self.teacher:
            raise TrainingError(
                f"Stage {self.stage!r} transfers gradients from the stage before: give its "
                "weights as teacher, or set transfer to 0."
            )


_PUBLISHED: dict[str, dict[str, Any]] = {
    "mfif": {"crop": 128, "batch_size": 2, "steps": 24_000, "warm_up": 900},
    "meif": {"crop": 96, "batch_size": 4, "steps": 16_000, "transfer": 4.0, "colour": 1.0},
    "ivif": {
        "crop": 128, "batch_size": 2, "steps": 35_000, "transfer": 4.0, "learning_rate": 1e-4,
    },
}  # fmt: skip
_SMALL: dict[str, Any] = {
    "schedule": "cosine", "clip_norm": 0.1, "ema": 0.995, "crop": 64, "batch_size": 4,
    "fidelity": 1.0, "validate_every": 250, "checkpoint_every": 50,
}  # fmt: skip
#: The settings of every stage. "published" follows the paper and the release; "cpu" is sized
#: for some hours on two cores.
RECIPES: dict[str, dict[str, dict[str, Any]]] = {
    "published": _PUBLISHED,
    "cpu": {
        "mfif": _PUBLISHED["mfif"] | _SMALL | {"steps": 3000, "warm_up": 2000, "blend": 0.5},
        "meif": _PUBLISHED["meif"] | _SMALL | {"steps": 2000},
        "ivif": _PUBLISHED["ivif"]
        | _SMALL
        | {"steps": 1500, "learning_rate": 5e-4, "structure": 1.0},
    },
}


def stage_recipe(
    name: str,
    stage: str,
    *,
    model: str = "efrufn",
    teacher: str | Path | None = None,
    changes: Mapping[str, Any] | None = None,
) -> StageConfig:
    """Return the recipe of a stage, with its teacher's weights and further settings changed.

    The recipe "published" makes the published form of `model`.

    Raises
    ------
    TrainingError
        If there is no such recipe or stage, or the stage lacks a teacher.
    """
    if name not in RECIPES:
        raise TrainingError(f"There is no recipe {name!r}; choose one of {sorted(RECIPES)}.")
    if stage not in STAGES:
        raise TrainingError(f"There is no stage {stage!r}; choose one of {', '.join(STAGES)}.")
    if name == "published" and not model.endswith("-published"):
        model = f"{model}-published"
    known = {"model": model, "stage": stage, "teacher": "" if teacher is None else str(teacher)}
    return StageConfig.from_dict(RECIPES[name][stage] | known | dict(changes or {}))
