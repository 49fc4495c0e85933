"""Progress and cancellation: one small protocol for tqdm, napari and plain callbacks."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Protocol, TypeAlias, TypeVar, runtime_checkable

from .errors import Cancelled

__all__ = ["Progress", "ProgressBar", "ProgressCallback"]


@runtime_checkable
class ProgressBar(Protocol):
    """The common interface of tqdm and napari.utils.progress."""

    total: Any

    def update(self, n: Any = ..., /) -> Any: ...


Result = TypeVar("Result")

#: Called with (done, total) units of work; returning False or raising `Cancelled` stops.
ProgressCallback: TypeAlias = Callable[[int, int], object]
Progress: TypeAlias = ProgressCallback | ProgressBar | None


class Reporter:
    """Counts units of work and reports them to the caller's progress bar or callback.

    Raises
    ------
    Cancelled
        From `advance` and `check`, if the caller's callback returned False.
    """

    def __init__(self, progress: Progress):
        self._progress = progress
        self.done = 0
        self.total = 0

    def expect(self, units: int) -> None:
        """Add units of work to the total."""
        self.total += units
        if isinstance(self._progress, ProgressBar):
            self._progress.total = self.total
            if refresh := getattr(self._progress, "refresh", None):
                refresh()

    def check(self) -> None:
        """Ask whether to stop, without reporting progress."""
        self.advance(0)

    def advance(self, units: int = 1) -> None:
        """Report that units of work are done."""
        self.done += units
        if self._progress is None:
            return
        if isinstance(self._progress, ProgressBar):
            self._progress.update(units)
        elif self._progress(self.done, self.total) is False:
            raise Cancelled(f"Stopped after {self.done} of {self.total} units of work.")


def drain(steps: Generator[Any, None, Result]) -> Result:
    """Run a generator to its end and return its return value."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            result: Result = stop.value
            return result
