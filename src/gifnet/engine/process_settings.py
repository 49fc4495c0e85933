"""Settings of the whole process: changed while a caller needs them, and restored afterwards."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar, cast

Value = TypeVar("Value")


class ProcessSetting(Generic[Value]):
    """A setting that several threads may hold at a time.

    Parameters
    ----------
    read, write : callable
        Return and set its value.
    """

    def __init__(self, read: Callable[[], Value], write: Callable[[Value], object]):
        self._read, self._write = read, write
        self._lock = threading.Lock()
        self._users = 0
        self._before: Value | None = None

    def hold(self, value: Value) -> None:
        """Set a value until all holders of the setting have released it."""
        with self._lock:
            if not self._users:
                self._before = self._read()
            self._users += 1
            self._write(value)

    def release(self) -> None:
        """Restore the previous value, unless another caller holds the setting."""
        with self._lock:
            self._users -= 1
            if not self._users:
                self._write(cast(Value, self._before))

    @contextmanager
    def held(self, value: Value) -> Iterator[None]:
        """Hold a value within a ``with`` block."""
        self.hold(value)
        try:
            yield
        finally:
            self.release()

    def usual(self) -> Value:
        """Return the value without any holder."""
        with self._lock:
            return cast(Value, self._before) if self._users else self._read()
