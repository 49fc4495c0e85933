"""What every training run has to settle, whichever network it trains."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from ..errors import TrainingError


@dataclass(frozen=True)
class RunSettings:
    """Steps, optimiser, validation, device: what all recipes share.

    Each network's own configuration derives from this and adds its losses and data.
    """

    #: names of models that a configuration's trainer trains
    TRAINABLE: ClassVar[tuple[str, ...]] = ()
    #: further settings that must not be negative, and those in [0, 1]
    NOT_NEGATIVE: ClassVar[tuple[str, ...]] = ()
    SHARES: ClassVar[tuple[str, ...]] = ()

    model: str = ""
    steps: int = 40_000
    batch_size: int = 8
    #: side of the square training crops in pixels
    crop: int = 96
    learning_rate: float = 1e-3
    #: "constant", or "cosine" down to a hundredth after a linear warm-up of 2 % of the steps
    schedule: str = "constant"
    #: steps that the schedule is planned for, if the run ends sooner; 0 for `steps`
    schedule_steps: int = 0
    #: largest gradient norm; 0 leaves gradients alone
    clip_norm: float = 0.0
    #: decay of the exponential moving average of the weights that is saved; 0 turns it off
    ema: float = 0.0
    #: multi-focus triplets kept out of training, for validation
    hold_out: int = 60
    validate_every: int = 500
    checkpoint_every: int = 200
    #: weights to start from, a path; empty for a random start
    start: str = ""
    seed: int = 0
    #: lightning-fabric's precision: "32-true" or "bf16-mixed"
    precision: str = "32-true"
    device: str = "auto"
    devices: int = 1

    def __post_init__(self) -> None:
        if self.model not in self.TRAINABLE:
            raise TrainingError(
                f"Model {self.model!r} cannot be trained here; choose one of "
                f"{sorted(self.TRAINABLE)}."
            )
        for name in ("steps", "batch_size", "checkpoint_every", "validate_every"):
            self.require_at_least_one(name)
        if self.crop < 32 or self.crop % 8:
            raise TrainingError(
                f"crop is {self.crop}; it must be a multiple of 8 and at least 32 pixels."
            )
        if not 0 < self.learning_rate < math.inf:
            raise TrainingError(f"learning_rate is {self.learning_rate}; it must be positive.")
        for name in ("clip_norm", "hold_out", "seed", "schedule_steps", *self.NOT_NEGATIVE):
            if not getattr(self, name) >= 0:
                raise TrainingError(f"{name} is {getattr(self, name)}; it must not be negative.")
        if self.schedule not in ("constant", "cosine"):
            raise TrainingError(f"schedule is {self.schedule!r}; use 'constant' or 'cosine'.")
        if not 0 <= self.ema < 1:
            raise TrainingError(f"ema is {self.ema}; it must be in [0, 1).")
        for name in self.SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise TrainingError(f"{name} is {getattr(self, name)}; it must be in [0, 1].")

    @property
    def parent(self) -> str:
        """The weights that a run starts from, a path; empty for a random start."""
        return self.start

    def require_at_least_one(self, name: str) -> None:
        """Refuse a count below 1."""
        if getattr(self, name) < 1:
            raise TrainingError(f"{name} is {getattr(self, name)}; it must be at least 1.")

    def to_json(self) -> str:
        """Return the configuration as JSON text."""
        return json.dumps(dataclasses.asdict(self), indent=2)

    @classmethod
    def from_dict(cls, values: dict[str, Any], source: str = "configuration") -> Self:
        """Return a configuration, refusing names that do not exist."""
        known = {field.name for field in dataclasses.fields(cls)}
        if unknown := sorted(set(values) - known):
            raise TrainingError(f"The {source} has unknown settings {unknown}.")
        try:
            return cls(**values)
        except TypeError as error:
            raise TrainingError(f"The {source} has a value of the wrong type: {error}.") from error

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """Read a configuration that `to_json` wrote."""
        try:
            values = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise TrainingError(f"Cannot read the configuration {str(path)!r}: {error}") from error
        if not isinstance(values, dict):
            raise TrainingError(f"The configuration {str(path)!r} is no JSON object.")
        return cls.from_dict(values, f"configuration {str(path)!r}")


def learning_rate_factor(step: int, settings: RunSettings) -> float:
    """Return what the learning rate is multiplied by at a step."""
    if settings.schedule == "constant":
        return 1.0
    steps = settings.schedule_steps or settings.steps
    warm_up = max(1, steps // 50)
    if step < warm_up:
        return (step + 1) / warm_up
    progress = (step - warm_up) / max(1, steps - warm_up)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
