"""Sources of the depth maps of synthetic multi-focus pairs."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ...errors import TrainingError

Plane = npt.NDArray[np.float32]


class DepthSource(Protocol):
    """Returns the depth map of an image.

    It is called with the image's name (the file's stem), its (H, W) luminance in [0, 1] and a
    random generator. It returns an (H, W) array of any range; larger values are nearer. The image
    is a training crop. If the source's `whole_image` is true, it is the whole image, and the depth
    map is cropped, turned and flipped like the image.
    """

    def __call__(self, name: str, image: Plane, rng: np.random.Generator) -> Plane: ...


class RandomFieldDepth:
    """Smooth random fields, which need no depth model.

    White noise on a grid of 2 to 6 cells per side is enlarged by cubic interpolation, so that a
    threshold divides an image into a few connected regions. A random tilt imitates the ground
    plane of most scenes.
    """

    def __init__(self, cells: tuple[int, int] = (2, 6)):
        self.cells = cells

    def __call__(self, name: str, image: Plane, rng: np.random.Generator) -> Plane:
        from skimage.transform import resize

        height, width = image.shape
        cells = int(rng.integers(self.cells[0], self.cells[1] + 1))
        field = resize(rng.standard_normal((cells, cells)), (height, width), order=3)
        tilt = rng.normal(scale=0.7, size=2)
        rows = np.linspace(-1, 1, height)[:, None]
        columns = np.linspace(-1, 1, width)[None]
        return np.asarray(field + tilt[0] * rows + tilt[1] * columns, np.float32)


class FolderDepth:
    """Depth maps on disk, with the names of the visible images (any suffix)."""

    whole_image = True

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise TrainingError(f"The depth folder {str(folder)!r} does not exist.")
        self.paths = {path.stem: path for path in self.folder.iterdir() if path.is_file()}

    def __call__(self, name: str, image: Plane, rng: np.random.Generator) -> Plane:
        from skimage.io import imread
        from skimage.transform import resize

        path = self.paths.get(name)
        if path is None:
            raise TrainingError(f"{str(self.folder)!r} contains no depth map for {name!r}.")
        depth = np.asarray(imread(path), np.float32)
        if depth.ndim == 3:
            depth = depth[..., :3].mean(axis=-1)
        return np.asarray(resize(depth, image.shape, order=1), np.float32)


def make_depth_source(depth: str | DepthSource) -> DepthSource:
    """Return the source for a configuration's `depth`: "random", a folder, or a callable."""
    if not isinstance(depth, str):
        return depth
    return RandomFieldDepth() if depth == "random" else FolderDepth(depth)


def normalised(depth: Plane) -> Plane:
    """Return a depth map stretched to [0, 1]."""
    low, high = float(depth.min()), float(depth.max())
    stretched: Plane = (depth - low) / max(high - low, 1e-12)
    return stretched


def broken(depth: Plane, other: Plane, rng: np.random.Generator) -> Plane:
    """Return a depth map in [0, 1] that jumps along the middle of another one."""
    jump = float(rng.choice((-1, 1)) * rng.uniform(0.2, 0.6))
    depth = normalised(depth)
    moved: Plane = np.where(other > np.median(other), depth, np.clip(depth + jump, 0, 1))
    return moved


def focus_masks(depth: Plane, threshold: float) -> tuple[Plane, Plane]:
    """Return the near and far masks B_n and B_f of a depth map (supplement, Eq. 1 and 2).

    Parameters
    ----------
    depth : (H, W) array
        Any range; normalised to [0, 1] here.
    threshold : float
        alpha in (0, 1).
    """
    near = (normalised(depth) > threshold).astype(np.float32)
    return near, 1 - near
