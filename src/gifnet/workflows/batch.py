"""Batches: files matched by their names, or stacks, fused one after another."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from .. import fusion
from ..errors import Cancelled, InvalidInputError, WriteError
from ..io.atomic import exists
from ..io.pairs import match_patterns
from ..options import FuseOptions
from ..progress import Progress
from .files import fuse_files, stack_files

Status = Literal["done", "skipped", "failed"]

#: Called before every item with (number of the item from 0, number of items, item). Its result
#: receives the progress of that item.
OnItem = Callable[[int, int, "BatchItem"], Progress]


@dataclass(frozen=True)
class BatchItem:
    """Files to fuse, and the file of their fusion.

    Attributes
    ----------
    name : str
    sources : tuple of Path
        Two files or more, in the order of the patterns; of a stack, a folder or one file.
    output : Path
    stack : bool
        Whether the source is a stack, whose slices are fused.
    """

    name: str
    sources: tuple[Path, ...]
    output: Path
    stack: bool = False

    @property
    def first(self) -> Path:
        """The file of the first source."""
        return self.sources[0]

    @property
    def second(self) -> Path:
        """The file of the second source."""
        return self.sources[1]


@dataclass(frozen=True)
class Matched:
    """The items of a batch.

    Attributes
    ----------
    items : tuple of BatchItem
        Sorted by name, at least one.
    alone : tuple of Path
        The files that no item uses, because another pattern has no file of their name.
    """

    items: tuple[BatchItem, ...]
    alone: tuple[Path, ...] = ()

    @property
    def summary(self) -> str:
        """The numbers of items and of files without a partner, with the names of these."""
        count = len(self.items)
        more = "set" if len(self.items[0].sources) > 2 else "pair"
        kind = "stack" if self.items[0].stack else more
        text = f"{count} {kind}{'s' if count != 1 else ''}"
        if self.alone:
            files = "file" if len(self.alone) == 1 else "files"
            names = ", ".join(f"{path.parent.name}/{path.name}" for path in self.alone)
            text += f", {len(self.alone)} {files} without partner: {names}"
        return text


@dataclass(frozen=True)
class BatchResult:
    """The outcome of an item.

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

    `match_sources` also returns the files without a partner, and takes more than two patterns.

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
    return list(match_sources([first, second], output, suffix).items)


def match_sources(
    patterns: Sequence[str | Path], output: str | Path, suffix: str = ".tif"
) -> Matched:
    """Return the files of one name in two or more patterns, and the files left over.

    Names are equal if they differ only in case or in the composition of accents. Parameters and
    errors are those of `match_pairs`.
    """
    if len(patterns) < 2:
        raise InvalidInputError(f"{len(patterns)} patterns are given; give one per source.")
    found = match_patterns(*map(Path, patterns))
    items = (
        BatchItem(name, files, Path(output) / f"{name}{suffix}")
        for name, files in found.groups.items()
    )
    return Matched(tuple(items), found.alone)


def match_stacks(pattern: str | Path, output: str | Path, suffix: str = ".tif") -> Matched:
    """Return the stacks that a pattern names: folders of slices, and files with a stack axis.

    Parameters and errors are those of `match_pairs`.
    """
    found = match_patterns(Path(pattern), folders=True)
    items = (
        BatchItem(name, files, Path(output) / f"{name}{suffix}", stack=True)
        for name, files in found.groups.items()
    )
    return Matched(tuple(items))


def run_batch(
    items: Sequence[BatchItem],
    options: FuseOptions | None = None,
    *,
    overwrite: bool = False,
    on_item: OnItem | None = None,
    scheduler: str | None = None,
    **settings: Any,
) -> Iterator[BatchResult]:
    """Fuse the files of every item, and yield the outcome of each item when it is done.

    Missing folders for the results are created. An item is skipped if its result exists. An item
    that fails does not stop the others. Only complete files appear, so an interrupted batch can
    continue.

    Parameters
    ----------
    items : sequence of BatchItem
        As `match_pairs`, `match_sources` or `match_stacks` return them.
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
    **settings
        Further arguments of `fuse_files`, or of `stack_files` for stacks.

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
        yield from _distributed(items, options, {"overwrite": overwrite, **settings}, scheduler)
        return
    with fusion.Fuser(options) as fuser:
        for number, item in enumerate(items):
            progress = on_item(number, len(items), item) if on_item else None
            yield _fused(item, fuser, {"overwrite": overwrite, **settings}, progress)


def _fused(
    item: BatchItem, fuser: fusion.Fuser, settings: dict[str, Any], progress: Progress
) -> BatchResult:
    """Fuse one item, and return an error instead of raising it."""
    began = time.perf_counter()
    try:
        if exists(item.output) and not settings["overwrite"]:
            return BatchResult(item, "skipped", "the result exists")
        common = {"fuser": fuser, "bar": lambda name: nullcontext(progress), **settings}
        if item.stack:
            stack_files(item.sources, item.output, **common)
        else:
            fuse_files(item.sources, item.output, **common)
    except Cancelled:
        raise
    # Whatever ends one item must not end the batch: drivers and decoders raise many types.
    except Exception as error:
        message = " ".join(str(error).split()) or type(error).__name__
        return BatchResult(item, "failed", message, time.perf_counter() - began)
    return BatchResult(item, "done", "", time.perf_counter() - began)


def _fuse_alone(item: BatchItem, options: FuseOptions, settings: dict[str, Any]) -> BatchResult:
    """Fuse one item in a process of its own."""
    with fusion.Fuser(options) as fuser:
        return _fused(item, fuser, settings, None)


def _distributed(
    items: Sequence[BatchItem], options: FuseOptions, settings: dict[str, Any], scheduler: str
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
                client.submit(_fuse_alone, item, options, settings, pure=False): item
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
