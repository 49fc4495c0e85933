"""Several blocks at once on the CPU, one per core.

The maps of a block then stay in that core's cache. Cores wait for each other once per stage, not
once per operation.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

from .process_settings import ProcessSetting

Item = TypeVar("Item")
Result = TypeVar("Result")


# Read by name: tests replace both.
_threads = ProcessSetting(
    lambda: torch.get_num_threads(), lambda count: torch.set_num_threads(count)
)


def cpu_threads() -> int:
    """Return the number of threads that PyTorch may use."""
    return _threads.usual()


class Workers:
    """Runs a function on items, as many at once as PyTorch has threads.

    Parameters
    ----------
    count : int
        With 1 everything runs in the caller's thread, with PyTorch's own threads.
    """

    def __init__(self, count: int):
        self._count = count
        self._pool = ThreadPoolExecutor(count, "gifnet") if count > 1 else None
        if self._pool is not None:
            _threads.hold(1)

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield results in order; at most a few are computed ahead."""
        if self._pool is None:
            yield from map(function, items)
            return
        running: deque[Future[Result]] = deque()
        try:
            for item in items:
                running.append(self._pool.submit(function, item))
                if len(running) > 2 * self._count:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        finally:
            for future in running:
                future.cancel()

    def close(self) -> None:
        """Wait for running items, and drop waiting ones."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None
            _threads.release()
