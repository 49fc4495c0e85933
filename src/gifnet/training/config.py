"""The recipe of a training run: one frozen dataclass, saved beside its weights."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import TrainingError

NOT_NEGATIVE = (
    "clip_norm", "fidelity_mse", "fidelity_l1", "fidelity_ssim", "fidelity_blend",
    "deployed_weight", "hold_out", "seed",
)  # fmt: skip


TRAINABLE = ("gifnet", "gifnet-cvpr")


@dataclass(frozen=True)
class TrainingConfig:
    """Everything that decides what a run of `gifnet train gifnet` computes.

    The defaults are the published recipe (paper, Sec. 3.4 and 4.1, supplement, Sec. 2 and
    3.1); `RECIPES` holds those behind the bundled weights.
    """

    #: "gifnet" (blend head) or "gifnet-cvpr" (published head)
    model: str = "gifnet-cvpr"
    steps: int = 40_000
    batch_size: int = 8
    #: side of the square training crops in pixels
    crop: int = 96
    learning_rate: float = 1e-3
    #: "constant", or "cosine" down to a hundredth after a linear warm-up of 2 % of the steps
    schedule: str = "constant"
    #: largest gradient norm; 0 leaves gradients alone
    clip_norm: float = 0.0
    #: decay of the exponential moving average of the weights that is saved; 0 turns it off
    ema: float = 0.0
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
    #: multi-focus triplets kept out of training, for validation
    hold_out: int = 60
    validate_every: int = 500
    checkpoint_every: int = 200
    #: weights to start from, a path; empty for a random start
    start: str = ""
    #: revive silent decoder channels of the starting weights
    revive: bool = False
    #: "random", or the path of a folder of depth maps named like the visible images
    depth: str = "random"
    #: "gradient" or "densenet121" (needs torchvision and its weights)
    information: str = "gradient"
    seed: int = 0
    #: lightning-fabric's precision: "32-true" or "bf16-mixed"
    precision: str = "32-true"
    device: str = "auto"
    devices: int = 1

    def __post_init__(self) -> None:
        if self.model not in TRAINABLE:
            raise TrainingError(
                f"Model {self.model!r} cannot be trained here; choose one of {sorted(TRAINABLE)}."
            )
        for name in ("steps", "batch_size", "dp_updates", "checkpoint_every", "validate_every"):
            if getattr(self, name) < 1:
                raise TrainingError(f"{name} is {getattr(self, name)}; it must be at least 1.")
        if self.crop < 32 or self.crop % 8:
            raise TrainingError(
                f"crop is {self.crop}; it must be a multiple of 8 and at least 32 pixels."
            )
        if not 0 < self.learning_rate < math.inf:
            raise TrainingError(f"learning_rate is {self.learning_rate}; it must be positive.")
        for name in NOT_NEGATIVE:
            if not getattr(self, name) >= 0:
                raise TrainingError(f"{name} is {getattr(self, name)}; it must not be negative.")
        if self.schedule not in ("constant", "cosine"):
            raise TrainingError(f"schedule is {self.schedule!r}; use 'constant' or 'cosine'.")
        if not 0 <= self.ema < 1:
            raise TrainingError(f"ema is {self.ema}; it must be in [0, 1).")
        for name in ("same_pair", "triplets", "exposure", "single", "deployed_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise TrainingError(f"{name} is {getattr(self, name)}; it must be in [0, 1].")
        if (total := self.triplets + self.exposure + self.single) > 1:
            raise TrainingError(
                f"triplets, exposure and single add up to {total}; they are shares of one batch, "
                "at most 1 together."
            )

    def to_json(self) -> str:
        """Return the configuration as JSON text."""
        return json.dumps(dataclasses.asdict(self), indent=2)

    @classmethod
    def from_dict(cls, values: dict[str, Any], source: str = "configuration") -> TrainingConfig:
        """Return a configuration, refusing names that do not exist."""
        known = {field.name for field in dataclasses.fields(cls)}
        if unknown := sorted(set(values) - known):
            raise TrainingError(f"The {source} has unknown settings {unknown}.")
        try:
            return cls(**values)
        except TypeError as error:
            raise TrainingError(f"The {source} has a value of the wrong type: {error}.") from error

    @classmethod
    def from_file(cls, path: str | Path) -> TrainingConfig:
        """Read a configuration that `to_json` wrote."""
        try:
            values = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise TrainingError(f"Cannot read the configuration {str(path)!r}: {error}") from error
        if not isinstance(values, dict):
            raise TrainingError(f"The configuration {str(path)!r} is no JSON object.")
        return cls.from_dict(values, f"configuration {str(path)!r}")


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
