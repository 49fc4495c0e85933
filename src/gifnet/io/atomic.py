"""Files and folders that appear under their name only when they are complete."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

from ..errors import WriteError


def write_atomically(path: Path, save: Callable[[Path], None], *, hint: str) -> None:
    """Let `save` write a file or folder under a temporary name beside `path`, then rename it.

    What stands at `path` is replaced, and is kept as it was if anything fails.

    Parameters
    ----------
    path : Path
        The file or folder to write.
    save : callable
        Called with the temporary path.
    hint : str
        The end of an error message: which other format takes the data.

    Raises
    ------
    WriteError
        If it cannot be written.
    """
    mark = uuid.uuid4().hex[:12]
    temporary = path.with_name(f".{mark}.{path.name}")
    try:
        save(temporary)
        if temporary.is_dir() and path.exists():
            # A folder cannot be renamed over another: the old one steps aside.
            aside = path.with_name(f".{mark}.old.{path.name}")
            path.rename(aside)
            try:
                temporary.rename(path)
            except BaseException:
                aside.rename(path)
                raise
            _remove(aside)
        else:
            temporary.replace(path)
    except BaseException as error:
        _remove(temporary)
        if isinstance(error, Exception) and not isinstance(error, WriteError):
            reason = error.strerror if isinstance(error, OSError) else None
            raise WriteError(
                f"Cannot write {path}: {reason or error}. Give a folder that exists and can be "
                f"written to, with space for the file; {hint}"
            ) from error
        raise


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
