"""The dates of a backfill."""

from __future__ import annotations

from datetime import date

import pytest

from orchestration.backfill import Every, as_of_dates


def days(*texts: str) -> list[date]:
    return [date.fromisoformat(text) for text in texts]


@pytest.mark.parametrize(
    ("first", "last", "every", "expected"),
    [
        ("2026-06-28", "2026-06-30", Every.DAY, days("2026-06-28", "2026-06-29", "2026-06-30")),
        ("2026-06-10", "2026-06-30", Every.WEEK, days("2026-06-16", "2026-06-23", "2026-06-30")),
        ("2026-06-16", "2026-06-30", Every.WEEK, days("2026-06-16", "2026-06-23", "2026-06-30")),
        # A month's last day leads to last days, another day keeps its number where the month has it.
        ("2026-01-31", "2026-04-30", Every.MONTH, days("2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30")),
        ("2026-01-01", "2026-03-30", Every.MONTH, days("2026-01-30", "2026-02-28", "2026-03-30")),
        ("2025-11-15", "2026-01-15", Every.MONTH, days("2025-11-15", "2025-12-15", "2026-01-15")),
        ("2026-01-15", "2026-01-15", Every.MONTH, days("2026-01-15")),
    ],
)
def test_dates_are_counted_back_from_the_last(first: str, last: str, every: Every, expected: list[date]) -> None:
    assert as_of_dates(date.fromisoformat(first), date.fromisoformat(last), every) == expected


def test_a_backfill_of_two_years_of_months_has_twenty_four_dates() -> None:
    assert len(as_of_dates(date(2024, 7, 1), date(2026, 6, 30), Every.MONTH)) == 24


def test_a_backfill_does_not_go_backwards() -> None:
    with pytest.raises(ValueError, match="not from 2026-06-30 to 2026-06-29"):
        as_of_dates(date(2026, 6, 30), date(2026, 6, 29), Every.DAY)
