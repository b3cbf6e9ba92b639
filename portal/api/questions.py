"""What an address asks of a table: columns, conditions, order, and where the last answer ended."""

from __future__ import annotations

import base64
import binascii
import difflib
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from starlette.datastructures import QueryParams

from orchestration.publishing.manifest import PublishedTable
from orchestration.publishing.sql import identifier
from portal.web import Refusal

# What isn't a column.
RESERVED = ("columns", "order", "limit", "offset", "cursor")
DEFAULT_ROWS = 100
DEEPEST_OFFSET = 100_000_000
_MOST_CONDITIONS = 120
_MOST_VALUES = 200
LONGEST_VALUE = 1_000
_COMPARED = {"eq": "=", "ne": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
OPERATORS = (*_COMPARED, "in", "contains", "is_null")
_MOST_INTEGER = 2**63
_MOST_DIGITS = 30
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class TableQuestion:
    """A question to one table, ready to be run: all but `values` is made of names that the table has."""

    name: str
    table: PublishedTable
    columns: tuple[str, ...]
    conditions: tuple[str, ...]
    values: Mapping[str, Any]
    # (column, is descending); the key settles what is equal.
    order: tuple[tuple[str, bool], ...]
    limit: int
    offset: int
    # The key of the row after which to go on; None at the beginning, and where the order is another than the key's.
    after: tuple[Any, ...] | None
    digest: str

    @property
    def by_key(self) -> bool:
        """Whether rows come in the order of the key, so that the last one says where to go on."""
        return not self.order and bool(self.table.key)

    @property
    def where(self) -> str:
        return " and ".join(self.conditions) or "true"

    def queries(self) -> tuple[str, str]:
        """The count and the rows, with the table in braces."""
        chosen = ", ".join(identifier(name) for name in dict.fromkeys((*self.columns, *self.table.key)))
        order = [f"{identifier(name)} {'desc' if down else 'asc'} nulls last" for name, down in self.order]
        order += [identifier(name) for name in self.table.key] or ["all"] * (not order)
        where = self.where
        if self.after is not None:
            where += f" and ({_after(self.table.key)})"
        offset = f" offset {self.offset}" if self.offset and self.after is None else ""
        # One more than is shown says whether there is a next answer.
        rows = (
            f"select {chosen} from {{{self.name}}} where {where} order by {', '.join(order)}"  # noqa: S608 - checked names
            f" limit {self.limit + 1}{offset}"
        )
        return f"select count(*) as n from {{{self.name}}} where {self.where}", rows  # noqa: S608 - checked names

    def parameters(self) -> dict[str, Any]:
        """The values of the conditions and of the key to go on after."""
        keys = {} if self.after is None else dict(zip(_key_names(self.table.key), self.after, strict=True))
        return {**self.values, **keys}

    def next_cursor(self, snapshot_id: str, rows: Sequence[Mapping[str, Any]]) -> str | None:
        """Where the next answer begins; None at the end. `rows` has one more than is shown, where there is one."""
        if len(rows) <= self.limit:
            return None
        place: Any = self.offset + self.limit
        if self.by_key:
            last = rows[self.limit - 1]
            place = [_as_text(last[name]) for name in self.table.key]
        said = json.dumps([snapshot_id, self.digest, place], ensure_ascii=False)
        return base64.urlsafe_b64encode(said.encode()).decode().rstrip("=")


def ask(name: str, table: PublishedTable, query: QueryParams, snapshot_id: str, rows_most: int) -> TableQuestion:
    """What an address asks; raises Refusal with what is wrong."""
    types = {column.name: column.type for column in table.columns}
    conditions, values = _conditions(types, query)
    columns = _columns(types, query)
    order = _order(types, query)
    limit = _number(query, "limit", min(DEFAULT_ROWS, rows_most), 1, rows_most)
    offset = _number(query, "offset", 0, 0, DEEPEST_OFFSET)
    asked = [pair for pair in sorted(query.multi_items()) if pair[0] not in ("cursor", "limit", "offset")]
    said = json.dumps([name, asked])
    digest = hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    question = TableQuestion(name, table, columns, conditions, values, order, limit, offset, None, digest)
    cursor = query.get("cursor")
    return question if cursor is None else _go_on(question, cursor, snapshot_id, types)


def _conditions(types: Mapping[str, str], query: QueryParams) -> tuple[tuple[str, ...], dict[str, Any]]:
    conditions: list[str] = []
    values: dict[str, Any] = {}
    asked = [(key, value) for key, value in query.multi_items() if key not in RESERVED]
    if len(asked) > _MOST_CONDITIONS:
        raise _wrong(f"{len(asked)} conditions are asked for, {_MOST_CONDITIONS} at most can be")
    for number, (key, text) in enumerate(asked):
        column, _, operator = key.partition(".")
        operator = operator or "eq"
        if column not in types:
            raise _unknown("column", column, (*types, *RESERVED))
        if operator not in OPERATORS:
            raise _unknown("operator", operator, OPERATORS)
        if len(text) > LONGEST_VALUE:
            raise _wrong(f"{key}: a value has {LONGEST_VALUE} letters at most")
        named = f"v_{_letters(number)}"
        condition, found = _condition(identifier(column), types[column], operator, text, named, key)
        conditions.append(condition)
        values |= found
    return tuple(conditions), values


def _condition(column: str, kind: str, operator: str, text: str, named: str, key: str) -> tuple[str, dict[str, Any]]:
    if operator == "is_null":
        if text not in ("true", "false"):
            raise _wrong(f"{key} is true or false, not {_short(text)}")
        return f"{column} is {'' if text == 'true' else 'not '}null", {}
    if operator == "contains":
        if kind != "VARCHAR":
            raise _wrong(f"{key}: only texts contain something; this is {json_kind(kind)}")
        return f"contains(lower({column}), lower(${named}))", {named: text}
    if operator == "in":
        parts = text.split(",")
        if len(parts) > _MOST_VALUES:
            raise _wrong(f"{key}: {len(parts)} values are asked for, {_MOST_VALUES} at most can be")
        names = [f"{named}_{_letters(number)}" for number in range(len(parts))]
        listed = ", ".join(f"${name}" for name in names)
        return f"{column} in ({listed})", {
            name: value_of(part, kind, key) for name, part in zip(names, parts, strict=True)
        }
    return f"{column} {_COMPARED[operator]} ${named}", {named: value_of(text, kind, key)}


def value_of(text: str, kind: str, key: str) -> Any:
    """A value of an address as the column's type has it; raises Refusal."""
    try:
        if kind == "VARCHAR":
            return text
        if kind == "BOOLEAN":
            return {"true": True, "false": False}[text]
        if kind == "DATE" and _DAY.fullmatch(text):
            return date.fromisoformat(text)
        if kind.startswith("TIMESTAMP"):
            moment = datetime.fromisoformat(text)
            offset = moment.utcoffset()
            return moment.replace(tzinfo=None) - offset if offset else moment.replace(tzinfo=None)
        if kind.startswith("DECIMAL") or kind in ("DOUBLE", "FLOAT"):
            number = Decimal(text)
            if number.is_finite() and len(text) <= _MOST_DIGITS and abs(number.adjusted()) < _MOST_DIGITS:
                return number
        elif kind.endswith("INT") or kind == "INTEGER":
            whole = int(text) if text.isascii() and len(text) <= _MOST_DIGITS else _MOST_INTEGER
            if -_MOST_INTEGER < whole < _MOST_INTEGER:
                return whole
    except (KeyError, ValueError, OverflowError, InvalidOperation):
        pass
    raise _wrong(f"{key} is {json_kind(kind)}, not {_short(text)}")


def json_kind(kind: str) -> str:
    """A type of the database in words."""
    if kind == "VARCHAR":
        return "a text"
    if kind == "BOOLEAN":
        return "true or false"
    if kind == "DATE":
        return "a date such as 2026-06-30"
    if kind.startswith("TIMESTAMP"):
        return "a time such as 2026-06-30T08:00:00Z"
    return "a whole number" if kind.endswith("INT") or kind == "INTEGER" else "a number"


def _columns(types: Mapping[str, str], query: QueryParams) -> tuple[str, ...]:
    text = query.get("columns")
    if text is None:
        return tuple(types)
    chosen = tuple(dict.fromkeys(text.split(",")))
    for name in chosen:
        if name not in types:
            raise _unknown("column", name, types)
    return chosen


def _order(types: Mapping[str, str], query: QueryParams) -> tuple[tuple[str, bool], ...]:
    text = query.get("order")
    if text is None:
        return ()
    found = tuple((part.removeprefix("-"), part.startswith("-")) for part in text.split(","))
    for name, _ in found:
        if name not in types:
            raise _unknown("column", name, types)
    # What comes behind the first of a column orders nothing.
    return tuple((name, down) for place, (name, down) in enumerate(found) if name not in dict(found[:place]))


def _number(query: QueryParams, name: str, default: int, least: int, most: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most)) and least <= int(text) <= most):
        raise _wrong(f"{name} is a number from {least} to {most:,}, not {_short(text)}")
    return int(text)


