"""What was worked out once and holds as long as its publication: the least used goes first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Kept(Generic[Value]):
    """Values by key, up to a total size; safe for many threads."""

    def __init__(
        self, most: int, size: Callable[[Value], int], size_of_key: Callable[[Hashable], int] = lambda _: 0
    ) -> None:
        """`size_of_key` counts too, where whoever asks decides how long a key is."""
        self._most = most
        self._size = size
        self._size_of_key = size_of_key
        self._total = 0
        self._lock = Lock()
        self._values: OrderedDict[Hashable, Value] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The value of a key, made where it isn't there; two who ask at once may both make it."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value = make()
        size = self._size(value) + self._size_of_key(key)
        with self._lock:
            if key not in self._values and size <= self._most:
                self._values[key] = value
                self._total += size
                while self._total > self._most:
                    gone, least = self._values.popitem(last=False)
                    self._total -= self._size(least) + self._size_of_key(gone)
        return value

    def __len__(self) -> int:
        return len(self._values)
