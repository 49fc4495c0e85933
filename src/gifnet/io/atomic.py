"""Files and folders that appear under their name only when they are complete."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

from ..errors import WriteError


def write_atomically(
    path: Path, content: str | bytes | Callable[[Path], None], *, hint: str = ""
) -> None:
    """Write a file or folder under a temporary name next to `path`, then rename it.

    An existing file or folder is replaced, and stays unchanged if anything fails. A symbolic link
    stays, and its target is written.

    Parameters
    ----------
    path : Path
        The file or folder to write.
    content : str, bytes or callable
        The text (as UTF-8) or the bytes, or a function that writes to the temporary path.
    hint : str
        The end of error messages, such as a format that can hold the data.

    Raises
    ------
    WriteError
        If it cannot be written.
    """
    try:
        path = path.resolve() if path.is_symlink() else path
    except (OSError, RuntimeError) as error:
        raise WriteError(f"Cannot write {path}: {error}. Choose another name.") from error
    mark = uuid.uuid4().hex[:12]
    # Short, because the name of the file may be as long as the file system allows.
    temporary = path.with_name(f".{mark}{path.suffix[:16]}")
    try:
        _write(temporary, content)
        if temporary.is_dir() and path.exists():
            # A folder cannot replace another by renaming, so the old one is renamed first.
            aside = path.with_name(f".{mark}.old")
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
            advice = "Give a folder that exists and can be written to, with space for the file"
            raise WriteError(
                f"Cannot write {path}: {reason or error}. {advice}{f'; {hint}' if hint else '.'}"
            ) from error
        raise


def exists(path: Path) -> bool:
    """Return whether a file or folder exists.

    Raises
    ------
    WriteError
        If no file can have this name, because it is too long for example.
    """
    try:
        return path.exists()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise WriteError(f"Cannot write {path}: {reason}. Choose another name.") from error


def require_free(path: Path, overwrite: bool) -> None:
    """Refuse a file that exists and must not be replaced, or a folder that does not exist.

    Raises
    ------
    WriteError
        With its name.
    """
    if exists(path) and not overwrite:
        raise WriteError(
            f"{str(path)!r} exists; pass --overwrite to replace it, or choose another name."
        )
    if not path.parent.is_dir():
        raise WriteError(f"The folder {str(path.parent)!r} does not exist; create it first.")


def _write(path: Path, content: str | bytes | Callable[[Path], None]) -> None:
    if callable(content):
        content(path)
    else:
        path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