def _go_on(question: TableQuestion, cursor: str, snapshot_id: str, types: Mapping[str, str]) -> TableQuestion:
    try:
        said = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        snapshot, digest, place = json.loads(said)
        # JSON can name halves of letters, which nothing can be answered with.
        json.dumps([snapshot, digest, place], ensure_ascii=False).encode()
    except (ValueError, binascii.Error, UnicodeError, TypeError, RecursionError):
        raise _wrong("cursor isn't one that an answer gave") from None
    if not isinstance(snapshot, str) or digest != question.digest:
        raise _wrong("cursor belongs to another question; ask the same one with it") from None
    if snapshot != snapshot_id:
        raise Refusal(
            410,
            "Another publication is shown now",
            f"The cursor goes on in {snapshot[:60]}; {snapshot_id} took its place. Begin again without the cursor.",
        )
    if isinstance(place, int) and not isinstance(place, bool) and 0 <= place <= DEEPEST_OFFSET:
        return replace(question, offset=place)
    key = question.table.key
    if not question.by_key or not isinstance(place, list) or len(place) != len(key):
        raise _wrong("cursor isn't one that an answer gave")
    after = tuple(value_of(str(text), types[name], "cursor") for name, text in zip(key, place, strict=True))
    return replace(question, after=after)


def _after(key: Sequence[str]) -> str:
    """The rows after a key, in SQL."""
    names = _key_names(key)
    parts = []
    for place, column in enumerate(key):
        same = [f"{identifier(one)} = ${name}" for one, name in zip(key[:place], names, strict=False)]
        parts.append(" and ".join([*same, f"{identifier(column)} > ${names[place]}"]))
    return " or ".join(f"({part})" for part in parts)


def _key_names(key: Sequence[str]) -> list[str]:
    return [f"after_{_letters(place)}" for place in range(len(key))]


def _letters(number: int) -> str:
    """A number in letters: names of parameters have no digits."""
    return "".join(chr(ord("a") + int(digit)) for digit in str(number))


def _as_text(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:60]}…"


def _wrong(words: str) -> Refusal:
    return Refusal(400, "The address asks for something else", f"{words}.")


def _unknown(what: str, name: str, known: Sequence[str] | Mapping[str, str]) -> Refusal:
    near = difflib.get_close_matches(name[:100], list(known), 1)
    hint = f" Did you mean {near[0]}?" if near else ""
    return Refusal(400, f"No such {what}", f"There is no {what} {_short(name) or '(empty)'}.{hint}")
