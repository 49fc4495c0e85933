"""CIFAR-100 from the folder ``cifar-100-python`` of its Python version."""

from __future__ import annotations

import io
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from gifnet.errors import ReadError

SIDE, CLASSES = 32, 100


@dataclass(frozen=True)
class Labelled:
    """Images and their classes.

    Attributes
    ----------
    images : (N, 32, 32, 3) uint8 array
    classes : (N,) int64 array
    """

    images: npt.NDArray[np.uint8]
    classes: npt.NDArray[np.int64]


class _ArraysOnly(pickle.Unpickler):
    """Reads pickles of plain containers and NumPy arrays; anything else could run code."""

    _ALLOWED: ClassVar = {
        ("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct"),
        ("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode"),
        ("numpy._core.numeric", "_frombuffer"), ("numpy.core.numeric", "_frombuffer"),
    }  # fmt: skip

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._ALLOWED:
            raise pickle.UnpicklingError(f"it holds {module}.{name}, which is no array")
        return super().find_class(module, name)


def read_split(folder: Path, split: str, limit: int | None = None) -> Labelled:
    """Return the images of "train" or "test" with their fine classes, the first `limit` of them.

    Raises
    ------
    ReadError
        If the file is missing, is not CIFAR-100, or holds anything but arrays.
    """
    inner = folder / "cifar-100-python"
    path = (inner if inner.is_dir() else folder) / split
    try:
        content = _ArraysOnly(io.BytesIO(path.read_bytes()), encoding="bytes").load()
        data, labels = np.asarray(content[b"data"]), np.asarray(content[b"fine_labels"], np.int64)
        images = data.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
    except OSError as error:
        raise ReadError(
            f"Cannot read {str(path)!r}: {error}. Unpack cifar-100-python.tar.gz and name the "
            "folder that contains it."
        ) from error
    except Exception as error:  # a damaged pickle raises nearly anything
        raise ReadError(
            f"{str(path)!r} is no file of CIFAR-100's Python version: {error}"
        ) from error
    if images.dtype != np.uint8 or len(images) != len(labels):
        raise ReadError(f"{str(path)!r} is no file of CIFAR-100's Python version.")
    return Labelled(np.ascontiguousarray(images[:limit]), labels[:limit])
