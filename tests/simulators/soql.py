"""A reader of the query language: field lists with parents' fields, conditions, order, limit, count().

What the vendor refuses is refused in the vendor's words as far as they are known. Child queries, grouping and date
literals such as TODAY are not read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from tests.simulators.company import Company, Row
from tests.simulators.objects import Field, Object, long_id

LONGEST = 100_000
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>'(?:[^'\\]|\\.)*')
    | (?P<stamp>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))
    | (?P<day>\d{4}-\d\d-\d\d)
    | (?P<number>-?\d+(?:\.\d+)?)
    | (?P<word>[A-Za-z_][\w.]*)
    | (?P<mark><=|>=|!=|<>|[=<>(),])
    )""",
    re.VERBOSE,
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a is not None and b is not None and a < b,
    "<=": lambda a, b: a is not None and b is not None and a <= b,
    ">": lambda a, b: a is not None and b is not None and a > b,
    ">=": lambda a, b: a is not None and b is not None and a >= b,
}
_NO_JOIN = ("Task", "Event")
_UNFILTERED = "ContentDocumentLink"
_STAMPS, _DAYS, _FLAGS = ("datetime",), ("date",), ("boolean",)
_NUMBERS = ("int", "double", "currency", "percent")


class QueryError(Exception):
    """What the vendor answers a query with that it can't run."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Condition:
    """A field, an operator, and a value, values, or a query of ids. `all`, `any`, `not` hold conditions instead."""

    operator: str
    path: str = ""
    value: Any = None
    parts: tuple[Condition, ...] = ()


@dataclass
class Query:
    """One query as written."""

    name: str
    fields: list[str]
    counts: bool = False
    where: Condition | None = None
    order: list[tuple[str, bool]] = field(default_factory=list)
    limit: int | None = None


@dataclass(frozen=True)
class Text:
    """A literal in quotes, to tell it from words without."""

    value: str


# --- Reading what is written.


def parse(text: str) -> Query:
    """Read a query."""
    if len(text) > LONGEST:
        raise QueryError("MALFORMED_QUERY", f"SOQL statements cannot be longer than {LONGEST} characters.")
    reader = _Reader(text)
    query = reader.query()
    if reader.tokens:
        raise reader.unexpected()
    return query


class _Reader:
    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        at, text = 0, text.strip()
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise QueryError("MALFORMED_QUERY", f"unexpected token: '{text[at : at + 20].strip()}'")
            self.tokens.append((found.lastgroup or "", found[found.lastgroup or 0]))
            at = found.end()

    def unexpected(self) -> QueryError:
        token = self.tokens[0][1] if self.tokens else "<EOF>"
        return QueryError("MALFORMED_QUERY", f"unexpected token: '{token}'")

    def peek(self) -> str:
        return self.tokens[0][1].lower() if self.tokens else ""

    def accept(self, *words: str) -> bool:
        if [token.lower() for _, token in self.tokens[: len(words)]] != list(words):
            return False
        del self.tokens[: len(words)]
        return True

    def expect(self, *words: str) -> None:
        if not self.accept(*words):
            raise self.unexpected()

    def word(self) -> str:
        if not self.tokens or self.tokens[0][0] != "word":
            raise self.unexpected()
        return self.tokens.pop(0)[1]

    def query(self) -> Query:
        self.expect("select")
        counts = self.accept("count", "(", ")")
        fields = [] if counts else [self.word()]
        while not counts and self.accept(","):
            fields.append(self.word())
        self.expect("from")
        query = Query(self.word(), fields, counts)
        if self.accept("where"):
            query.where = self.any()
        if self.accept("order", "by"):
            query.order.append(self.ordering())
            while self.accept(","):
                query.order.append(self.ordering())
        if self.accept("limit"):
            query.limit = int(self.tokens.pop(0)[1])
        return query

    def ordering(self) -> tuple[str, bool]:
        path, down = self.word(), False
        if self.peek() in ("asc", "desc"):
            down = self.word().lower() == "desc"
        if self.accept("nulls") and not (self.accept("first") or self.accept("last")):
            raise self.unexpected()
        return path, down

    def any(self) -> Condition:
        parts = [self.all()]
        while self.accept("or"):
            parts.append(self.all())
        return parts[0] if len(parts) == 1 else Condition("any", parts=tuple(parts))

    def all(self) -> Condition:
        parts = [self.one()]
        while self.accept("and"):
            parts.append(self.one())
        return parts[0] if len(parts) == 1 else Condition("all", parts=tuple(parts))

    def one(self) -> Condition:
        if self.accept("not"):
            return Condition("not", parts=(self.one(),))
        if self.accept("("):
            inner = self.any()
            self.expect(")")
            return inner
        path = self.word()
        if self.accept("not", "in"):
            return Condition("not", parts=(Condition("in", path, self.values()),))
        if self.accept("in"):
            return Condition("in", path, self.values())
        if self.accept("like"):
            return Condition("like", path, self.literal())
        if not self.tokens or self.peek() not in _COMPARE:
            raise self.unexpected()
        return Condition(self.tokens.pop(0)[1], path, self.literal())

    def values(self) -> Query | list[Any]:
        self.expect("(")
        if self.peek() == "select":
            found: Query | list[Any] = self.query()
        else:
            found = [self.literal()]
            while self.accept(","):
                found.append(self.literal())
        self.expect(")")
        return found

    def literal(self) -> Any:
        if not self.tokens:
            raise self.unexpected()
        kind, token = self.tokens.pop(0)
        if kind == "text":
            return Text(_unescape(token[1:-1]))
        if kind == "stamp":
            return datetime.fromisoformat(token).astimezone(UTC)
        if kind == "day":
            return date.fromisoformat(token)
        if kind == "number":
            return float(token)
        known: dict[str, Any] = {"true": True, "false": False, "null": None}
        if kind == "word" and token.lower() in known:
            return known[token.lower()]
        raise QueryError("MALFORMED_QUERY", f"unexpected token: '{token}'")


def _unescape(text: str) -> str:
    special = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
    return re.sub(r"\\(.)", lambda found: special.get(found[1], found[1]), text, flags=re.DOTALL)


# --- Running it.


class Runner:
    """Runs queries for a user, who sees `objects`: what the user may read, with the fields that the user may read.

    `all_files`: the user has the permission Query All Files.
    """

    def __init__(self, company: Company, objects: dict[str, Object], *, all_files: bool = False) -> None:
        self.company = company
        self.objects = objects
        self.all_files = all_files
        self._of_prefix = {one.prefix: one.name for one in company.objects.values()}

    def run(self, query: Query, *, everything: bool) -> list[Row]:
        """The records that match, in order. `everything`: deleted and archived ones too."""
        query.name = self._object(query.name).name
        self._check(query)
        matches = self._matcher(query.name, query.where)
        found = [
            row
            for row in self.company.tables[query.name].values()
            if (everything or not (row["IsDeleted"] or row.get("IsArchived"))) and matches(row)
        ]
        for path, down in reversed(query.order):
            read = self.reader(query.name, path)
            found.sort(key=lambda row, read=read: _rank(read(row)), reverse=down)
        return found[: query.limit]

    def reader(self, name: str, path: str) -> Callable[[Row], Any]:
        """A function that reads a field, or a parent's, of a record."""
        first, _, rest = path.partition(".")
        if not rest:
            wanted = self.field(name, first).name
            return lambda row: row[wanted]
        link = self._relation(name, first)
        if rest.lower() in ("type", "name") and len(link.parents) > 1:
            return lambda row: self._of_any(row[link.name], rest.lower())
        inner = self.reader(self._object(link.parents[0]).name, rest)

        def read(row: Row) -> Any:
            parent = self.company.tables[link.parents[0]].get(row[link.name])
            return None if parent is None else inner(parent)

        return read

    def field(self, name: str, field_name: str) -> Field:
        """A field that the user may read."""
        for known, found in self.objects[name].fields.items():
            if known.lower() == field_name.lower():
                return found
        raise QueryError(
            "INVALID_FIELD",
            f"No such column '{field_name}' on entity '{name}'. If you are attempting to use a custom field, be sure "
            "to append the '__c' after the custom field name. Please reference your WSDL or the describe call for the "
            "appropriate names.",
        )

    def parent(self, name: str, relation: str, row: Row) -> tuple[str, Row] | None:
        """The object and the record that a record points to."""
        link = self._relation(name, relation)
        if len(link.parents) == 1:
            found = self.company.tables[link.parents[0]].get(row[link.name])
            return None if found is None else (link.parents[0], found)
        key = row[link.name]
        # One of several objects: only what all of them have.
        return key and ("Name", {"Id": key, "Name": self._of_any(key, "name"), "Type": self._of_any(key, "type")})

    def _of_any(self, key: str | None, what: str) -> Any:
        name = self._of_prefix.get((key or "")[:3])
        if name is None or what == "type":
            return name
        return self.company.tables[name].get(key, {}).get("Name")

    def _object(self, name: str) -> Object:
        for known, found in self.objects.items():
            if known.lower() == name.lower():
                return found
        raise QueryError("INVALID_TYPE", f"sObject type '{name}' is not supported.")

    def _relation(self, name: str, relation: str) -> Field:
        for found in self.objects[name].fields.values():
            if found.relation and found.relation.lower() == relation.lower():
                return found
        raise QueryError(
            "INVALID_FIELD", f"Didn't understand relationship '{relation}' in field path on entity '{name}'."
        )

    def _check(self, query: Query) -> None:
        for path in (*query.fields, *(path for path, _ in query.order)):
            self.reader(query.name, path)
        if query.name == _UNFILTERED and not self.all_files and not _names_ids(query.where):
            raise QueryError(
                "MALFORMED_QUERY",
                "Implementation restriction: ContentDocumentLink requires a filter by a single Id on ContentDocumentId "
                "or LinkedEntityId using the equals operator or multiple Id's using the IN operator.",
            )

    def _matcher(self, name: str, condition: Condition | None) -> Callable[[Row], bool]:
        if condition is None:
            return lambda _: True
        if condition.parts:
            parts = [self._matcher(name, part) for part in condition.parts]
            if condition.operator == "not":
                return lambda row: not parts[0](row)
            combine = all if condition.operator == "all" else any
            return lambda row: combine(part(row) for part in parts)
        read = self.reader(name, condition.path)
        kind = self._type(name, condition.path)
        if condition.operator == "in":
            wanted = set(self._values(kind, condition))
            return lambda row: _folded(read(row)) in wanted
        value = _as(kind, condition.path, condition.value)
        if condition.operator == "like":
            pattern = re.escape(str(value)).replace("%", ".*").replace("_", ".")
            return lambda row: re.fullmatch(pattern, str(_folded(read(row)) or ""), re.DOTALL) is not None
        compare = _COMPARE[condition.operator]
        return lambda row: compare(_folded(read(row)), value)

    def _values(self, kind: str, condition: Condition) -> Sequence[Any]:
        if not isinstance(condition.value, Query):
            return [_as(kind, condition.path, one) for one in condition.value]
        inner = condition.value
        inner.name = self._object(inner.name).name
        if inner.name in _NO_JOIN:
            raise QueryError("MALFORMED_QUERY", f"Entity '{inner.name}' is not supported for semi join inner selects")
        read = self.reader(inner.name, inner.fields[0])
        return [_folded(read(row)) for row in self.run(inner, everything=False)]

    def _type(self, name: str, path: str) -> str:
        *links, last = path.split(".")
        for link in links:
            name = self._relation(name, link).parents[0]
        return "string" if links and last.lower() == "type" else self.field(name, last).type


