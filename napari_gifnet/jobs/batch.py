"""What the Batch widget runs in the background: pairs of files in, files out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from gifnet import workflows
from gifnet.errors import InvalidInputError
from gifnet.options import FuseOptions

from .base import FuserCache, stop_if_asked
from .script import chosen_options, title_line
from .torch_import import import_torch

if TYPE_CHECKING:
    from gifnet.progress import ProgressCallback
    from gifnet.workflows import BatchItem, BatchResult

#: Parts of an item that the progress of the whole counts by.
_PARTS = 1000
_REPORTS_PER_SECOND = 20


@dataclass(frozen=True)
class Patterns:
    """Which files are pairs, and where their fusions go.

    Attributes
    ----------
    folder : str
        Where both patterns start.
    first, second : str
        Sub-folders, or names with one ``*``.
    output : str
        The folder of the results; ``fused`` in `folder` if empty.
    suffix : str
        Of the results' names.
    """

    folder: str
    first: str
    second: str
    output: str
    suffix: str

    @property
    def paths(self) -> tuple[Path, Path, Path]:
        """The first and the second pattern and the output folder as whole paths.

        Raises
        ------
        InvalidInputError
            If something is missing.
        """
        folder = Path(self.folder).expanduser()
        if not self.folder or not folder.is_dir():
            raise InvalidInputError(
                f"There is no folder {self.folder!r}." if self.folder else "Choose a folder."
            )
        if not self.first or not self.second:
            raise InvalidInputError(
                "Say what first and second sources are called: a sub-folder, such as pet, or "
                "a name with one *, such as *_pet.tif."
            )
        output = Path(self.output).expanduser() if self.output else folder / "fused"
        return folder / self.first, folder / self.second, output

    def match(self) -> list[BatchItem]:
        """Return the pairs.

        Raises
        ------
        InvalidInputError
            As `gifnet.workflows.batch.match_pairs`, or if something is missing.
        """
        return workflows.match_pairs(*self.paths, self.suffix)


@dataclass(frozen=True)
class Found:
    """What patterns match: the pairs, and how many have a result already."""

    items: tuple[BatchItem, ...]
    existing: int


def match_patterns(patterns: Patterns, progress: ProgressCallback) -> Found:
    """Match patterns, and look for results."""
    stop_if_asked(progress)
    items = patterns.match()
    stop_if_asked(progress)
    return Found(tuple(items), sum(item.output.exists() for item in items))


@dataclass(frozen=True)
class ItemProgress:
    """The current item of a batch, and how much of it is done."""

    name: str
    done: int
    total: int


@dataclass(frozen=True)
class BatchJob:
    """A batch as it was asked for.

    Attributes
    ----------
    items : tuple of BatchItem
    patterns : Patterns
        Where they come from.
    options : FuseOptions
    overwrite : bool
        Replace results that exist.
    note : callable
        Takes a `BatchResult` as soon as it is known, and an `ItemProgress` now and then.
    """

    items: tuple[BatchItem, ...]
    patterns: Patterns
    options: FuseOptions
    overwrite: bool = False
    note: Callable[[ItemProgress | BatchResult], object] = field(default=lambda message: None)

    @property
    def description(self) -> str:
        return f"Fusing {len(self.items)} pair{'s' if len(self.items) > 1 else ''}"

    def run(self, fusers: FuserCache, progress: ProgressCallback) -> list[BatchResult]:
        """Fuse the pairs, and return what became of each."""
        stop_if_asked(progress)
        import_torch()
        whole = _PARTS * len(self.items)

        def on_item(number: int, count: int, item: BatchItem) -> ProgressCallback:
            last = 0.0

            def report(done: int, total: int) -> object:
                nonlocal last
                now = time.monotonic()
                if done >= total or now - last > 1 / _REPORTS_PER_SECOND:
                    last = now
                    self.note(ItemProgress(item.name, done, total))
                return progress(number * _PARTS + _PARTS * done // max(total, 1), whole)

            self.note(ItemProgress(item.name, 0, 0))
            return report

        results = []
        for result in workflows.run_batch(
            self.items, self.options, overwrite=self.overwrite, on_item=on_item
        ):
            results.append(result)
            self.note(result)
            progress(_PARTS * len(results), whole)
        return results

    def script(self) -> str:
        """Return a script that does the same."""
        first, second, output = (str(path.absolute()) for path in self.patterns.paths)
        options = {"overwrite": True} if self.overwrite else {}
        chosen = ", ".join(f"{k}={v!r}" for k, v in chosen_options(self.options).items())
        arguments = ["items", f"FuseOptions({chosen})"]
        arguments += [f"{key}={value!r}" for key, value in options.items()]
        return "\n".join(
            [
                title_line(self.description),
                "",
                "from gifnet import FuseOptions",
                "from gifnet.workflows.batch import match_pairs, run_batch",
                "",
                "items = match_pairs(",
                f"    {first!r},",
                f"    {second!r},",
                f"    {output!r},",
                f"    {self.patterns.suffix!r},",
                ")",
                f"for result in run_batch({', '.join(arguments)}):",
                "    print(result.item.name, result.status, result.message)",
                "",
            ]
        )


def totals(results: list[BatchResult]) -> str:
    """Return how many pairs are done, skipped and failed."""
    counts = {
        status: sum(result.status == status for result in results)
        for status in ("done", "skipped", "failed")
    }
    return ", ".join(f"{count} {status}" for status, count in counts.items())
