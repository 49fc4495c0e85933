"""Batches of all fusion tasks, with the pairs in the order of inference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ...errors import TrainingError
from ...imaging.colour import luminance
from ..data.depth import Plane
from ..data.exposure import exposure_pair
from ..data.modalities import Sources, bone_pair, pansharpening_pair, spectral_pair, tracer_pair
from ..data.scenes import (
    MULTI_FOCUS,
    Scene,
    focus_border_crops,
    random_or_halved_crops,
    read_colour,
    read_luminance,
    read_scene,
)
from ..data.synthesis import (
    dim,
    multi_focus_pair,
    night_pair,
    patchwork,
    sharpen,
    vary_modality,
)
from ..objectives import Kind
from .config import InferenceConfig
from .samples import JointDataset


@dataclass(frozen=True)
class MixedBatch:
    """Samples of several tasks; images are (B, 1, crop, crop) in [0, 1], `kind` is (B,)."""

    first: Tensor
    second: Tensor
    judged_first: Tensor
    judged_second: Tensor
    target: Tensor
    kind: Tensor

    def to(self, device: torch.device) -> MixedBatch:
        return MixedBatch(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))


class Sample(NamedTuple):
    """A pair, the plane that it is compared with, and the kind of its loss."""

    sources: Sources
    target: Plane
    kind: Kind


def mosaic(quarters: Sequence[Sample]) -> Sample:
    """Return a mosaic of four samples of one kind, with twice the side."""
    sources, targets, kinds = zip(*quarters, strict=True)

    def together(planes: Sequence[Plane]) -> Plane:
        return np.block([list(planes[:2]), list(planes[2:])])

    columns = zip(*sources, strict=True)
    return Sample(Sources(*(together(planes) for planes in columns)), together(targets), kinds[0])


class CropSampler:
    """Draws crops of one size from the scenes of a `JointDataset`.

    Some crops are taken at twice the side and halved. Then the moments for normalisation come from
    a larger part of the image, and the texture is finer.
    """

    def __init__(self, scenes: JointDataset, config: InferenceConfig, size: int):
        self.scenes, self.config, self.size = scenes, config, size

    def crops(
        self,
        scene: Scene,
        rng: np.random.Generator,
        read: Callable[[Path], np.ndarray] = read_luminance,
        halved: float = 0.4,
    ) -> list[np.ndarray]:
        """Return one crop of every image of a scene; some crops are halved."""
        return random_or_halved_crops(self.size, read_scene(scene, read), rng, halved)

    def colour(self, rng: np.random.Generator) -> np.ndarray:
        """Return an RGB crop of a sharp image."""
        triplets = self.scenes.training_triplets
        scenes = triplets if triplets and rng.random() < 0.7 else self.scenes.pairs
        scene = scenes[rng.integers(len(scenes))]
        sharp = Scene(scene.name, scene.paths[-1:], scene.dataset)
        (crop,) = self.crops(sharp, rng, read_colour)
        return crop

    def grey(self, rng: np.random.Generator) -> Plane:
        """Return the luminance of a crop of a sharp image."""
        return np.asarray(luminance(self.colour(rng)), np.float32)

    def dimmed(self, first: Plane, second: Plane, rng: np.random.Generator) -> tuple[Plane, Plane]:
        """Return a pair, sometimes with less contrast in one source."""
        if not self.config.low_contrast or rng.random() >= self.config.low_contrast:
            return first, second
        if rng.random() < 0.6:
            return dim(first, rng), second
        return first, dim(second, rng)


class MixedDataset:
    """Draws batches of all tasks from the scenes of a `JointDataset`, by the recipe's shares."""

    def __init__(self, scenes: JointDataset, config: InferenceConfig):
        if config.triplets and not scenes.training_triplets:
            raise TrainingError(
                f"The recipe takes {config.triplets:.0%} of its samples from multi-focus "
                f"triplets, and there are none except the {len(scenes.validation_triplets)} held "
                f"back: add a set with the sub-folders {', '.join(MULTI_FOCUS)}, lower hold_out, "
                "or set triplets to 0."
            )
        self.config = config
        self._whole = CropSampler(scenes, config, config.crop)
        self._half = CropSampler(scenes, config, config.crop // 2)

    def _maker(self, place: float) -> Maker:
        for name, make in _MAKERS.items():
            share = getattr(self.config, name)
            if place < share:
                return make
            place -= share
        return _focus

    def _sample(self, place: float, rng: np.random.Generator) -> Sample:
        """Return the sample at a place in [0, 1) of the recipe's shares."""
        make = self._maker(place)
        if self.config.mosaic and rng.random() < self.config.mosaic:
            return mosaic([make(self._half, rng) for _ in range(4)])
        return make(self._whole, rng)

    def sample(self, step: int, rank: int = 0) -> MixedBatch:
        """Return the batch of a step. The same step, rank and seed give the same batch."""
        rng = np.random.default_rng((self.config.seed, step, rank, 1))
        count = self.config.batch_size
        # Evenly spaced places give every batch about the same mixture.
        places = (np.arange(count) + rng.random()) / count
        rows, kinds = [], []
        for place in places:
            sources, target, kind = self._sample(float(place), rng)
            if kind == Kind.TRUTH and rng.random() < 0.5:
                first, second, judged_first, judged_second = sources
                sources = Sources(second, first, judged_second, judged_first)
            rows.append((*sources, target))
            kinds.append(int(kind))
        columns = (np.stack(column)[:, None] for column in zip(*rows, strict=True))
        planes = [torch.from_numpy(column).float() for column in columns]
        return MixedBatch(*(*planes, torch.tensor(kinds)))


Maker = Callable[[CropSampler, np.random.Generator], Sample]


def _triplet(data: CropSampler, rng: np.random.Generator) -> Sample:
    triplets = data.scenes.training_triplets
    scene = triplets[rng.integers(len(triplets))]
    if data.config.border and rng.random() < data.config.border:
        crops = focus_border_crops(data.size, read_scene(scene), rng)
    else:
        crops = data.crops(scene, rng, halved=0.15)
    first, second, target = crops
    return Sample(Sources.plain(first, second), target, Kind.TRUTH)


def _focus(data: CropSampler, rng: np.random.Generator) -> Sample:
    sharp = data.grey(rng)
    first, second = multi_focus_pair(sharp, data.scenes.depth("", sharp, rng), rng)
    return Sample(Sources.plain(first, second), sharp, Kind.TRUTH)


def _exposure(data: CropSampler, rng: np.random.Generator) -> Sample:
    sharp = data.grey(rng)
    return Sample(Sources.plain(*exposure_pair(sharp, rng)), sharp, Kind.EXPOSURE)


def _single(data: CropSampler, rng: np.random.Generator) -> Sample:
    image = patchwork(data.size, rng) if rng.random() < 0.3 else data.grey(rng)
    return Sample(Sources.plain(image, image), sharpen(image, 0.8, 1.2), Kind.TRUTH)


def _infrared(data: CropSampler, rng: np.random.Generator) -> Sample:
    pairs = data.scenes.pairs
    infrared, visible = data.crops(pairs[rng.integers(len(pairs))], rng)
    if rng.random() < 0.4:
        infrared, visible = vary_modality(infrared, visible, rng)
    if data.config.night and rng.random() < data.config.night:
        infrared, visible = night_pair(infrared, visible, rng)
    else:
        infrared, visible = data.dimmed(infrared, visible, rng)
    target, kind = infrared, Kind.WARM if data.config.keep_warm else Kind.SOURCES
    if data.config.swapped and rng.random() < data.config.swapped:
        infrared, visible = visible, infrared
    return Sample(Sources.plain(infrared, visible), target, kind)


def _judged(sources: Sources) -> Sample:
    return Sample(sources, sources.second, Kind.SOURCES)


def _tracer(data: CropSampler, rng: np.random.Generator) -> Sample:
    return _judged(tracer_pair(data.grey(rng), data.grey(rng), rng))


def _bone(data: CropSampler, rng: np.random.Generator) -> Sample:
    return _judged(bone_pair(data.grey(rng), rng))


def _spectral(data: CropSampler, rng: np.random.Generator) -> Sample:
    colour = data.colour(rng)
    pair = spectral_pair(colour, np.asarray(luminance(colour), np.float32), rng)
    return _judged(Sources.plain(*data.dimmed(pair.first, pair.second, rng)))


def _pansharpening(data: CropSampler, rng: np.random.Generator) -> Sample:
    colour = data.colour(rng)
    return _judged(pansharpening_pair(colour, np.asarray(luminance(colour), np.float32), rng))


#: By the setting of its share. The rest are synthetic multi-focus pairs.
_MAKERS: dict[str, Maker] = {
    "triplets": _triplet,
    "exposure": _exposure,
    "single": _single,
    "infrared": _infrared,
    "tracer": _tracer,
    "bone": _bone,
    "spectral": _spectral,
    "pansharpening": _pansharpening,
}
