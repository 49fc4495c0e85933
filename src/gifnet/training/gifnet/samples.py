"""The samples of an alternating update, and the scenes for all samples of GIFNet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...errors import TrainingError
from ..data.depth import DepthSource, Plane, make_depth_source
from ..data.scenes import (
    MULTI_FOCUS,
    MULTI_MODAL,
    find_scenes,
    random_crops,
    read_scene,
    split_triplets,
)
from ..data.synthesis import multi_focus_pair
from .config import GifnetConfig


@dataclass(frozen=True)
class Batch:
    """The batch of one alternating step; every tensor is (B, 1, crop, crop) in [0, 1]."""

    infrared: Tensor
    visible: Tensor
    first: Tensor
    second: Tensor
    target: Tensor

    def to(self, device: torch.device) -> Batch:
        return Batch(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))


class JointDataset:
    """Draws random crops of multi-modal scenes and of multi-focus pairs made from them.

    The RGB-focused joint data set of the paper (Sec. 3.2): the multi-focus pairs are made
    from the visible images of the multi-modal pairs, so both tasks share a modality.
    """

    def __init__(self, folder: str | Path, config: GifnetConfig, depth: DepthSource | None = None):
        self.config = config
        self.pairs = find_scenes(folder, MULTI_MODAL)
        if not self.pairs:
            raise TrainingError(
                f"{str(folder)!r} has no set of multi-modal pairs: a folder with the "
                f"sub-folders {' and '.join(MULTI_MODAL)}."
            )
        triplets = find_scenes(folder, MULTI_FOCUS)
        self.training_triplets, self.validation_triplets = split_triplets(triplets, config.hold_out)
        self.depth = depth or make_depth_source(config.depth)

    def _sample(self, rng: np.random.Generator) -> tuple[Plane, ...]:
        """Return infrared, visible, and (first, second, target) of a multi-focus pair."""
        scene = self.pairs[rng.integers(len(self.pairs))]
        planes = read_scene(scene)
        if getattr(self.depth, "whole_image", False):
            image = planes[1].astype(np.float32) / np.float32(255)
            whole = self.depth(scene.name, image, rng)
            infrared, visible, depth = random_crops(self.config.crop, (*planes, whole), rng)
        else:
            infrared, visible = random_crops(self.config.crop, planes, rng)
            depth = self.depth(scene.name, visible, rng)
        first, second = multi_focus_pair(visible, depth, rng)
        if rng.random() < 0.5:
            first, second = second, first
        return infrared, visible, first, second, visible

    def sample(self, step: int, rank: int = 0) -> Batch:
        """Return the batch of a step. The same step, rank and seed give the same batch."""
        rng = np.random.default_rng((self.config.seed, step, rank))
        samples = [self._sample(rng) for _ in range(self.config.batch_size)]
        columns = (np.stack(column)[:, None] for column in zip(*samples, strict=True))
        return Batch(*map(torch.from_numpy, columns))
