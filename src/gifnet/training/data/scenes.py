"""Training images from folders, and random crops of them.

A data folder holds any number of sets, each a folder with one sub-folder per role:
`infrared` and `visible` for multi-modal pairs, `near`, `far` and `all_in_focus` for
multi-focus triplets with ground truth, any other names for images without one. Files of one
scene share a name. A folder `stacks` has one sub-folder per scene instead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from ...errors import GifnetError, ReadError, TrainingError
from ...imaging.block_means import block_means
from ...imaging.colour import luminance
from ...io.files import read_image as read_file
from ...io.pairs import folders_below, images_in, match_folders, plain_name, stem_of

MULTI_MODAL = ("infrared", "visible")
MULTI_FOCUS = ("near", "far", "all_in_focus")
#: Folders of these names hold sharp pictures, with or without other roles.
SHARP = ("visible", "all_in_focus")
STACKS = "stacks"
_KNOWN = (MULTI_MODAL, MULTI_FOCUS)


@dataclass(frozen=True)
class Scene:
    """The files of one scene, in the order of its set's roles."""

    name: str
    paths: tuple[Path, ...]
    #: the folder of its set
    dataset: Path


def find_scenes(folder: str | Path, roles: Sequence[str]) -> list[Scene]:
    """Return every scene below `folder` whose set has a sub-folder for each role, by name.

    Raises
    ------
    TrainingError
        If a file of a role is missing in a scene of a set.
    """
    sets = [base for base in _folders(folder) if all((base / r).is_dir() for r in roles)]
    return [scene for base in sets for scene in _scenes_of_set(base, roles)]


def _folders(folder: str | Path) -> list[Path]:
    root = Path(folder)
    if not root.is_dir():
        raise TrainingError(f"The data folder {str(folder)!r} does not exist.")
    return folders_below(root)


def _scenes_of_set(base: Path, roles: Sequence[str]) -> list[Scene]:
    try:
        return [Scene(*found, base) for found in match_folders(base, roles, "scenes").items()]
    except ReadError as error:
        raise TrainingError(str(error)) from error


def find_other_scenes(folder: str | Path) -> list[Scene]:
    """Return the scenes of all sets of other roles, of two or more images each.

    These are sets of two or more sub-folders of images that share names, other than those of
    `MULTI_MODAL` and `MULTI_FOCUS`; and the sub-folders of folders named `STACKS`.

    Raises
    ------
    TrainingError
        If a file of a role is missing in a scene of a set.
    """
    scenes: list[Scene] = []
    for base in _folders(folder):
        found = {sub.name: images_in(sub) for sub in sorted(base.iterdir()) if sub.is_dir()}
        if base.name == STACKS:
            stacks = {name: paths for name, paths in found.items() if len(paths) > 1}
            scenes += [Scene(name, tuple(paths), base) for name, paths in stacks.items()]
            continue
        names = {
            role: {plain_name(stem_of(path.name)) for path in paths}
            for role, paths in found.items()
            if paths
        }
        if _is_own_set(names):
            scenes += _scenes_of_set(base, tuple(names))
    return scenes


def _is_own_set(names: Mapping[str, set[str]]) -> bool:
    """Return whether sub-folders with files of these names are a set of other roles."""
    roles = set(names)
    if len(roles) < 2 or roles <= set(SHARP) or any(set(known) <= roles for known in _KNOWN):
        return False
    return bool(set.intersection(*names.values()))


def find_sharp_images(folder: str | Path) -> list[Path]:
    """Return the images of all folders named as in `SHARP`."""
    folders = [base for base in _folders(folder) if base.name in SHARP]
    return [path for base in folders for path in images_in(base)]


@lru_cache(maxsize=8192)
def read_image(path: Path) -> np.ndarray:
    """Return a file's uint8 (H, W) or (H, W, 3). It stays in memory: training sets are small."""
    try:
        image = np.array(read_file(path).data)
    except GifnetError as error:
        raise TrainingError(f"The training image cannot be used: {error}") from error
    if image.dtype != np.uint8:
        raise TrainingError(
            f"The training image {str(path)!r} is {image.dtype}; training takes 8-bit images."
        )
    if image.ndim == 3:
        return image[..., 0] if image.shape[-1] in (1, 2) else image[..., :3]
    return image


