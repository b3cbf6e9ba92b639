"""Figures and dates as people read them, each with the exact value at hand: filters of the templates."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from jinja2.filters import do_urlencode
from markupsafe import Markup, escape

NOTHING = "–"
_STEPS = ((Decimal(10**9), "B"), (Decimal(10**6), "M"), (Decimal(10**3), "K"))
_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
# What the parts of a name stand for; texts of people aren't names and stay as they are.
_NAME = re.compile(r"[a-z0-9_]+")
_SHORT = {"hc": "health check"} | {
    part: part.upper() for part in ("ae", "arr", "csat", "csm", "geo", "nps", "qbr", "sla")
}
_LONGEST_NAME = 120
# Formatted values that are kept.
_KEPT = 8_192


def short_number(value: Decimal | float | int) -> str:
    """Three figures and a letter: 1.2M, 45.3K, 812."""
    number = Decimal(str(value))
    for step, letter in _STEPS:
        if abs(number) >= step - step / 2000:
            scaled = number / step
            places = 2 if abs(scaled) < 10 else 1 if abs(scaled) < 100 else 0
            return f"{_plain(round(scaled, places))}{letter}"
    return _plain(round(number, 0))


def exact_number(value: Decimal | float | int) -> str:
    """Every digit, with separators."""
    return f"{_plain(Decimal(str(value)).normalize())}" if value else "0"


def _plain(number: Decimal) -> str:
    text = f"{number:,f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


def number(value: Decimal | float | int | None, places: int = 1) -> str:
    """With at most so many decimals."""
    return NOTHING if value is None else _plain(round(Decimal(str(value)), places))


def signed(value: Decimal | float | int | None, places: int = 1) -> str:
    """With its sign, and a real minus."""
    if value is None:
        return NOTHING
    text = number(abs(value), places)
    return text if text == "0" else f"{'+' if value > 0 else '−'}{text}"


def percent(value: Decimal | float | int | None, places: int = 0) -> str:
    """Of a value in percent."""
    return NOTHING if value is None else f"{number(value, places)} %"


def words(name: str | None) -> str:
    """A name of a table or a value as words: hc_past_due → health check past due."""
    return NOTHING if name is None else _words(str(name))


@lru_cache(_KEPT)
def _words(text: str) -> str:
    if _NAME.fullmatch(text):
        return " ".join(_SHORT.get(part, part) for part in text.split("_"))
    return text.replace("_", " ")


def day(value: date | None) -> str:
    """12 May 2026."""
    return NOTHING if value is None else f"{value.day} {value:%B %Y}"


def short_day(value: date | None) -> str:
    """12 May 26."""
    return NOTHING if value is None else f"{value.day} {value:%b %y}"


def from_day(value: date | None, today: date) -> str:
    """21 days ago, in 3 days, today."""
    if value is None:
        return NOTHING
    days = (value - today).days
    if days == 0:
        return "today"
    if abs(days) == 1:
        return "tomorrow" if days > 0 else "yesterday"
    return f"in {days:,} days" if days > 0 else f"{-days:,} days ago"


def moment(value: datetime | None) -> str:
    """21 Nov 2026, 08:15 UTC."""
    return NOTHING if value is None else f"{value.day} {value:%b %Y, %H:%M} UTC"


@lru_cache(_KEPT)
def name(value: str | None) -> Markup:
    """A text of the sources: escaped, with a direction of its own, and cut where it is huge."""
    if value is None or not value.strip():
        return Markup('<span class="none">no name</span>')
    shown = value if len(value) <= _LONGEST_NAME else f"{value[:_LONGEST_NAME].rstrip()}…"
    return Markup(f"<bdi>{escape(shown)}</bdi>")


def filters(currency: str) -> dict[str, Callable[..., Any]]:
    """The filters by the names that templates use."""
    sign = _SIGNS.get(currency)

    # The same amounts and dates stand in a page again and again.
    @lru_cache(_KEPT)
    def money_of(text: str) -> Markup:
        value = Decimal(text)
        short = short_number(abs(value))
        shown = f"{sign}{short}" if sign else f"{short} {currency}"
        minus = "−" if value < 0 else ""
        title = escape(f"{value:,.2f} {currency}")
        return Markup(f'<data value="{escape(text)}" title="{title}">{minus}{escape(shown)}</data>')

    def money(value: Decimal | float | int | None) -> Markup:
        """$1.2M, with the cents at hand."""
        return Markup(NOTHING) if value is None else money_of(str(value))

    @lru_cache(_KEPT)
    def day_of(value: date | None, today: date | None = None) -> Markup:
        """A date, and how far away it is."""
        if value is None:
            return Markup(NOTHING)
        far = f' <span class="far">{escape(from_day(value, today))}</span>' if today else ""
        return Markup(f'<time datetime="{value.isoformat()}">{escape(day(value))}</time>{far}')

    # Ids in addresses, again and again on every page.
    kept_urlencode = lru_cache(_KEPT)(do_urlencode)

    def urlencode(value: Any) -> str:
        """For a part of an address, as Jinja's filter of that name."""
        return kept_urlencode(value) if isinstance(value, str) else do_urlencode(value)

    return {
        "urlencode": urlencode,
        "money": money,
        "day": day_of,
        "short_day": short_day,
        "far": from_day,
        "moment": moment,
        "number": number,
        "exact": exact_number,
        "short": short_number,
        "signed": signed,
        "percent": percent,
        "words": words,
        "name": name,
        "lines": lambda text: Markup("<br>").join(escape(line) for line in (text or "").splitlines()),
    }
