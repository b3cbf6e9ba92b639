"""The business calendar: whose days these are, when the year begins, the currency of results, what is closed when.

Here: `calendar.yaml`. Not here: which steps closed weeks move (the models).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Annotated, ClassVar
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field

from orchestration.policy.base import PolicyFile, PolicyModel, Text, refuse, setting
from orchestration.policy.problems import Finding, nearest, shown
from orchestration.sources.currencies import CODES

# Names that zone databases hold but that mean whatever the machine says.
_NO_ZONES = frozenset({"localtime", "Factory"})


def _known_zone(name: str) -> str:
    try:
        if name in _NO_ZONES:
            raise KeyError(name)
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        hint = nearest(name, available_timezones())
        raise refuse("an IANA time zone such as UTC or Europe/Berlin", hint) from None
    return name


def _known_currency(code: str) -> str:
    if code not in CODES:
        raise refuse("a currency in use")
    return code


Currency = Annotated[str, Field(strict=True, pattern=r"^[A-Z]{3}$"), AfterValidator(_known_currency)]


# The years for which closed weeks that come every year are written out.
_YEARS = range(2000, 2101)
_DAY = re.compile(r"(\d{4}-)?(\d{2})-(\d{2})")
# A year that has every day.
_LEAP_YEAR = 2000


def _known_day(text: str) -> str:
    expected = "a day of every year such as '06-20', or a date such as '2027-02-01', in quotes"
    if not isinstance(text, str) or not (parts := _DAY.fullmatch(text)):
        raise refuse(expected)
    try:
        date(int((parts[1] or f"{_LEAP_YEAR}-")[:4]), int(parts[2]), int(parts[3]))
    except ValueError:
        raise refuse(expected) from None
    return text


Day = Annotated[str, BeforeValidator(_known_day)]


class Closed(PolicyModel):
    """Days on which a sector isn't reached."""

    industries: Annotated[tuple[Text, ...], Field(min_length=1)] = setting(
        "Industries, as the accounts have them; case doesn't matter.", "industries"
    )
    first: Day = setting("First closed day.", "MM-DD or date", alias="from")
    last: Day = setting("Last closed day.", "MM-DD or date", alias="to")
    why: Text = setting("What it is, in words.", "words")

    @property
    def is_yearly(self) -> bool:
        """Whether it comes every year."""
        return len(self.first) == len("MM-DD")

    def periods(self) -> Iterator[tuple[date, date]]:
        """First and last day of each time it comes; one that comes every year may go over the end of the year."""
        if not self.is_yearly:
            yield date.fromisoformat(self.first), date.fromisoformat(self.last)
            return
        over = self.last < self.first
        for year in _YEARS:
            yield _day_of(year, self.first), _day_of(year + over, self.last)


def _day_of(year: int, text: str) -> date:
    # 29 February is 28 February where there is none.
    month, day = int(text[:2]), int(text[3:])
    try:
        return date(year, month, day)
    except ValueError:
        return date(year, month, day - 1)


def merged(periods: Iterator[tuple[date, date]]) -> list[tuple[date, date]]:
    """Periods that touch or overlap as one, in order."""
    found: list[tuple[date, date]] = []
    for first, last in sorted(periods):
        if found and first <= found[-1][1] + timedelta(days=1):
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


class Calendar(PolicyFile):
    """Time zone, fiscal year, reporting currency and closed weeks."""

    file_name: ClassVar[str] = "calendar.yaml"

    time_zone: Annotated[Text, AfterValidator(_known_zone)] = setting(
        "The business time zone: timestamps count by their date in it, and as_of is a date in it.",
        "IANA time zone name",
    )
    fiscal_year_start_month: Annotated[int, Field(strict=True, ge=1, le=12)] = setting(
        "The month the fiscal year begins with; fiscal quarters are counted from it.",
        "month, 1 to 12",
    )
    reporting_currency: Currency = setting(
        "The currency every amount is published in; amounts without a currency are taken to be in it.",
        "ISO 4217 code, three capital letters",
    )
    closed: tuple[Closed, ...] = setting(
        "Weeks in which a sector isn't reached: steps due in one of them are due on the first day after it.",
        "list of periods",
    )

    def lint(self) -> Iterator[Finding]:
        for index, closed in enumerate(self.closed):
            here = ("closed", index)
            if len(closed.first) != len(closed.last):
                yield Finding((*here, "to"), shown(closed.last), "a day as `from` has it: both MM-DD, or both dates")
            elif not closed.is_yearly and closed.last < closed.first:
                yield Finding((*here, "to"), shown(closed.last), f"a date on or after {closed.first}")
            elif closed.is_yearly and _covers_a_year(closed):
                yield Finding((*here, "to"), shown(closed.last), "a day that leaves some of the year open")

    def closed_periods(self) -> dict[str, list[tuple[date, date]]]:
        """First and last closed days by industry in lower case; periods of one industry never touch."""
        found: dict[str, list[tuple[date, date]]] = {}
        for closed in self.closed:
            for industry in closed.industries:
                found.setdefault(industry.lower(), []).extend(closed.periods())
        return {industry: merged(iter(periods)) for industry, periods in sorted(found.items())}


def _covers_a_year(closed: Closed) -> bool:
    return len(merged(closed.periods())) == 1
