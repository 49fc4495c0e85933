"""The samples of the three stages of sequential gradient transfer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...errors import TrainingError
from ...imaging.colour import chroma, luminance
from ..data.exposure import exposure_pair, is_well_exposed
from ..data.scenes import (
    MULTI_FOCUS,
    MULTI_MODAL,
    Scene,
    find_scenes,
    focus_border_crops,
    random_crops,
    read_colour,
    read_scene,
    split_triplets,
)
from .config import FrufnConfig

#: One in this many infrared-visible pairs is held back.
EVERY_PAIR = 16


@dataclass
class StageBatch:
    """The batch of one step: (B, 1, crop, crop) planes in [0, 1].

    `target` is None without ground truth. Only exposure pairs have chroma, (B, 2, crop, crop),
    centred at 0. The class is not frozen because lightning-fabric converts its number formats.
    """

    first: Tensor
    second: Tensor
    target: Tensor | None = None
    first_chroma: Tensor | None = None
    second_chroma: Tensor | None = None
    target_chroma: Tensor | None = None

    def to(self, device: torch.device) -> StageBatch:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{k: v.to(device) for k, v in values.items() if v is not None})


class StageDataset:
    """Draws the pairs of one stage.

    Multi-focus triplets come from disk, in either order. Exposure pairs, over-exposed first, are
    made from well-exposed all-in-focus images. Infrared-visible pairs have infrared first.
    """

    def __init__(self, folder: str | Path, config: FrufnConfig):
        self.config = config
        roles = MULTI_MODAL if config.stage == "ivif" else MULTI_FOCUS
        scenes = find_scenes(folder, roles)
        if config.stage == "ivif":
            held = scenes[::EVERY_PAIR] if config.hold_out else []
            self.training = [scene for scene in scenes if scene not in held]
            self.validation = held
        else:
            self.training, self.validation = split_triplets(scenes, config.hold_out)
        if config.stage == "meif":
            self.training = [scene for scene in self.training if _can_be_exposed(scene)]
            self.validation = [scene for scene in self.validation if _can_be_exposed(scene)]
        if not self.training:
            raise TrainingError(
                f"{str(folder)!r} has no data for stage {config.stage!r} except the "
                f"{len(self.validation)} scenes held back: add a set with the sub-folders "
                f"{', '.join(roles)}, or lower hold_out."
            )

    def sets(self) -> Mapping[str, int]:
        """Return the number of training scenes of each set."""
        return Counter(scene.dataset.name for scene in self.training)

    def sample(self, step: int, rank: int = 0) -> StageBatch:
        """Return the batch of a step. The same step, rank and seed give the same batch."""
        rng = np.random.default_rng((self.config.seed, step, rank))
        samples = [self._sample(rng) for _ in range(self.config.batch_size)]
        columns = zip(*samples, strict=True)
        return StageBatch(*(torch.from_numpy(np.stack(column)) for column in columns))

    def _sample(self, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        scene = self.training[rng.integers(len(self.training))]
        size = self.config.crop
        if self.config.stage == "meif":
            (image,) = random_crops(size, (read_colour(scene.paths[-1]),), rng)
            return exposure_sample(image, rng)
        bordering = self.config.border and rng.random() < self.config.border
        planes = (focus_border_crops if bordering else random_crops)(size, read_scene(scene), rng)
        if self.config.stage == "mfif" and rng.random() < 0.5:
            planes[:2] = planes[1::-1]
        return tuple(plane[None] for plane in planes)

    def validation_pair(self, index: int) -> tuple[np.ndarray, ...]:
        """Return a held-back scene's uint8 planes: first, second and, if any, the truth."""
        scene = self.validation[index]
        if self.config.stage != "meif":
            return read_scene(scene)
        image = read_colour(scene.paths[-1]).astype(np.float32) / np.float32(255)
        first, second, target, *_ = exposure_sample(image, np.random.default_rng(index))
        return tuple(np.round(plane[0] * 255).astype(np.uint8) for plane in (first, second, target))


def exposure_sample(image: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Return luminance (1, H, W), then chroma (2, H, W), of over, under and truth."""
    images = (*exposure_pair(image, rng), image)
    luminances = tuple(luminance(rgb).astype(np.float32)[None] for rgb in images)
    chromas = tuple(np.moveaxis(chroma(rgb).astype(np.float32), -1, 0) for rgb in images)
    return (*luminances, *chromas)


def _can_be_exposed(scene: Scene) -> bool:
    return is_well_exposed(read_scene(scene)[-1])
