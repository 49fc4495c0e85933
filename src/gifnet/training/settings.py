"""The settings that training runs of all networks share."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Self, TypeAlias

from ..errors import TrainingError

#: The types of settings.
Value: TypeAlias = str | bool | int | float


def count(default: int) -> int:
    """Return a field of a configuration that must be at least 1."""
    return field(default=default, metadata={"least": 1, "rule": "be at least 1"})


def weight(default: float = 0.0) -> float:
    """Return a field of a configuration that must not be negative."""
    return field(default=default, metadata={"least": 0, "rule": "not be negative"})


def whole(default: int = 0) -> int:
    """Return a field of a configuration that must be a natural number or 0."""
    return field(default=default, metadata={"least": 0, "rule": "not be negative"})


def fraction(default: float = 0.0) -> float:
    """Return a field of a configuration that must be in [0, 1]."""
    return field(default=default, metadata={"least": 0, "most": 1, "rule": "be in [0, 1]"})


@dataclass(frozen=True)
class RunSettings:
    """Steps, optimiser, validation, device: the settings of all recipes.

    The configuration of each trainer is a subclass with its losses and data. A setting that does
    not apply to a trainer is unknown there.
    """

    #: names of the models that the trainer can train
    TRAINABLE: ClassVar[tuple[str, ...]] = ()
    #: name of the training, for error messages
    TITLE: ClassVar[str] = ""

    model: str = ""
    steps: int = count(40_000)
    learning_rate: float = 1e-3
    #: "constant", or "cosine" down to a hundredth after a linear warm-up of 2 % of the steps
    schedule: str = "constant"
    #: maximum gradient norm; 0 for no limit
    clip_norm: float = weight()
    #: decay of the exponential moving average of the saved weights; 0 turns it off
    ema: float = 0.0
    #: multi-focus triplets kept out of training, for validation; 0 keeps no scenes out
    hold_out: int = whole(60)
    validate_every: int = count(500)
    checkpoint_every: int = count(200)
    #: weights to start from: a path, or "bundled"; empty for a random start
    start: str = ""
    seed: int = whole()
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
        for each in dataclasses.fields(self):
            value, limits = getattr(self, each.name), each.metadata
            if limits and not limits["least"] <= value <= limits.get("most", math.inf):
                raise TrainingError(f"{each.name} is {value}; it must {limits['rule']}.")
        if not 0 < self.learning_rate < math.inf:
            raise TrainingError(f"learning_rate is {self.learning_rate}; it must be positive.")
        if self.schedule not in ("constant", "cosine"):
            raise TrainingError(f"schedule is {self.schedule!r}; use 'constant' or 'cosine'.")
        if not 0 <= self.ema < 1:
            raise TrainingError(f"ema is {self.ema}; it must be in [0, 1).")

    @property
    def parent(self) -> str:
        """The weights that a run starts from, as `start`."""
        return self.start

    def to_json(self) -> str:
        """Return the configuration as JSON text."""
        return json.dumps(dataclasses.asdict(self), indent=2)

    @classmethod
    def from_dict(cls, values: Mapping[str, Value], source: str = "configuration") -> Self:
        """Return a configuration. Unknown names are an error."""
        known = {each.name for each in dataclasses.fields(cls)}
        if unknown := sorted(set(values) - known):
            raise TrainingError(f"The {source} has unknown settings {unknown} for {cls.TITLE}.")
        try:
            return cls(**values)  # type: ignore[arg-type]
        except TypeError as error:
            raise TrainingError(f"The {source} has a value of the wrong type: {error}.") from error

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """Read a configuration that `to_json` wrote."""
        return cls.from_dict(read_settings(path), f"configuration {str(path)!r}")


@dataclass(frozen=True)
class CropSettings(RunSettings):
    """The settings of a run whose batches are all of one size."""

    batch_size: int = count(8)
    #: side of the square training crops in pixels
    crop: int = 96

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.crop < 32 or self.crop % 8:
            raise TrainingError(
                f"crop is {self.crop}; it must be a multiple of 8 and at least 32 pixels."
            )


@dataclass(frozen=True)
class FidelitySettings:
    """Weights of the errors to the ground truth (GIFNet, Eq. 11: MSE alone)."""

    fidelity_mse: float = weight(1.0)
    fidelity_l1: float = weight()
    fidelity_ssim: float = weight()
    #: of the mean logarithm of the squared error, which PSNR is made of
    fidelity_log: float = weight()


@dataclass(frozen=True)
class SourceSettings:
    """Weights of the losses to the sources, see `gifnet.training.metric_losses`."""

    #: Qabf
    keep_edges: float = weight()
    #: slope of Qabf's sigmoid over edge strength. With the metric's own, 15, an edge that is
    #: missing gives hardly a gradient.
    edge_slope: float = 15.0
    #: VIF of all sources, and that of the source of which the result has less
    keep_information: float = weight()
    keep_lesser: float = weight()
    #: edges where each source's are the stronger ones, the lesser source's above all
    keep_stronger: float = weight()
    #: SCD, MS-SSIM, MI and the stronger signed gradient
    keep_differences: float = weight()
    keep_structure: float = weight()
    keep_entropy: float = weight()
    keep_gradient: float = weight()
    #: of how much less than in the infrared image warm objects stand out
    keep_warm: float = weight()
    #: of the mean absolute error of exposures to the well-exposed image
    exposure_truth: float = weight()


def read_settings(path: str | Path) -> dict[str, Value]:
    """Read the settings of a configuration file that `RunSettings.to_json` wrote."""
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(f"Cannot read the configuration {str(path)!r}: {error}") from error
    if not isinstance(values, dict):
        raise TrainingError(f"The configuration {str(path)!r} is no JSON object.")
    return values


def learning_rate_factor(step: int, settings: RunSettings) -> float:
    """Return the factor of the learning rate at a step."""
    if settings.schedule == "constant":
        return 1.0
    warm_up = max(1, settings.steps // 50)
    if step < warm_up:
        return (step + 1) / warm_up
    progress = (step - warm_up) / max(1, settings.steps - warm_up)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
