"""The methods of an evaluation: classical baselines, models, and results from elsewhere."""

from __future__ import annotations

import hashlib
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..classical.pyramid import collapse, laplacian_pyramid
from ..errors import InvalidInputError, MissingPackageError, ReadError
from ..fusion.fuser import Fuser
from ..imaging.colour import blend_chroma, chroma, to_rgb
from ..models.registry import MODELS
from ..models.weights import load_weights
from .datasets import Dataset, image_named
from .pair import Bytes, ImagePair, bands_picture, to_bytes

_Details = npt.NDArray[np.floating]


class Method(Protocol):
    """Fuses pairs, and has a version for the keys of stored results."""

    name: str
    title: str

    def version(self, dataset: Dataset, pair: str) -> str:
        """Return a text that changes if the result changes."""
        ...

    def fuse(self, pair: ImagePair) -> tuple[tuple[Bytes, ...], Bytes]:
        """Return one fused plane per plane of the pair, and a picture."""
        ...


class Classical:
    """A baseline on luminance. Colour is added as in `gifnet.fuse`."""

    name: str
    title: str
    edition = "1"
    #: an optional module that it needs, and its name for pip
    module = install = ""

    @classmethod
    def available(cls) -> bool:
        """Return whether its package is installed."""
        return not cls.module or find_spec(cls.module) is not None

    @classmethod
    def require_package(cls) -> Any:
        """Return its package. If it is missing, the error names the remedy."""
        if not cls.available():
            raise MissingPackageError(
                f"The method {cls.name} needs a package that is not installed; install it with: "
                f"pip install {cls.install}"
            )
        return import_module(cls.module)

    def version(self, dataset: Dataset, pair: str) -> str:
        return self.edition

    def plane(self, first: Bytes, second: Bytes) -> Bytes:
        """Fuse two (H, W) planes."""
        raise NotImplementedError

    def fuse(self, pair: ImagePair) -> tuple[tuple[Bytes, ...], Bytes]:
        planes = tuple(self.plane(first, second) for first, second in pair.planes)
        if pair.ms is not None:
            return planes, bands_picture(np.stack(planes))
        coloured = [chroma(i.astype(np.float64)) for i in (pair.first, pair.second) if i.ndim == 3]
        if not coloured:
            return planes, planes[0]
        colour = coloured[0] if len(coloured) == 1 else blend_chroma(coloured)
        return planes, to_bytes(to_rgb(planes[0].astype(np.float64), colour))


class Average(Classical):
    """The mean of both sources."""

    name, title = "average", "average"

    def plane(self, first: Bytes, second: Bytes) -> Bytes:
        return to_bytes((first.astype(np.float64) + second) / 2)


class Maximum(Classical):
    """The brighter source at every pixel."""

    name, title = "maximum", "maximum"

    def plane(self, first: Bytes, second: Bytes) -> Bytes:
        return np.maximum(first, second)


class CopyFirst(Classical):
    """The first source alone. A metric that prefers it to a fusion misleads."""

    name, title = "copy-first", "copy of the first source"
    share = 1.0

    def plane(self, first: Bytes, second: Bytes) -> Bytes:
        return to_bytes(self.share * first + (1 - self.share) * second.astype(np.float64))


class NearCopyFirst(CopyFirst):
    """The first source with 5 % of the second."""

    name, title = "near-copy-first", "first source with 5 % of the second"
    share = 0.95


def _larger(one: _Details, two: _Details) -> _Details:
    """Return the coefficient of larger magnitude per pixel, the first one's on a tie."""
    return np.where(np.abs(one) >= np.abs(two), one, two)


class LaplacianPyramid(Classical):
    """Burt and Adelson's pyramid: the larger detail coefficient, the mean of the bases.

    Five binomial taps, mirrored borders; `levels` detail levels above the base.
    """

    name, title = "pyramid", "Laplacian pyramid"

    def __init__(self, levels: int = 4):
        self.levels = levels

    def plane(self, first: Bytes, second: Bytes) -> Bytes:
        one, two = (
            laplacian_pyramid(plane.astype(np.float64), self.levels) for plane in (first, second)
        )
        details = [_larger(*pair) for pair in zip(one[:-1], two[:-1], strict=True)]
        return to_bytes(collapse([*details, (one[-1] + two[-1]) / 2]))


class Wavelet(Classical):
    """The CDF 9/7 wavelet: the larger detail coefficient, the mean of the bases.

    At most `levels` levels, as far as the filter fits the plane.
    """

    name, title = "wavelet", "wavelet (CDF 9/7)"
    module, install = "pywt", "'napari-gifnet[evaluation]'"

    def __init__(self, levels: int = 4):
        self.levels = levels
        self._pywt = self.require_package()
        self.edition = f"PyWavelets {self._pywt.__version__}"

    def plane(self, first: Bytes, second: Bytes) -> Bytes:
        pywt, kind = self._pywt, "bior4.4"
        levels = min(self.levels, pywt.dwt_max_level(min(first.shape), kind))
        one, two = (
            pywt.wavedec2(plane.astype(np.float64), kind, level=levels) for plane in (first, second)
        )
        fused = [(one[0] + two[0]) / 2]
        fused += [tuple(map(_larger, *details)) for details in zip(one[1:], two[1:], strict=True)]
        rows, columns = first.shape
        return to_bytes(pywt.waverec2(fused, kind)[:rows, :columns])


