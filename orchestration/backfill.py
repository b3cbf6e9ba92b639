"""The as-of dates of a backfill: from one date to another, a day, a week or a month apart.

Here: which dates, and in which order. Not here: the refreshes themselves (`launch.py`).
"""

from __future__ import annotations

import calendar
from datetime import date, timedelta
from enum import StrEnum


class Every(StrEnum):
    """How far apart the dates of a backfill are."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


def as_of_dates(first: date, last: date, every: Every) -> list[date]:
    """The dates from `first` to `last`, both among them where they fit, the earliest first.

    They are counted back from `last`, since that is the date people mean: months keep its day, or the month's last day
    where it has none of that number, and a last day of a month gives last days. Raises ValueError when `first` is the
    later one.
    """
    if first > last:
        raise ValueError(f"a backfill goes from an earlier date to a later one, not from {first} to {last}")
    dates, back = [], 0
    while (day := _before(last, back, every)) >= first:
        dates.append(day)
        back += 1
    return dates[::-1]


def _before(last: date, back: int, every: Every) -> date:
    if every is not Every.MONTH:
        return last - timedelta(days=back * (7 if every is Every.WEEK else 1))
    months = last.year * 12 + last.month - 1 - back
    year, month = divmod(months, 12)
    length = calendar.monthrange(year, month + 1)[1]
    is_month_end = last.day == calendar.monthrange(last.year, last.month)[1]
    return date(year, month + 1, length if is_month_end else min(last.day, length))
