"""How many calls are taken: so many a minute of each system, and all of a minute at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

_MINUTE = 60.0


class Allowance:
    """What each of a fixed set of callers may still do; nobody else has an allowance, so memory is bounded."""

    def __init__(self, names: Iterable[str], a_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._a_minute = float(a_minute)
        began = clock()
        self._left = {name: (self._a_minute, began) for name in names}

    def wait_seconds(self, name: str) -> float:
        """Use one up and give 0, or give how long it takes until there is one again."""
        left, then = self._left[name]
        now = self._clock()
        left = min(self._a_minute, left + (now - then) * self._a_minute / _MINUTE)
        if left < 1:
            self._left[name] = (left, now)
            return (1 - left) * _MINUTE / self._a_minute
        self._left[name] = (left - 1, now)
        return 0.0