def _names_ids(where: Condition | None) -> bool:
    parts = (where.parts if where.operator == "all" else (where,)) if where else ()
    return any(
        part.operator in ("=", "in") and part.path.lower() in ("id", "contentdocumentid", "linkedentityid")
        for part in parts
    )


def _as(kind: str, path: str, value: Any) -> Any:
    # A literal of the field's type; the vendor doesn't convert.
    if value is None:
        return None
    fits = {
        **dict.fromkeys(_STAMPS, isinstance(value, datetime)),
        **dict.fromkeys(_DAYS, isinstance(value, date) and not isinstance(value, datetime)),
        **dict.fromkeys(_FLAGS, isinstance(value, bool)),
        **dict.fromkeys(_NUMBERS, isinstance(value, float)),
    }.get(kind, isinstance(value, Text))
    if not fits:
        quoted = isinstance(value, Text)
        raise QueryError(
            "INVALID_FIELD",
            f"value of filter criterion for field '{path}' must be of type {'dateTime' if kind in _STAMPS else kind} "
            f"and should {'not ' if quoted else ''}be enclosed in quotes",
        )
    if not isinstance(value, Text):
        return value
    if kind in ("id", "reference"):
        return long_id(value.value).lower() if len(value.value) == 15 else value.value.lower()
    return value.value.lower()


def _folded(value: Any) -> Any:
    # Text compares without case.
    return value.lower() if isinstance(value, str) else value


def _rank(value: Any) -> tuple[bool, Any]:
    return (value is not None, value.lower() if isinstance(value, str) else value if value is not None else 0)
