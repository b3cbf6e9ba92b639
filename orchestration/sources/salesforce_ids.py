"""Salesforce's ids: 15 characters that differ by case, or 18 that don't; here all become 18.

The last three characters tell which of the first fifteen are capitals, five a character. Anything that doesn't look
like an id of 15 stays as it is.
"""

from __future__ import annotations

import re

from orchestration.sources.sqltext import Sql, compose, joined, literal

_SHORT = r"[0-9A-Za-z]{15}"
_LENGTH, _PART = 15, 5
_CHECKS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def long_id(text: str) -> str:
    """The 18 characters of an id of 15; any other text as it is."""
    if not re.fullmatch(_SHORT, text, re.ASCII):
        return text
    return text + "".join(
        _CHECKS[sum(1 << n for n, letter in enumerate(text[start : start + _PART]) if letter.isupper())]
        for start in range(0, _LENGTH, _PART)
    )


def long_id_sql(text: Sql) -> Sql:
    """The same of a text in DuckDB's SQL."""
    return compose(
        "CASE WHEN strlen({text}) = {length} AND regexp_full_match({text}, {short})"
        " THEN {text} || {checks} ELSE {text} END",
        text=text,
        length=literal(_LENGTH),
        short=literal(_SHORT),
        checks=joined((_check(text, start) for start in range(0, _LENGTH, _PART)), " || "),
    )


def _check(text: Sql, start: int) -> Sql:
    bits = (
        compose(
            "CASE WHEN {text}[{place}] BETWEEN 'A' AND 'Z' THEN {bit} ELSE 0 END",
            text=text,
            place=literal(start + n + 1),
            bit=literal(1 << n),
        )
        for n in range(_PART)
    )
    return compose("{checks}[1 + {bits}]", checks=literal(_CHECKS), bits=joined(bits, " + "))
