"""Batches of Shares: pairs of all tasks, single images, stacks and brackets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ...errors import TrainingError
from ...imaging.colour import luminance
from ..data.defocus import focus_stack, occluding_pair
from ..data.depth import Plane, RandomFieldDepth, broken
from ..data.exposure import bracket, is_well_exposed, record
from ..data.modalities import Sources, bone_pair, pansharpening_pair, spectral_pair, tracer_pair
from ..data.scenes import (
    MULTI_FOCUS,
    MULTI_MODAL,
    SHARP,
    Scene,
    find_other_scenes,
    find_scenes,
    find_sharp_images,
    focus_border_crops,
    random_or_halved_crops,
    read_colour,
    read_luminance,
    read_scene,
    split_triplets,
)
from ..data.synthesis import night_pair, patchwork, sharpen, vary_modality
from ..objectives import Kind
from .config import PAIRS, STEPS, BatchSize, SharesConfig

#: Without triplets, one in this many of the data's own pairs is held back.
EVERY_PAIR = 16
#: Images of a stack.
STACK = (3, 9)
#: Stops of the exposures of pairs and of brackets.
PAIR_STOPS = ((0.8, 2.8), (-3.8, -1.0))
BRACKET_STOPS = ((1.0, 3.0), (-0.7, 0.7), (-4.0, -1.0))
#: Largest noise of pictures out of focus, as a share of the range.
_FOCUS_NOISE = 0.012
#: Number of pictures searched for a well-exposed one.
_TRIES = 20


@dataclass(frozen=True)
class SharesBatch:
    """Samples of equally many images: (B, N, H, W) in [0, 1], (B, 1, H, W) targets, (B,) kinds.

    Samples without a ground truth have a target of zeros.
    """

    planes: Tensor
    target: Tensor
    kind: Tensor

    def to(self, device: torch.device) -> SharesBatch:
        return SharesBatch(self.planes.to(device), self.target.to(device), self.kind.to(device))


class Sample(NamedTuple):
    """Images of one scene, the plane to compare the result with, and the kind of loss."""

    planes: Sequence[Plane]
    target: Plane | None
    kind: Kind


class SceneSampler:
    """Draws scenes from sets. A set of n scenes has a weight of sqrt(n)."""

    def __init__(self, scenes: Sequence[Scene]):
        sizes = Counter(scene.dataset for scene in scenes)
        self.scenes = list(scenes)
        self.weights = np.array([sizes[scene.dataset] ** -0.5 for scene in scenes])

    def draw(self, rng: np.random.Generator, least: int = 1) -> Scene:
        """Return a scene of at least so many images."""
        weights = self.weights * [len(scene.paths) >= least for scene in self.scenes]
        return self.scenes[int(rng.choice(len(self.scenes), p=weights / weights.sum()))]


class TrainingImages:
    """The training images below a folder.

    Sharp pictures in folders `visible` or `all_in_focus` are needed. Infrared-visible pairs,
    multi-focus triplets, and sets of any other roles are used if there are any.
    """

    def __init__(self, folder: str | Path, hold_out: int):
        self.infrared = find_scenes(folder, MULTI_MODAL)
        self.triplets, self.held_back = split_triplets(find_scenes(folder, MULTI_FOCUS), hold_out)
        others = find_other_scenes(folder)
        self.pairs = [scene for scene in others if len(scene.paths) == 2]
        if hold_out and not self.held_back:
            self.held_back = self.pairs[EVERY_PAIR // 2 :: EVERY_PAIR]
            self.pairs = [scene for scene in self.pairs if scene not in self.held_back]
        self.stacks = [scene for scene in others if len(scene.paths) > 2]
        held = {path for scene in self.held_back for path in scene.paths}
        self.sharp = [path for path in find_sharp_images(folder) if path not in held]
        if not self.sharp:
            raise TrainingError(
                f"{str(folder)!r} has no sharp pictures except of the {len(self.held_back)} scenes "
                f"held back: add a folder {' or '.join(SHARP)} of them, or lower hold_out."
            )

    def sets(self) -> Mapping[str, int]:
        """Return the number of training scenes, or sharp pictures, of each set."""
        scenes = (*self.infrared, *self.triplets, *self.pairs, *self.stacks)
        used = {path for scene in scenes for path in scene.paths}
        alone = (path.parent.parent.name for path in self.sharp if path not in used)
        return Counter((*(scene.dataset.name for scene in scenes), *alone))


class SampleMaker:
    """Makes single samples: every method returns one of crops of a given size."""

    def __init__(self, images: TrainingImages, config: SharesConfig):
        self.images, self.config = images, config
        self.depth = RandomFieldDepth()
        self.pairs, self.stacks = SceneSampler(images.pairs), SceneSampler(images.stacks)

    # -- what samples are made from ------------------------------------------------------

    def colour(self, size: int, rng: np.random.Generator, well_exposed: bool = False) -> np.ndarray:
        """Return an RGB crop of a sharp picture, of a well-exposed one if there are enough."""
        sharp = self.images.sharp
        for _ in range(_TRIES):
            path = sharp[int(rng.integers(len(sharp)))]
            if not well_exposed or is_well_exposed(read_luminance(path)):
                break
        (crop,) = random_or_halved_crops(size, (read_colour(path),), rng, 0.3)
        return crop

    def grey(self, size: int, rng: np.random.Generator, well_exposed: bool = False) -> Plane:
        """Return the luminance of a crop of a sharp picture."""
        return np.asarray(luminance(self.colour(size, rng, well_exposed)), np.float32)

    def field(self, image: Plane, rng: np.random.Generator) -> Plane:
        """Return a random depth map."""
        return self.depth("", image, rng)

    # -- one image, and stacks -------------------------------------------------------------

    def single(self, size: int, rng: np.random.Generator) -> Sample:
        image = patchwork(size, rng) if rng.random() < 0.3 else self.grey(size, rng)
        return Sample((image,), sharpen(image, 0.8, 1.2), Kind.TRUTH)

    def stack(self, size: int, rng: np.random.Generator, count: int) -> Sample:
        sharp = self.grey(size, rng)
        depth = self.field(sharp, rng)
        if rng.random() < 0.5:
            depth = broken(depth, self.field(sharp, rng), rng)
        slices = focus_stack(sharp, depth, count, rng)
        return Sample(_noisy(slices, rng), sharp, Kind.TRUTH)

    def bracket(self, size: int, rng: np.random.Generator) -> Sample:
        image = self.grey(size, rng, well_exposed=True)
        return Sample(bracket(image, BRACKET_STOPS, rng), image, Kind.EXPOSURE)

    def own_stack(self, size: int, rng: np.random.Generator, count: int) -> Sample:
        scene = self.stacks.draw(rng, count)
        chosen = sorted(rng.choice(len(scene.paths), count, replace=False))
        part = Scene(scene.name, tuple(scene.paths[i] for i in chosen), scene.dataset)
        crops = random_or_halved_crops(size, read_scene(part), rng, 0.15)
        return Sample(crops, None, Kind.SOURCES)

    # -- pairs -----------------------------------------------------------------------------

    def triplets(self, size: int, rng: np.random.Generator) -> Sample:
        triplets = self.images.triplets
        planes = read_scene(triplets[int(rng.integers(len(triplets)))])
        if rng.random() < self.config.border:
            *pair, target = focus_border_crops(size, planes, rng)
        else:
            *pair, target = random_or_halved_crops(size, planes, rng, 0.15)
        return Sample(pair, target, Kind.TRUTH)

    def focus(self, size: int, rng: np.random.Generator) -> Sample:
        sharp = self.grey(size, rng)
        pair = occluding_pair(sharp, self.field(sharp, rng), rng)
        return Sample(_noisy(pair, rng), sharp, Kind.TRUTH)

    def twice(self, size: int, rng: np.random.Generator) -> Sample:
        single = self.single(size, rng)
        return single._replace(planes=(*single.planes, *single.planes))

    def infrared(self, size: int, rng: np.random.Generator) -> Sample:
        pairs = self.images.infrared
        planes = read_scene(pairs[int(rng.integers(len(pairs)))])
        infrared, visible = random_or_halved_crops(size, planes, rng, 0.3)
        if rng.random() < self.config.varied:
            infrared, visible = vary_modality(infrared, visible, rng)
        if rng.random() < self.config.night:
            infrared, visible = night_pair(infrared, visible, rng)
        return Sample((infrared, visible), infrared, Kind.WARM)

    def own_pairs(self, size: int, rng: np.random.Generator) -> Sample:
        crops = random_or_halved_crops(size, read_scene(self.pairs.draw(rng)), rng, 0)
        return Sample(crops, None, Kind.SOURCES)

    def exposure(self, size: int, rng: np.random.Generator) -> Sample:
        image = self.grey(size, rng, well_exposed=True)
        return Sample(bracket(image, PAIR_STOPS, rng), image, Kind.EXPOSURE)

    def tracer(self, size: int, rng: np.random.Generator) -> Sample:
        return _seen(tracer_pair(self.grey(size, rng), self.grey(size, rng), rng))

    def bone(self, size: int, rng: np.random.Generator) -> Sample:
        return _seen(bone_pair(self.grey(size, rng), rng))

    def spectral(self, size: int, rng: np.random.Generator) -> Sample:
        colour = self.colour(size, rng)
        return _seen(spectral_pair(colour, np.asarray(luminance(colour), np.float32), rng))

    def pansharpening(self, size: int, rng: np.random.Generator) -> Sample:
        colour = self.colour(size, rng)
        return _seen(pansharpening_pair(colour, np.asarray(luminance(colour), np.float32), rng))


def _seen(sources: Sources) -> Sample:
    return Sample((sources.first, sources.second), None, Kind.SOURCES)


def _noisy(planes: Sequence[Plane], rng: np.random.Generator) -> list[Plane]:
    """Return planes in 8 bits, half of all with noise of the same strength."""
    strength = float(rng.uniform(0, _FOCUS_NOISE)) if rng.random() < 0.5 else 0.0
    return [record(plane, rng, (strength, strength)) for plane in planes]


class SharesDataset:
    """Draws batches from the images below a folder, by the recipe's shares."""

    def __init__(self, folder: str | Path, config: SharesConfig):
        self.config = config
        self.images = TrainingImages(folder, config.hold_out)
        self.make = SampleMaker(self.images, config)
        self._steps = self._dealt(STEPS, "pairs")
        self._pairs = self._dealt(PAIRS, "focus")

    def _dealt(self, names: Sequence[str], rest: str) -> dict[str, float]:
        """Return the shares that add up to 1, of what the data has alone."""
        images = self.images
        missing = {
            name
            for name, scenes in (
                ("triplets", images.triplets), ("infrared", images.infrared),
                ("own_pairs", images.pairs), ("own_stacks", images.stacks),
            )
            if not scenes
        }  # fmt: skip
        shares = {name: getattr(self.config, name) for name in names}
        shares[rest] = max(0.0, 1 - sum(shares.values()))
        dealt = {k: v for k, v in shares.items() if v > 1e-9 and k not in missing}
        if not dealt:
            raise TrainingError(
                f"The data has no images for any part of the recipe: {', '.join(sorted(missing))}."
            )
        total = sum(dealt.values())
        return {name: share / total for name, share in dealt.items()}

    def sample(self, step: int, rank: int = 0) -> SharesBatch:
        """Return the batch of a step. The same step, rank and seed give the same batch."""
        rng = np.random.default_rng((self.config.seed, step, rank))
        size = self.config.batch_size(step)
        samples = self._samples(_at(self._steps, rng.random()), size, rng)
        planes = np.stack([np.stack(sample.planes) for sample in samples]).astype(np.float32)
        targets = [np.zeros_like(s.planes[0]) if s.target is None else s.target for s in samples]
        return SharesBatch(
            torch.from_numpy(planes),
            torch.from_numpy(np.stack(targets).astype(np.float32)[:, None]),
            torch.tensor([int(sample.kind) for sample in samples]),
        )

    def _samples(self, what: str, size: BatchSize, rng: np.random.Generator) -> list[Sample]:
        crop, make = size.crop, self.make
        if what == "pairs":
            # Evenly spaced places give every batch about the same mixture.
            places = (np.arange(size.pairs) + rng.random()) / size.pairs
            names = [_at(self._pairs, float(place)) for place in places]
            return [getattr(make, name)(crop, rng) for name in names]
        if what == "single":
            return [make.single(crop, rng) for _ in range(size.pairs)]
        if what == "brackets":
            return [make.bracket(crop, rng) for _ in range(_fitting(size, 3))]
        count = int(rng.integers(STACK[0], STACK[1] + 1))
        if what == "stacks":
            return [make.stack(crop, rng, count) for _ in range(_fitting(size, count))]
        count = min(count, len(make.stacks.draw(rng).paths))
        return [make.own_stack(crop, rng, count) for _ in range(_fitting(size, count))]


def _at(shares: Mapping[str, float], place: float) -> str:
    """Return the name at a place in [0, 1) of shares that add up to 1."""
    for name, share in shares.items():
        if place < share:
            return name
        place -= share
    return name


def _fitting(size: BatchSize, images: int) -> int:
    """Return the number of samples with this many images that equals a batch of pairs in size."""
    return max(1, 2 * size.pairs // images)
