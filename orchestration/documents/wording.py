"""Texts, figures and dates as documents show them. Whatever the sources hold comes out as plain text of one line."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

NOTHING = "–"
LONGEST_NAME = 60
# Marks that turn the direction of what follows: in a name they would turn the sentence around it.
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
# Units that say nothing beside the label.
_COUNTED = (None, "", "points", "tickets", "signals", "expansions")
_OCCASIONS = {"post_start": "after the start of the contract", "pre_end": "before the end of the contract"}
_STEPS = ((Decimal(10**9), "B"), (Decimal(10**6), "M"), (Decimal(10**3), "K"))


def plain(text: object, longest: int | None = None) -> str:
    """Text of the sources: one line, without what XML can't hold and marks of direction; cut with an ellipsis."""
    if text is None:
        return ""
    # Nobody reads a text of a million letters: what is cut off isn't looked at.
    raw = str(text)[: 4 * longest + 1_000] if longest else str(text)
    kept = "".join(" " if _is_blank(letter) else letter for letter in raw if letter not in _TURNING)
    line = " ".join(kept.split())
    if longest is None or width(line) <= longest:
        return line
    return f"{_head(line, longest - 1).rstrip()}…"


def name(text: object, longest: int = LONGEST_NAME) -> str:
    """The name of an account or a person."""
    return plain(text, longest) or "(no name)"


def width(text: str) -> int:
    """How wide a text is, in letters: those of East Asia and pictures take two."""
    return len(text) if text.isascii() else sum(_width(letter) for letter in text)


def words(key: str | None) -> str:
    """support_quality as people read it."""
    return NOTHING if key is None else plain(key).replace("_", " ")


def capital(text: str) -> str:
    """With a capital letter first."""
    return text[:1].upper() + text[1:]


def number(value: Decimal | float | int | None, places: int = 1) -> str:
    """With at most so many decimals."""
    if value is None:
        return NOTHING
    text = f"{_rounded(value, places):,f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("", "-0", "-") else text.replace("-", "−")


def money(value: Decimal | float | int | None, currency: str) -> str:
    """1.2M and its currency, in three figures."""
    if value is None:
        return NOTHING
    size = abs(Decimal(str(value)))
    short = number(size, 0)
    for step, letter in _STEPS:
        if size >= step:
            scaled = size / step
            short = f"{number(scaled, 2 if scaled < 10 else 1 if scaled < 100 else 0)}{letter}"
            break
    sign = _SIGNS.get(currency)
    shown = f"{sign}{short}" if sign else f"{short} {currency}"
    return f"−{shown}" if value < 0 else shown


def quantity(value: Decimal | float | int | None, unit: str | None, places: int = 1) -> str:
    """A figure with its unit: 25 %, 11.3 tickets a month, yes."""
    if value is None:
        return NOTHING
    if unit == "yes or no":
        return "yes" if value else "no"
    if unit in _COUNTED:
        return number(value, places)
    return f"{number(value, places)} {unit}"


def day(value: date | None) -> str:
    """12 May 2026."""
    return NOTHING if value is None else f"{value.day} {value:%B %Y}"


def short_day(value: date | None) -> str:
    """12 May 2026, with the month in three letters."""
    return NOTHING if value is None else f"{value.day} {value:%b %Y}"


def month(value: date) -> str:
    """May 26."""
    return f"{value:%b %y}"


def counted(count: int, one: str, many: str | None = None) -> str:
    """1 action, 3 actions."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def first_of(shown: int, total: int) -> str:
    """Which part of a list is shown, ", first 7 of 11"; nothing where it is the whole."""
    return f", first {shown} of {total:,}" if shown < total else ""


def occasion(milestone: str | None) -> str:
    """A milestone of a contract as people outside the team read it."""
    return _OCCASIONS.get(milestone or "", words(milestone))


def listed(parts: Iterable[str]) -> str:
    """a, b and c."""
    found = list(parts)
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} and {found[-1]}" if found else ""


def _rounded(value: Decimal | float | int, places: int) -> Decimal:
    return Decimal(str(value)).quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)


def _is_blank(letter: str) -> bool:
    return unicodedata.category(letter) in ("Cc", "Cs", "Cn", "Zl", "Zp")


def _width(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in ("W", "F") else 1


def _head(text: str, longest: int) -> str:
    total = 0
    for place, letter in enumerate(text):
        total += _width(letter)
        if total > longest:
            return text[:place]
    return text
