"""The recipe of a training run: one frozen dataclass, saved beside its weights."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from ..errors import TrainingError
from .settings import RunSettings


@dataclass(frozen=True)
class TrainingConfig(RunSettings):
    """Everything that decides what a run of `gifnet train gifnet` computes.

    The defaults are the published recipe (paper, Sec. 3.4 and 4.1, supplement, Sec. 2 and
    3.1); `RECIPES` holds those behind the bundled weights.
    """

    TRAINABLE = ("gifnet", "gifnet-cvpr")
    NOT_NEGATIVE = (
        "fidelity_mse", "fidelity_l1", "fidelity_ssim", "fidelity_blend", "deployed_weight",
    )  # fmt: skip
    SHARES = ("same_pair", "triplets", "exposure", "single", "deployed_share")

    #: "gifnet" (blend head) or "gifnet-cvpr" (published head)
    model: str = "gifnet-cvpr"
    #: DP updates after each MM update
    dp_updates: int = 1
    #: weights of the DP branch's fidelity terms against the ground truth (paper, Eq. 11: MSE alone)
    fidelity_mse: float = 1.0
    fidelity_l1: float = 0.0
    fidelity_ssim: float = 0.0
    #: weight of the mean absolute error of the blend head's output without its residual, which
    #: makes the shares decide rather than the residual repair
    fidelity_blend: float = 0.0
    #: share of DP samples whose auxiliary branch sees the same pair, as it does at inference
    same_pair: float = 0.0
    #: share of DP samples taken from multi-focus triplets on disk rather than synthesised
    triplets: float = 0.0
    #: share of DP samples that are synthetic exposure pairs (supplement, Sec. 3.2)
    exposure: float = 0.0
    #: share of DP samples that are one softened image twice, for enhancement F(X, X)
    single: float = 0.0
    #: weight and share of the batch of multi-modal pairs seen as at inference, DP branch main
    deployed_weight: float = 0.0
    deployed_share: float = 0.5
    #: random inversion, gamma and gain of the multi-modal pairs
    modality_augmentation: bool = False
    #: revive silent decoder channels of the starting weights
    revive: bool = False
    #: "random", or the path of a folder of depth maps named like the visible images
    depth: str = "random"
    #: "gradient" or "densenet121" (needs torchvision and its weights)
    information: str = "gradient"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_at_least_one("dp_updates")
        if (total := self.triplets + self.exposure + self.single) > 1:
            raise TrainingError(
                f"triplets, exposure and single add up to {total}; they are shares of one batch, "
                "at most 1 together."
            )


_BUNDLED = TrainingConfig(
    model="gifnet",
    steps=650,
    batch_size=4,
    crop=64,
    learning_rate=6e-4,
    schedule="cosine",
    clip_norm=1.0,
    ema=0.995,
    dp_updates=2,
    fidelity_l1=1.0,
    fidelity_ssim=0.5,
    same_pair=0.5,
    triplets=0.6,
    exposure=0.12,
    single=0.08,
    deployed_weight=0.5,
    deployed_share=0.25,
    modality_augmentation=True,
    validate_every=100,
    checkpoint_every=50,
    precision="bf16-mixed",
)

#: "published" is the paper's recipe; the bundled weights come from "bundled", continued with
#: "bundled-continued" from the weights that it leaves.
RECIPES: dict[str, TrainingConfig] = {
    "published": TrainingConfig(),
    "bundled": _BUNDLED,
    "bundled-continued": dataclasses.replace(
        _BUNDLED,
        steps=370,
        learning_rate=4e-4,
        dp_updates=3,
        fidelity_blend=1.0,
        triplets=0.7,
        exposure=0.1,
        revive=True,
        seed=1,
    ),
}


def recipe(name: str) -> TrainingConfig:
    """Return a named recipe, one of `RECIPES`."""
    if name not in RECIPES:
        raise TrainingError(f"There is no recipe {name!r}; choose one of {sorted(RECIPES)}.")
    return RECIPES[name]
