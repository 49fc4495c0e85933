"""Several steps at once on the CPU, each on a core of its own.

A step's maps then stay in one core's cache, and cores wait for each other once a stage, not
at every operation.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


class _OneThreadAnOperation:
    """While anyone is in it, PyTorch's operations take one thread; afterwards as many as before."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._before = 1

    def __enter__(self) -> None:
        with self._lock:
            if not self._users:
                self._before = torch.get_num_threads()
                torch.set_num_threads(1)
            self._users += 1

    def __exit__(self, *exc_info: object) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                torch.set_num_threads(self._before)

    def threads(self) -> int:
        """Return how many threads PyTorch has when nobody is in it."""
        with self._lock:
            return self._before if self._users else torch.get_num_threads()


# PyTorch's number of threads is the process's, so its guard is, too.
_one_thread = _OneThreadAnOperation()


def cpu_threads() -> int:
    """Return how many threads PyTorch may use."""
    return _one_thread.threads()


class Workers:
    """Runs a function on items, as many at once as PyTorch has threads.

    Parameters
    ----------
    count : int
        With 1 everything runs in the caller's thread, as PyTorch sees fit.
    """

    def __init__(self, count: int):
        self._count = count
        self._pool = ThreadPoolExecutor(count, "gifnet") if count > 1 else None
        if self._pool is not None:
            _one_thread.__enter__()

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
        """Wait for what runs, drop what waits."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None
            _one_thread.__exit__()
