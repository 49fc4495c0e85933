"""Batches of every fusion task at once, each pair as inference meets it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
import torch
from scipy.ndimage import gaussian_filter, maximum_filter, minimum_filter
from torch import Tensor

from ...imaging.colour import luminance
from ...options import ENHANCED_OVERSHOOT
from ..data.depth import Plane
from ..data.modalities import Sources, bone_pair, pansharpening_pair, spectral_pair, tracer_pair
from ..data.scenes import (
    JointDataset,
    Scene,
    focus_border_crops,
    random_crops,
    read_image,
    read_scene,
)
from ..data.synthesis import dim, exposure_pair, multi_focus_pair, night_pair, vary_modality
from .config import TrainingConfig


class Kind(IntEnum):
    """What a sample is judged by."""

    #: a ground truth
    TRUTH = 0
    #: the sources alone
    SOURCES = 1
    #: the sources, and a well-exposed image
    EXPOSURE = 2
    #: the sources, and what is warm in the infrared one, which is the target
    WARM = 3


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


def sharpen(image: Plane, amount: float, sigma: float) -> Plane:
    """Return an image with unsharp masking that hardly leaves the local range.

    Plain unsharp masking puts a halo beside every edge. Here the result stays within the
    minimum and maximum of 5 x 5 pixels, widened by `ENHANCED_OVERSHOOT` of the range of 9 x 9.
    """
    sharpened = image + amount * (image - gaussian_filter(image, sigma, mode="reflect"))
    spare = ENHANCED_OVERSHOOT * (maximum_filter(image, 9) - minimum_filter(image, 9))
    low, high = minimum_filter(image, 5) - spare, maximum_filter(image, 5) + spare
    result: Plane = np.clip(np.clip(sharpened, low, high), 0, 1).astype(np.float32)
    return result


def patchwork(size: int, rng: np.random.Generator) -> Plane:
    """Return flat shapes with slightly soft edges, (size, size)."""
    rows, columns = np.mgrid[:size, :size] / size
    image = np.full((size, size), rng.uniform())
    for _ in range(int(rng.integers(1, 8))):
        angle, offset = rng.uniform(0, 2 * np.pi), rng.uniform(-0.5, 0.5)
        side = (rows - 0.5) * np.sin(angle) + (columns - 0.5) * np.cos(angle) > offset
        if rng.random() < 0.5:
            centre, radius = rng.uniform(size=2), rng.uniform(0.05, 0.4)
            side = np.hypot(rows - centre[0], columns - centre[1]) < radius
        image = np.where(side, rng.uniform(), image)
    sigma = float(rng.uniform(0, 1))
    soft: Plane = gaussian_filter(image, sigma) if sigma > 0.3 else image
    return soft.astype(np.float32)


def mosaic(
    quarters: Sequence[tuple[Sources, Plane, Kind]],
) -> tuple[Sources, Plane, Kind]:
    """Return four samples of one kind as one of twice the side."""
    sources, targets, kinds = zip(*quarters, strict=True)

    def together(planes: Sequence[Plane]) -> Plane:
        return np.block([list(planes[:2]), list(planes[2:])])

    columns = zip(*sources, strict=True)
    return Sources(*(together(planes) for planes in columns)), together(targets), kinds[0]


class MixedDataset:
    """Draws batches from the scenes of a `JointDataset`, by the shares of its recipe.

    Crops are now and then taken at twice the side and halved: what an image is normalised by
    then stems from more of it, and the texture is finer.
    """

    def __init__(self, scenes: JointDataset, config: TrainingConfig | None = None):
        self.scenes, self.config = scenes, config or scenes.config
        self._makers = _makers(self.config)
        if self.config.mosaic:
            halved = replace(
                self.config, crop=self.config.crop // 2, mosaic=0.0, keep_structure=0.0
            )
            self._half = MixedDataset(scenes, halved)

    def _crops(
        self,
        scene: Scene,
        rng: np.random.Generator,
        read: Callable[..., np.ndarray] | None = None,
        halved: float = 0.4,
    ) -> list[np.ndarray]:
        planes = read_scene(scene) if read is None else read_scene(scene, read)
        size = self.config.crop
        if rng.random() >= halved or min(planes[0].shape[:2]) < 2 * size:
            return random_crops(size, planes, rng)
        large = random_crops(2 * size, planes, rng)
        return [crop.reshape(size, 2, size, 2, *crop.shape[2:]).mean(axis=(1, 3)) for crop in large]

    def _colour(self, rng: np.random.Generator) -> np.ndarray:
        """Return an RGB crop of a sharp image."""
        triplets = self.scenes.training_triplets
        scenes = triplets if triplets and rng.random() < 0.7 else self.scenes.pairs
        scene = scenes[rng.integers(len(scenes))]
        sharp = Scene(scene.name, scene.paths[-1:], scene.dataset)
        (crop,) = self._crops(sharp, rng, read_image)
        return crop if crop.ndim == 3 else np.repeat(crop[..., None], 3, axis=-1)

    def _grey(self, rng: np.random.Generator) -> Plane:
        return np.asarray(luminance(self._colour(rng)), np.float32)

    def _dimmed(self, first: Plane, second: Plane, rng: np.random.Generator) -> tuple[Plane, Plane]:
        """Return a pair, one of which may have lost contrast."""
        if not self.config.low_contrast or rng.random() >= self.config.low_contrast:
            return first, second
        if rng.random() < 0.6:
            return dim(first, rng), second
        return first, dim(second, rng)

    def _maker(self, place: float) -> Maker:
        for share, make in self._makers:
            if place < share:
                return make
            place -= share
        return self._makers[-1][1]

    def _sample(self, place: float, rng: np.random.Generator) -> tuple[Sources, Plane, Kind]:
        """Return the sample at a place in [0, 1) of the recipe's shares."""
        make = self._maker(place)
        if self.config.mosaic and rng.random() < self.config.mosaic:
            return mosaic([make(self._half, rng) for _ in range(4)])
        return make(self, rng)

    def sample(self, step: int, rank: int = 0) -> MixedBatch:
        """Return the batch of a step; the same step, rank and seed give the same batch."""
        rng = np.random.default_rng((self.config.seed, step, rank, 1))
        count = self.config.batch_size
        # Evenly spaced places give every batch about the same mixture.
        places = (np.arange(count) + rng.random()) / count
        columns: list[list[np.ndarray]] = [[] for _ in range(5)]
        kinds = []
        for place in places:
            sources, target, kind = self._sample(float(place), rng)
            if kind == Kind.TRUTH and rng.random() < 0.5:
                first, second, judged_first, judged_second = sources
                sources = Sources(second, first, judged_second, judged_first)
            for column, plane in zip(columns, (*sources, target), strict=True):
                column.append(plane)
            kinds.append(int(kind))
        tensors = [torch.from_numpy(np.stack(column))[:, None].float() for column in columns]
        one, two, judged_one, judged_two, target_batch = tensors
        return MixedBatch(one, two, judged_one, judged_two, target_batch, torch.tensor(kinds))