class Mertens(Classical):
    """OpenCV's exposure fusion (Mertens, Kautz and Van Reeth, 2007) with its defaults."""

    name, title = "mertens", "Mertens (OpenCV)"
    module, install = "cv2", "opencv-python-headless"

    def __init__(self) -> None:
        cv2 = self.require_package()
        self._merge = cv2.createMergeMertens()
        self.edition = f"OpenCV {cv2.__version__}"

    def plane(self, first: Bytes, second: Bytes) -> Bytes:
        merged = self._merge.process([np.ascontiguousarray(first), np.ascontiguousarray(second)])
        return to_bytes(np.asarray(merged, np.float64) * 255)


class Network:
    """A model of the registry, in float32, through the public API.

    A model with weights per task uses those of the data set's task.
    """

    def __init__(
        self, name: str, title: str, model: str, weights: Path | None = None, device: str = "auto"
    ):
        self.name, self.title, self.model = name, title, model
        self.fuser = Fuser(
            model=model,
            weights=None if weights is None else str(weights),
            precision="float32",
            device=device,
        )

    def _choose(self, task: str) -> None:
        """Load the model's weights for a task, "" for any."""
        if self.fuser.options.task != (task or None):
            self.fuser = self.fuser.with_options(task=task or None, model=self.model)

    def version(self, dataset: Dataset, pair: str) -> str:
        self._choose(dataset.task)
        return f"{self.fuser.model} {self.fuser.weights.sha256[:16]}"

    def _plane(self, first: Bytes, second: Bytes) -> Bytes:
        return np.asarray(self.fuser.fuse(first, second), np.uint8)

    def fuse(self, pair: ImagePair) -> tuple[tuple[Bytes, ...], Bytes]:
        self._choose(pair.task)
        planes = tuple(self._plane(first, second) for first, second in pair.planes)
        if pair.ms is not None:
            return planes, bands_picture(np.stack(planes))
        if pair.first.ndim == pair.second.ndim == 2:
            return planes, planes[0]
        return planes, self._plane(pair.first, pair.second)

    def enhance(self, image: Bytes) -> Bytes:
        """Return F(X, X) of a picture."""
        return np.asarray(self.fuser.enhance(image), np.uint8)


class Pictures:
    """A folder of results that were made elsewhere, with the names of the pairs.

    They are in the folder itself, or in a sub-folder with the name of the data set.
    """

    def __init__(self, name: str, folder: Path):
        if not folder.is_dir():
            raise ReadError(f"There is no folder {str(folder)!r} of fused pictures for {name!r}.")
        self.name = self.title = name
        self.folder = folder

    def _path(self, dataset: str, pair: str) -> Path:
        own = self.folder / dataset
        return image_named(own if own.is_dir() else self.folder, pair)

    def version(self, dataset: Dataset, pair: str) -> str:
        data = self._path(dataset.name, pair).read_bytes()
        return f"picture {hashlib.sha256(data).hexdigest()[:16]}"

    def fuse(self, pair: ImagePair) -> tuple[tuple[Bytes, ...], Bytes]:
        return pair.adopt(self._path(pair.dataset, pair.name))


CLASSICAL: dict[str, type[Classical]] = {
    method.name: method
    for method in (
        Average,
        Maximum,
        LaplacianPyramid,
        Wavelet,
        Mertens,
        CopyFirst,
        NearCopyFirst,
    )
}


def bundled_models() -> list[str]:
    """Return the names of the models that have weights in this installation."""
    return [name for name, spec in MODELS.items() if spec.has_weights() or spec.tasks()]


def default_methods() -> list[str]:
    """Return the available baselines, and the bundled models that serve all tasks."""
    classical = [name for name, method in CLASSICAL.items() if method.available()]
    return [*classical, *(name for name in bundled_models() if MODELS[name].has_weights())]


def make_method(name: str, device: str = "auto") -> Method:
    """Return a baseline or a bundled model by its name; "best" selects a model per task.

    Raises
    ------
    InvalidInputError
        If the name is unknown, or the model has no bundled weights.
    MissingPackageError
        If it needs a package that is not installed.
    """
    if name in CLASSICAL:
        return CLASSICAL[name]()
    models = [*bundled_models(), "best"]
    if name in models:
        return Network(name, f"{name} (bundled)", name, device=device)
    known = ", ".join([*CLASSICAL, *models])
    raise InvalidInputError(
        f"There is no method {name!r}; choose from {known}, or give a checkpoint (--weights) or a "
        "folder of fused pictures (--fused) a name of its own."
    )


def network_from(name: str, path: Path, device: str = "auto") -> Network:
    """Return the network of a weights file. Its tensors identify the model.

    Raises
    ------
    WeightsError
        If the file cannot be used.
    """
    return Network(name, name, load_weights(path).model, path, device)
