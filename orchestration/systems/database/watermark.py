"""Watermarks: values that grow with every change, as texts that order like the values do, and back.

A timestamp (with or without zone), a date, or a whole number that isn't negative. Texts are no watermark: whether they
order like what they stand for is nobody's promise.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from orchestration.systems.database.cells import moment

_DIGITS = 20
_DATE_LENGTH = 10
_MINUTES_OF_DAY = 1_440
# Zones are less than a day apart, and clocks less than that.
_AHEAD = timedelta(days=1)


def kind_of(value: Any) -> str | None:
    """What kind of watermark a value is, in words; None for what can't be one."""
    match value:
        case bool():
            return None
        case int() | Decimal():
            return "a whole number" if value == int(value) and 0 <= value < 10**_DIGITS else None
        case datetime():
            return "a timestamp without zone" if value.tzinfo is None else "a timestamp with zone"
        case date():
            return "a date"
    return None


def stamp_of(value: Any) -> str:
    """A watermark as text that orders."""
    match value:
        case datetime():
            return moment(value)
        case date():
            return value.isoformat()
    return f"{int(value):0{_DIGITS}d}"


def value_of(stamp: str) -> int | date | datetime:
    """The value that a text stands for."""
    if stamp.isdigit():
        return int(stamp)
    return date.fromisoformat(stamp) if len(stamp) == _DATE_LENGTH else datetime.fromisoformat(stamp)


def looked_back(stamp: str, minutes: int) -> int | date | datetime:
    """The value to begin at: so many minutes before, whole days before a date; a number is where it is."""
    match value := value_of(stamp):
        case datetime():
            return value - timedelta(minutes=minutes)
        case date():
            return value - timedelta(days=-(-minutes // _MINUTES_OF_DAY))
    return value


def capped(stamp: str, now: datetime) -> str:
    """The stamp, at most a day from now: a record from the year 9999 must not hide all others."""
    match value_of(stamp):
        case datetime() as value:
            ahead = now + _AHEAD
            return min(stamp, moment(ahead if value.tzinfo else ahead.replace(tzinfo=None)))
        case date():
            return min(stamp, (now + _AHEAD).date().isoformat())
    return stamp
