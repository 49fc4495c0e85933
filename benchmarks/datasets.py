"""The pairs that the quality benchmark fuses, source order as `gifnet.options.TASKS` has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from skimage.io import imread
from skimage.transform import resize

from gifnet.training.data import MULTI_FOCUS, find_scenes, read_scene, split_triplets

from .methods import Bytes, grey, to_bytes

HELD_BACK = 60


@dataclass(frozen=True)
class Pair:
    """One pair: pictures for the eye, luminance planes for the metrics.

    `first` and `second` are 8-bit, grey or RGB; `planes` holds one (first, second) of 8-bit
    luminance, or one a band for pansharpening. `reference` is the ground truth's luminance.
    """

    name: str
    first: Bytes
    second: Bytes
    planes: tuple[tuple[Bytes, Bytes], ...]
    reference: Bytes | None = None


@dataclass(frozen=True)
class Dataset:
    """A set of pairs in two folders, files of one pair under one name."""

    name: str
    title: str
    #: preset of gifnet.options.TASKS
    task: str
    folder: str
    first: str
    second: str

    def names(self, data: Path) -> list[str]:
        """Return the pairs' names, in a fixed order."""
        if self.name == "heldback":
            return [scene.name for scene in self._held_back(data)]
        folder = data / self.folder
        found = [{p.stem for p in (folder / role).glob("*.*")} for role in self.roles]
        return sorted(found[0] & found[1])

    @property
    def roles(self) -> tuple[str, str]:
        return self.first, self.second

    def _held_back(self, data: Path) -> Sequence[Any]:
        return split_triplets(find_scenes(data / self.folder, MULTI_FOCUS), HELD_BACK)[1]

    def read(self, data: Path, name: str) -> Pair:
        """Read one pair."""
        if self.name == "heldback":
            scene = next(scene for scene in self._held_back(data) if scene.name == name)
            near, far, target = read_scene(scene)
            pictures = [_picture(path) for path in scene.paths[:2]]
            return Pair(name, pictures[0], pictures[1], ((near, far),), target)
        first, second = (_find(data / self.folder / role, name) for role in self.roles)
        if self.name == "pansharpen":
            return _bands(name, imread(first), imread(second))
        one, two = _picture(first), _picture(second)
        return Pair(name, one, two, ((grey(one), grey(two)),))


DATASETS = {
    dataset.name: dataset
    for dataset in (
        Dataset("heldback", "Multi-focus, held back", "mfif", "train", "near", "far"),
        Dataset("mfif", "Multi-focus", "mfif", "dev/mfif", "near", "far"),
        Dataset("meif", "Multi-exposure", "meif", "dev/meif", "over", "under"),
        Dataset("ivif", "Infrared and visible", "ivif", "dev/ivif", "infrared", "visible"),
        Dataset("nir", "Near-infrared and visible", "nir", "dev/nir", "nir", "visible"),
        Dataset("pet", "PET and MRI", "medical", "dev/medical_pet", "pet", "mri"),
        Dataset("spect", "SPECT and MRI", "medical", "dev/medical_spect", "spect", "mri"),
        Dataset("ct", "CT and MRI", "medical", "dev/medical_ct", "ct", "mri"),
        Dataset("pansharpen", "Pansharpening", "pansharpen", "dev/pansharpen", "ms", "pan"),
    )
}


def spread(names: Sequence[str], limit: int | None) -> list[str]:
    """Return at most `limit` of the names, evenly spaced, the first among them."""
    if not limit or limit >= len(names):
        return list(names)
    return [names[index * len(names) // limit] for index in range(limit)]


def _find(folder: Path, name: str) -> Path:
    return next(path for path in sorted(folder.iterdir()) if path.stem == name)


def _picture(path: Path) -> Bytes:
    """Return an 8-bit image; three equal channels, as JPEGs of grey images have, become one."""
    image = np.asarray(imread(path))
    if image.ndim == 3:
        image = image[..., :3]
        if (image == image[..., :1]).all():
            image = image[..., 0]
    if image.dtype != np.uint8:
        raise ValueError(f"{path} is {image.dtype}; this set is read as 8-bit images.")
    return np.ascontiguousarray(image)


def _stretch(values: npt.NDArray[Any]) -> Bytes:
    """Return values as 8 bits, the whole array's minimum at 0 and maximum at 255."""
    values = values.astype(np.float64)
    low, high = values.min(), values.max()
    return to_bytes((values - low) / max(high - low, 1e-12) * 255)


def _bands(name: str, ms: npt.NDArray[Any], pan: npt.NDArray[Any]) -> Pair:
    """Return a pansharpening pair: every band, cubically enlarged, against the PAN plane."""
    large = resize(ms.astype(np.float64), (*pan.shape, ms.shape[-1]), order=3, mode="edge")
    bands, plane = _stretch(np.clip(large, ms.min(), ms.max())), _stretch(pan)
    # Gaofen-2 stores blue, green, red, near-infrared.
    colour = np.ascontiguousarray(bands[..., 2::-1])
    planes = tuple(
        (np.ascontiguousarray(bands[..., band]), plane) for band in range(bands.shape[-1])
    )
    return Pair(name, colour, plane, planes)
