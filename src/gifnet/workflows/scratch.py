"""Arrays for results that may not fit in memory."""

from __future__ import annotations

import contextlib
import math
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import WriteError

#: Results above this size are assembled on disk.
SCRATCH_BYTES = 256 * 2**20


class Scratch:
    """Makes arrays for results: in memory if they are small, in deleted files otherwise.

    Parameters
    ----------
    output : Path
        The file of the result. Its folder needs free space for twice the result.
    """

    def __init__(self, output: str | Path):
        self._folder = Path(output).absolute().parent
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Scratch:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def array(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """Return an array to write into, valid until the scratch is left.

        Raises
        ------
        WriteError
            If the disk is full.
        """
        dtype = np.dtype(dtype)
        if math.prod(shape) * dtype.itemsize <= SCRATCH_BYTES:
            return np.empty(shape, dtype)
        try:
            # A file without a name vanishes with the process.
            file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115
            self._stack.callback(file.close)
            return np.memmap(file, dtype, "w+", shape=shape)
        except OSError as error:
            raise WriteError(
                f"No space left for the result in {str(self._folder)!r}: {error.strerror}. "
                "Write to another folder."
            ) from error
