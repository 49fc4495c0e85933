"""The stages of sequential gradient transfer: recipes and their order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ...errors import TrainingError
from ..recipes import read_recipe
from ..settings import CropSettings, Value, count, fraction, weight, whole

#: In training order. The teacher of a stage is the previous model (Wang et al., Fig. 4).
STAGES = ("mfif", "meif", "ivif")


@dataclass(frozen=True)
class FrufnConfig(CropSettings):
    """The settings of one training stage of FRUFN or EFRUFN.

    The defaults are those of the paper, with the step sizes of the authors' release.
    """

    TRAINABLE = ("efrufn", "efrufn-published", "frufn", "frufn-published")
    TITLE = "the stages of FRUFN and EFRUFN"

    model: str = "efrufn"
    #: "mfif" (multi-focus), "meif" (multi-exposure) or "ivif" (infrared and visible)
    stage: str = "mfif"
    #: path of the previous stage's weights; empty for none (always in the first stage)
    teacher: str = ""
    #: start from the teacher's weights, unless `start` names others
    start_from_teacher: bool = True
    #: steps at the beginning that train, by mean absolute error, a part alone: the mask of a
    #: blend head (stage one), encoding and decoding of single images for the published one
    warm_up: int = whole()
    #: maximum number of evaluations of EFRUFN's mask generator
    iterations: int = count(5)
    #: weight of 1 - SSIM to the ground truth (Eq. 2), stages one and two
    similarity: float = weight(1.0)
    #: weight of the mean absolute error to the ground truth, not in the paper
    fidelity: float = weight()
    #: weight of the mean logarithm of the squared error, which PSNR is made of, of the result and
    #: of the mask's blend; not in the paper
    fidelity_log: float = weight()
    #: weight of the sources blended by the mask alone, not in the paper; stage one
    blend: float = weight()
    #: share of multi-focus crops that are chosen to contain a border of focus
    border: float = fraction()
    #: lambda, weight of the gradient transfer (Eq. 1 and 3), stages two and three
    transfer: float = weight()
    #: beta 1 and beta 2, weights of the texture and structure losses (Eq. 4), stage three
    texture: float = weight(8.0)
    structure: float = weight(0.5)
    #: weight of 2 - SCD, the part of either source that is missing; not in the paper; stage three
    differences: float = weight()
    #: weight of ColorNet's loss (Eq. 8), stage two; 0 trains none
    colour: float = weight()

    @property
    def parent(self) -> str:
        return self.start or (self.teacher if self.start_from_teacher else "")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.stage not in STAGES:
            raise TrainingError(f"stage is {self.stage!r}; choose one of {', '.join(STAGES)}.")
        if self.stage == STAGES[0] and self.teacher:
            raise TrainingError(
                f"Stage {self.stage!r} has no teacher; omit teacher, or give starting weights as "
                "start."
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


def stage_values(name: str, stage: str) -> dict[str, Value]:
    """Return the settings of one stage of a recipe, see `gifnet.training.recipes`.

    A recipe has settings for all stages, and one table per stage that overrides them.
    """
    if stage not in STAGES:
        raise TrainingError(f"There is no stage {stage!r}; choose one of {', '.join(STAGES)}.")
    values = read_recipe("frufn", name)
    stages: dict[str, dict[str, Value]] = {other: values.pop(other, {}) for other in STAGES}
    return values | stages[stage]


def stage_recipe(
    name: str,
    stage: str,
    *,
    model: str = "efrufn",
    teacher: str | Path | None = None,
    changes: Mapping[str, Value] | None = None,
) -> FrufnConfig:
    """Return the recipe of a stage, with its teacher's weights and changed settings.

    The recipe "published" makes the published form of `model`.

    Raises
    ------
    TrainingError
        If there is no such recipe or stage, or the teacher of the stage is missing.
    """
    values = stage_values(name, stage)
    if name == "published" and not model.endswith("-published"):
        model = f"{model}-published"
    known = {"model": model, "stage": stage, "teacher": "" if teacher is None else str(teacher)}
    return FrufnConfig.from_dict(values | known | dict(changes or {}))
