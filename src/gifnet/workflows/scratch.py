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

#: Results above this size are put together on disk.
SCRATCH_BYTES = 256 * 2**20


class Scratch:
    """Makes arrays for results: in memory if they are small, in deleted files otherwise.

    Parameters
    ----------
    beside : Path
        The file that the result goes to; its folder has to have room for it twice.
    """

    def __init__(self, beside: str | Path):
        self._folder = Path(beside).absolute().parent
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
            If there is no room for it.
        """
        dtype = np.dtype(dtype)
        if math.prod(shape) * dtype.itemsize <= SCRATCH_BYTES:
            return np.empty(shape, dtype)
        try:
            # Without a name: nothing is left behind, whatever happens.
            file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115
            self._stack.callback(file.close)
            return np.memmap(file, dtype, "w+", shape=shape)
        except OSError as error:
            raise WriteError(
                f"There is no room for the result in {str(self._folder)!r}: {error.strerror}. "
                "Write to another folder."
            ) from error
