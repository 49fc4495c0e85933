"""Training of GIFNet with the updates that the configuration selects."""

from __future__ import annotations

from pathlib import Path

from ...errors import TrainingError, WeightsError
from ..data.depth import DepthSource
from ..trainer import OnStep
from .alternating_trainer import AlternatingTrainer
from .config import GifnetConfig, InferenceConfig
from .inference_trainer import InferenceGraphTrainer
from .information import InformationMeasure


def train_gifnet(
    data: str | Path,
    out: str | Path,
    config: GifnetConfig,
    *,
    resume: bool = False,
    on_step: OnStep | None = None,
    depth: DepthSource | None = None,
    information: InformationMeasure | None = None,
) -> Path:
    """Train GIFNet and return the weights' path. See `AlternatingTrainer` for the arguments."""
    kind = InferenceGraphTrainer if isinstance(config, InferenceConfig) else AlternatingTrainer
    try:
        return kind(
            data, out, config, resume=resume, on_step=on_step, depth=depth, information=information
        ).run()
    except WeightsError as error:
        raise TrainingError(f"The starting weights cannot be used: {error}") from error
