"""Estimates of memory before files are read."""

from __future__ import annotations

from pathlib import Path

from ...errors import ReadError


def available_memory() -> int | None:
    """Return the bytes of memory that are free for this process; None if that is unknown."""
    try:
        import psutil

        found = int(psutil.virtual_memory().available)
    except ImportError:
        return None
    limit = _group_limit()
    return found if limit is None else min(found, limit)


def _group_limit() -> int | None:
    """Return what a container's limit of memory leaves, None without a limit."""
    folder = Path("/sys/fs/cgroup")
    try:
        most = (folder / "memory.max").read_text(encoding="ascii").strip()
        used = int((folder / "memory.current").read_text(encoding="ascii"))
        return None if most == "max" else max(0, int(most) - used)
    except (OSError, ValueError):
        return None


def require_memory(path: object, needed: int, what: str) -> None:
    """Refuse to read what does not fit into memory.

    Raises
    ------
    ReadError
        With the bytes that are needed and available.
    """
    free = available_memory()
    if free is not None and needed > free:
        raise ReadError(
            f"{path} ({what}) needs {needed / 2**30:.1f} GiB of memory, and {free / 2**30:.1f} GiB "
            "are free. Close other programs, reduce the image, or save it as a tiled TIFF or "
            "OME-Zarr, which are read in parts."
        )
