"""The stored scores, one line per result, so that an interrupted run can be resumed.

The key of a result contains everything that the result depends on. New weights, other files or a
new version of a metric give a new key. Old lines stay unchanged.
"""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass
from pathlib import Path

from ..errors import WriteError
from ..io.atomic import write_atomically

#: Values by "METRIC@VERSION"; None where a metric does not apply to the pair.
Values = dict[str, float | None]


@dataclass(frozen=True)
class Key:
    """Everything that a result depends on, except the metrics."""

    dataset: str
    pair: str
    fingerprint: str
    method: str
    version: str


class Store:
    """A file of JSON lines.

    Parameters
    ----------
    path : Path
        The file. If it exists it is read. An incomplete last line is dropped.

    Raises
    ------
    WriteError
        If the file cannot be written.
    """

    def __init__(self, path: Path):
        self.path = path
        self._values: dict[Key, Values] = {}
        if path.exists():
            self._load()

    def _load(self) -> None:
        text = self.path.read_text(encoding="utf-8")
        whole = text.endswith("\n") or not text
        for line in text.splitlines():
            try:
                record = json.loads(line)
                key = Key(*record["key"])
                self._values.setdefault(key, {}).update(record["values"])
            except (ValueError, TypeError, KeyError):
                whole = False
        if not whole:
            lines = [_line(key, values) for key, values in self._values.items()]
            write_atomically(self.path, "".join(lines))

    def get(self, key: Key) -> Values:
        """Return the stored values of a result."""
        return self._values.get(key, {})

    def put(self, key: Key, values: Values) -> None:
        """Store values, in memory and at the end of the file."""
        self._values.setdefault(key, {}).update(values)
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(_line(key, values))
        except OSError as error:
            raise WriteError(
                f"Cannot write {str(self.path)!r}: {error}. Free some space."
            ) from error


def _line(key: Key, values: Values) -> str:
    return json.dumps({"key": astuple(key), "values": values}) + "\n"
