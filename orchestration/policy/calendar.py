"""The business calendar: whose days these are, when the year begins, which currency results are in.

Here: `calendar.yaml`. Not here: sector calendars that move steps out of closed weeks.
"""

from __future__ import annotations

from typing import Annotated, ClassVar
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field

from orchestration.policy.base import PolicyFile, Text, refuse, setting
from orchestration.policy.problems import nearest
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


class Calendar(PolicyFile):
    """Time zone, fiscal year and reporting currency."""

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
