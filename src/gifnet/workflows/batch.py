"""Batches: folders of pairs, matched by their names and fused one after another."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .. import fusion
from ..errors import Cancelled, GifnetError, InvalidInputError, WriteError
from ..io.pairs import match_patterns
from ..options import FuseOptions
from ..progress import Progress
from .files import fuse_files

Status = Literal["done", "skipped", "failed"]

#: Called before every item with (number of the item from 0, number of items, item). Its result
#: receives the progress of that item.
OnItem = Callable[[int, int, "BatchItem"], Progress]


@dataclass(frozen=True)
class BatchItem:
    """A pair of files, and the file of their fusion."""

    name: str
    first: Path
    second: Path
    output: Path


@dataclass(frozen=True)
class BatchResult:
    """The outcome of a pair.

    Attributes
    ----------
    item : BatchItem
    status : {"done", "skipped", "failed"}
    message : str
        The reason for a failure or a skip.
    seconds : float
    """

    item: BatchItem
    status: Status
    message: str = ""
    seconds: float = 0.0


def match_pairs(
    first: str | Path, second: str | Path, output: str | Path, suffix: str = ".tif"
) -> list[BatchItem]:
    """Return the pairs of files that two patterns name, sorted by name.

    Parameters
    ----------
    first, second : str or Path
        Folders, or paths with one ``*`` in the file name, such as ``scans/*_pet.tif``. The name
        of an image is its stem, or the text in place of the star. Files of one name are a pair.
    output : str or Path
        The folder of the results.
    suffix : str
        The suffix of the results.

    Returns
    -------
    list of BatchItem
        At least one.

    Raises
    ------
    InvalidInputError
        If a pattern cannot be used, one name has several files, or nothing matches.
    """
    return [
        BatchItem(name, *files, Path(output) / f"{name}{suffix}")
        for name, files in match_patterns(Path(first), Path(second)).items()
    ]


def run_batch(
    items: Sequence[BatchItem],
    options: FuseOptions | None = None,
    *,
    overwrite: bool = False,
    on_item: OnItem | None = None,
    scheduler: str | None = None,
) -> Iterator[BatchResult]:
    """Fuse pairs of files, and yield the outcome of each pair when it is done.

    Missing folders for the results are created. A pair is skipped if its result exists. A pair
    that fails does not stop the others. Only complete files appear, so an interrupted batch can
    continue.

    Parameters
    ----------
    items : sequence of BatchItem
        As `match_pairs` returns them.
    options : FuseOptions, optional
        For every pair. `channel_axis` comes from the files unless it is given.
    overwrite : bool
        Replace results that exist.
    on_item : callable, optional
        Called with (number, count, item) before every item. Returns a receiver of its progress, or
        None. Not called with a scheduler.
    scheduler : str, optional
        Address of a dask.distributed scheduler, whose workers see the same files, or "local" for
        a cluster of processes on this machine. Outcomes come in the order of completion.

    Raises
    ------
    InvalidInputError
        If dask.distributed is needed and not installed.
    WriteError
        If the folder of the results cannot be created.
    Cancelled
        If a progress callback returned False.
    """
    options = options or FuseOptions()
    for folder in sorted({item.output.parent for item in items}):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WriteError(
                f"Cannot create the folder {str(folder)!r}: {error.strerror}. Choose another."
            ) from error
    if scheduler is not None:
        yield from _distributed(items, options, overwrite, scheduler)
        return
    with fusion.Fuser(options) as fuser:
        for number, item in enumerate(items):
            progress = on_item(number, len(items), item) if on_item else None
            yield _fused(item, fuser, overwrite, progress)


def _fused(
    item: BatchItem, fuser: fusion.Fuser, overwrite: bool, progress: Progress
) -> BatchResult:
    """Fuse one pair, and return an error instead of raising it."""
    if item.output.exists() and not overwrite:
        return BatchResult(item, "skipped", "the result exists")
    began = time.perf_counter()
    try:
        fuse_files(
            item.first,
            item.second,
            item.output,
            overwrite=overwrite,
            fuser=fuser,
            bar=lambda name: nullcontext(progress),
        )
    except Cancelled:
        raise
    except (GifnetError, MemoryError) as error:
        message = " ".join(str(error).split()) or type(error).__name__
        return BatchResult(item, "failed", message, time.perf_counter() - began)
    return BatchResult(item, "done", "", time.perf_counter() - began)


def _fuse_alone(item: BatchItem, options: FuseOptions, overwrite: bool) -> BatchResult:
    """Fuse one pair in a process of its own."""
    with fusion.Fuser(options) as fuser:
        return _fused(item, fuser, overwrite, None)


def _distributed(
    items: Sequence[BatchItem], options: FuseOptions, overwrite: bool, scheduler: str
) -> Iterator[BatchResult]:
    try:
        from dask.distributed import Client, LocalCluster, as_completed
    except ImportError:
        raise InvalidInputError(
            "A distributed batch needs dask.distributed; install it with: pip install "
            "'napari-gifnet[distributed]'."
        ) from None
    # Several threads of one worker would compete for PyTorch's threads.
    cluster = (
        LocalCluster(n_workers=max(1, (os.cpu_count() or 2) // 2), threads_per_worker=1,
                     dashboard_address=None)
        if scheduler == "local"
        else None
    )  # fmt: skip
    try:
        with Client(cluster if cluster is not None else scheduler) as client:
            futures = {
                client.submit(_fuse_alone, item, options, overwrite, pure=False): item
                for item in items
            }
            for future in as_completed(futures):
                error = future.exception()
                if error is None:
                    yield future.result()
                else:
                    yield BatchResult(futures[future], "failed", " ".join(str(error).split()))
    finally:
        if cluster is not None:
            cluster.close()
