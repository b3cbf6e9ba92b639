"""How a database's values become the text of a cell: unambiguous, and never through another type."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

_NOTHING = type(None)


def texts(values: Sequence[Any]) -> list[str | None]:
    """The texts of a column of values; None where there is no value."""
    kinds = set(map(type, values))
    if kinds <= {str, _NOTHING}:
        return list(values)
    writers = {kind: _writer(kind) for kind in kinds if kind is not _NOTHING}
    if len(writers) == 1:
        ((_, write),) = writers.items()
        return [None if value is None else write(value) for value in values]
    return [None if value is None else writers[type(value)](value) for value in values]


def moment(value: datetime) -> str:
    """A timestamp as it orders: in UTC where it has a zone, and as it stands where it has none."""
    if value.tzinfo is None:
        return value.isoformat(timespec="microseconds")
    return value.astimezone(UTC).isoformat(timespec="microseconds")


def _writer(kind: type) -> Callable[[Any], str]:
    for known, write in _WRITERS:
        if issubclass(kind, known):
            return write
    return str


def _number(value: float) -> str:
    written = repr(value)
    # 1e+20 is no number to whoever reads cells.
    return format(Decimal(written), "f") if "e" in written else written


def _bytes(value: Any) -> str:
    return bytes(value).hex()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


# The first that fits: a bool is an int, a datetime a date.
_WRITERS: Sequence[tuple[type | tuple[type, ...], Callable[[Any], str]]] = (
    (str, str),
    (bool, lambda value: "true" if value else "false"),
    (int, str),
    (float, _number),
    (Decimal, lambda value: format(value, "f")),
    (datetime, moment),
    (date, date.isoformat),
    (timedelta, lambda value: _number(value.total_seconds())),
    ((bytes, bytearray, memoryview), _bytes),
    ((dict, list, tuple), _json),
)