def read_colour(path: Path) -> np.ndarray:
    """Return a file's uint8 (H, W, 3); a grey one gets three equal channels."""
    image = read_image(path)
    return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=-1)


@lru_cache(maxsize=8192)
def read_luminance(path: Path) -> np.ndarray:
    """Return a file's luminance as uint8."""
    image = read_image(path)
    if image.ndim == 2:
        return image
    return np.round(luminance(image.astype(np.float32))).astype(np.uint8)


def read_scene(
    scene: Scene, read: Callable[[Path], np.ndarray] = read_luminance
) -> tuple[np.ndarray, ...]:
    """Return the scene's images, uint8 luminance planes (H, W) by default, of one size."""
    planes = tuple(read(path) for path in scene.paths)
    if len({plane.shape[:2] for plane in planes}) > 1:
        sizes = ", ".join(f"{p.name} {a.shape}" for p, a in zip(scene.paths, planes, strict=True))
        raise TrainingError(f"The images of scene {scene.name!r} differ in size: {sizes}.")
    return planes


def random_crops(
    size: int, planes: Sequence[np.ndarray], rng: np.random.Generator
) -> list[np.ndarray]:
    """Return one random square of every image of a scene, turned and flipped alike.

    Images are (H, W) or (H, W, C) of one size. Small ones are mirrored. Crops are contiguous
    float32, in [0, 1] for 8-bit images.
    """
    height, width = planes[0].shape[:2]
    if height < size or width < size:
        pad = ((0, max(0, size - height)), (0, max(0, size - width)), (0, 0))
        planes = [np.pad(plane, pad[: plane.ndim], mode="symmetric") for plane in planes]
        height, width = planes[0].shape[:2]
    top, left = rng.integers(height - size + 1), rng.integers(width - size + 1)
    turns, flip = int(rng.integers(4)), bool(rng.integers(2))
    crops = []
    for plane in planes:
        crop = np.rot90(plane[top : top + size, left : left + size], turns)
        crop = crop[:, ::-1] if flip else crop
        crops.append(np.ascontiguousarray(crop, np.float32) / np.float32(255))
    return crops


def random_or_halved_crops(
    size: int, planes: Sequence[np.ndarray], rng: np.random.Generator, halved: float
) -> list[np.ndarray]:
    """Return `random_crops`; a share of them, `halved`, of twice the side and reduced by 2.

    Images too small for that are never reduced. A reduced crop shows more of the scene, with finer
    texture.
    """
    if rng.random() >= halved or min(planes[0].shape[:2]) < 2 * size:
        return random_crops(size, planes, rng)
    return [block_means(crop, 2) for crop in random_crops(2 * size, planes, rng)]


def focus_border_crops(
    size: int, planes: Sequence[np.ndarray], rng: np.random.Generator, tries: int = 5
) -> list[np.ndarray]:
    """Return `random_crops` of a multi-focus triplet that contain a border of focus.

    A crop with one source in focus throughout teaches little. From a few crops, this selects the
    one in which the better source differs most from the truth.
    """
    crops = [random_crops(size, planes, rng) for _ in range(tries)]

    def nearer(crop: Sequence[np.ndarray]) -> float:
        return min(float(np.square(source - crop[2]).mean()) for source in crop[:2])

    return max(crops, key=nearer)


def split_triplets(triplets: Sequence[Scene], hold_out: int) -> tuple[list[Scene], list[Scene]]:
    """Return (training, held back). Evenly spaced scenes of the largest set are held back."""
    if not hold_out or not triplets:
        return list(triplets), []
    largest = Counter(scene.dataset for scene in triplets).most_common(1)[0][0]
    members = [scene for scene in triplets if scene.dataset == largest]
    held = members[:: max(len(members) // hold_out, 1)][:hold_out]
    chosen = set(held)
    return [scene for scene in triplets if scene not in chosen], held