Maker = Callable[[MixedDataset, np.random.Generator], tuple[Sources, Plane, Kind]]


def _triplet(data: MixedDataset, rng: np.random.Generator) -> tuple[Sources, Plane, Kind]:
    triplets = data.scenes.training_triplets
    scene = triplets[rng.integers(len(triplets))]
    if data.config.border and rng.random() < data.config.border:
        crops = focus_border_crops(data.config.crop, read_scene(scene), rng)
    else:
        crops = data._crops(scene, rng, halved=0.15)
    first, second, target = crops
    return Sources.plain(first, second), target, Kind.TRUTH


def _focus(data: MixedDataset, rng: np.random.Generator) -> tuple[Sources, Plane, Kind]:
    sharp = data._grey(rng)
    first, second = multi_focus_pair(sharp, data.scenes.depth("", sharp, rng), rng)
    return Sources.plain(first, second), sharp, Kind.TRUTH


def _exposure(data: MixedDataset, rng: np.random.Generator) -> tuple[Sources, Plane, Kind]:
    sharp = data._grey(rng)
    return Sources.plain(*exposure_pair(sharp, rng)), sharp, Kind.EXPOSURE


def _single(data: MixedDataset, rng: np.random.Generator) -> tuple[Sources, Plane, Kind]:
    image = patchwork(data.config.crop, rng) if rng.random() < 0.3 else data._grey(rng)
    return Sources.plain(image, image), sharpen(image, 0.8, 1.2), Kind.TRUTH


def _infrared(data: MixedDataset, rng: np.random.Generator) -> tuple[Sources, Plane, Kind]:
    pairs = data.scenes.pairs
    infrared, visible = data._crops(pairs[rng.integers(len(pairs))], rng)
    if rng.random() < 0.4:
        infrared, visible = vary_modality(infrared, visible, rng)
    if data.config.night and rng.random() < data.config.night:
        infrared, visible = night_pair(infrared, visible, rng)
    else:
        infrared, visible = data._dimmed(infrared, visible, rng)
    target, kind = infrared, Kind.WARM if data.config.keep_warm else Kind.SOURCES
    if data.config.swapped and rng.random() < data.config.swapped:
        infrared, visible = visible, infrared
    return Sources.plain(infrared, visible), target, kind


def _judged(sources: Sources) -> tuple[Sources, Plane, Kind]:
    return sources, sources.second, Kind.SOURCES


def _tracer(data: MixedDataset, rng: np.random.Generator) -> tuple[Sources, Plane, Kind]:
    return _judged(tracer_pair(data._grey(rng), data._grey(rng), rng))


def _bone(data: MixedDataset, rng: np.random.Generator) -> tuple[Sources, Plane, Kind]:
    return _judged(bone_pair(data._grey(rng), rng))


def _spectral(data: MixedDataset, rng: np.random.Generator) -> tuple[Sources, Plane, Kind]:
    colour = data._colour(rng)
    pair = spectral_pair(colour, np.asarray(luminance(colour), np.float32), rng)
    return _judged(Sources.plain(*data._dimmed(pair.first, pair.second, rng)))


def _pansharpening(data: MixedDataset, rng: np.random.Generator) -> tuple[Sources, Plane, Kind]:
    colour = data._colour(rng)
    return _judged(pansharpening_pair(colour, np.asarray(luminance(colour), np.float32), rng))


def _makers(config: TrainingConfig) -> Sequence[tuple[float, Maker]]:
    """Return (share, maker of a sample), the synthetic multi-focus pairs last with the rest."""
    return (
        (config.triplets, _triplet),
        (config.exposure, _exposure),
        (config.single, _single),
        (config.infrared, _infrared),
        (config.tracer, _tracer),
        (config.bone, _bone),
        (config.spectral, _spectral),
        (config.pansharpening, _pansharpening),
        (1.0, _focus),
    )
