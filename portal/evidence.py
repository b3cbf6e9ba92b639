"""What the engine says of an action, as people read it: its evidence, and the guards that hold it back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from portal.words import NOTHING, number, words

_LONGEST = 400


def facts(evidence: str | None) -> list[tuple[str, str]]:
    """Evidence as pairs of a name and a value; what isn't an object of JSON is one text without a name."""
    if not evidence:
        return []
    try:
        told = json.loads(evidence)
    except ValueError:
        return [("", evidence)]
    if not isinstance(told, Mapping):
        return [("", _value(told))]
    return [(words(name), _value(value)) for name, value in told.items()]


def guards(text: str | None) -> list[tuple[str, str]]:
    """Guards as pairs of a name and the reason."""
    found = []
    for one in (text or "").split("; "):
        name, _, reason = one.partition(": ")
        if one:
            found.append((words(name), reason) if reason else ("", one))
    return found


def _value(value: Any) -> str:
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return number(value, 2)
    if isinstance(value, str):
        return words(value)[:_LONGEST] if value.isidentifier() else value[:_LONGEST]
    if isinstance(value, list) and all(isinstance(one, str | int | float) for one in value):
        return ", ".join(_value(one) for one in value)[:_LONGEST] or NOTHING
    return json.dumps(value, ensure_ascii=False)[:_LONGEST]
