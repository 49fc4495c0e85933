"""How long Qt's event loop stalls: a timer that should fire every five milliseconds."""

from __future__ import annotations

import time
from itertools import pairwise

from qtpy.QtCore import QTimer


class Pulse:
    """Measures the longest stall of the Qt event loop, in seconds."""

    def __init__(self) -> None:
        self._moments: list[float] = []
        self._timer = QTimer()
        self._timer.timeout.connect(lambda: self._moments.append(time.monotonic()))
        self._timer.start(5)

    def longest(self) -> float:
        """Return the longest gap since the last call."""
        moments, self._moments = [*self._moments, time.monotonic()], []
        return max((b - a for a, b in pairwise(moments)), default=0.0)
