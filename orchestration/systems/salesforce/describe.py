"""Whether an org has what a source asks for: objects and fields as its describe call tells them.

Nothing is pulled before every field is known to be there and of a type that its column can be read from. A field that
isn't told is gone, or the user has no right to see it: the vendor says the same in both cases.

What a column may come from, by its kind:

| column    | field                                                                                    |
|-----------|------------------------------------------------------------------------------------------|
| id        | id, reference, any text, whole number                                                    |
| text      | anything with one value                                                                  |
| enum      | any text                                                                                 |
| boolean   | boolean, any text                                                                        |
| date, timestamp | date, datetime, any text                                                           |
| money, number, integer, rate | int, double, currency, percent, any text                              |
| currency  | any text                                                                                 |

With a value map any field with one value will do. Compound fields (address, location) and binary ones never.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from orchestration.policy.problems import nearest
from orchestration.policy.sources import Source
from orchestration.sources.errors import SourceError
from orchestration.sources.streams import STREAMS, Kind
from orchestration.systems.http import ApiError
from orchestration.systems.salesforce.session import Session

# A field that isn't the org's: whether a file is attached.
EVIDENCE = "has_evidence"
_NOT_FOUND = 404

_TEXTS = frozenset(
    {"string", "textarea", "url", "phone", "email", "picklist", "multipicklist", "combobox", "encryptedstring"}
)
_IDS = frozenset({"id", "reference"})
_WHOLE = frozenset({"int", "long"})
NUMBERS = _WHOLE | {"double", "currency", "percent"}
_TIMES = frozenset({"date", "datetime"})
_ONE_VALUE = _TEXTS | _IDS | NUMBERS | _TIMES | {"boolean", "time", "anyType"}
_FITTING: Mapping[Kind, frozenset[str]] = MappingProxyType(
    {
        Kind.ID: _IDS | _TEXTS | _WHOLE | {"double"},
        Kind.TEXT: _ONE_VALUE,
        Kind.ENUM: _TEXTS,
        Kind.BOOLEAN: _TEXTS | {"boolean"},
        Kind.DATE: _TEXTS | _TIMES,
        Kind.TIMESTAMP: _TEXTS | _TIMES,
        Kind.MONEY: _TEXTS | NUMBERS,
        Kind.NUMBER: _TEXTS | NUMBERS,
        Kind.INTEGER: _TEXTS | NUMBERS,
        Kind.RATE: _TEXTS | NUMBERS,
        Kind.CURRENCY: _TEXTS,
    }
)
# What a relation to several objects lets through, whichever it points to.
_OF_ANY: Mapping[str, str] = MappingProxyType(
    {
        "Id": "id",
        "Name": "string",
        "Type": "picklist",
        "Email": "email",
        "FirstName": "string",
        "LastName": "string",
        "Alias": "string",
        "Username": "string",
        "Title": "string",
        "Phone": "phone",
        "IsActive": "boolean",
    }
)


@dataclass(frozen=True, slots=True)
class Field:
    """One field as it is asked for: its path in the org's spelling, its type, and what a reference may point to."""

    path: str
    type: str
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Object:
    """One object: types by field name, and what relations point to; both by name in small letters.

    `prefix`: what ids of its records begin with.
    """

    name: str
    prefix: str
    fields: Mapping[str, Field]
    relations: Mapping[str, tuple[str, tuple[str, ...]]]

    def has(self, field: str) -> bool:
        return field.lower() in self.fields


@dataclass(frozen=True, slots=True)
class Asked:
    """What a source asks of an object. `columns`: canonical column to its fields; `EVIDENCE` stands among them.

    `key`: the field with the key of what was made from here, where that is looked at.
    """

    object: Object
    columns: Mapping[str, tuple[Field | str, ...]]
    extra: Mapping[str, Field]
    key: Field | None = None

    @property
    def has_evidence(self) -> bool:
        return any(EVIDENCE in fields for fields in self.columns.values())


class Describe:
    """What the org says it has; every object is asked for once."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: dict[str, Object] = {}

    def object(self, name: str) -> Object:
        """An object by its name. Raises SourceError where the user doesn't see it."""
        if name.lower() not in self._known:
            self._known[name.lower()] = self._ask(name)
        return self._known[name.lower()]

    def field(self, found: Object, path: str) -> Field:
        """A field by its name, or through relations with dots. Raises SourceError."""
        first, dot, rest = path.partition(".")
        if not dot:
            field = found.fields.get(first.lower())
            if field is None:
                raise self._gone(first, found)
            return field
        relation = found.relations.get(first.lower())
        if relation is None:
            names = [name for name, _ in found.relations.values()]
            raise SourceError(
                f"{found.name} has no relation {first}.",
                file=self._session.name,
                place=f"{found.name}.{first}",
                expected=f"one of {', '.join(sorted(names))}" if names else "a field without dots",
                action=nearest(first, names) or "see the relationship names in the org's object manager",
            )
        name, targets = relation
        inner = self.field(self.object(targets[0]), rest) if len(targets) == 1 else self._of_any(name, targets, rest)
        return Field(f"{name}.{inner.path}", inner.type, inner.targets)

    def asked(self, source: Source, key_field: str | None = None) -> Asked:
        """What a source asks for. Raises SourceError for the first thing that isn't there or doesn't fit."""
        problems = []
        found = self.look(source, problems, key_field)
        if found is None or problems:
            raise problems[0]
        return found

    def look(self, source: Source, problems: list[SourceError], key_field: str | None = None) -> Asked | None:
        """What a source asks for, and everything that is wrong with it; None where the object isn't there."""
        try:
            found = self.object(source.object or "")
        except ApiError as error:
            # An outage says nothing about the object.
            raise error
        except SourceError as error:
            problems.append(_of(source, "object", error))
            return None
        columns: dict[str, tuple[Field | str, ...]] = {}
        for column in source.columns:
            columns[column] = tuple(self._mapped(source, found, column, problems))
        extra = dict(self._extra(source, found, problems))
        return Asked(found, columns, extra, self._key(source, found, key_field, problems))

    def _mapped(self, source: Source, found: Object, column: str, problems: list[SourceError]) -> Iterator[Field | str]:
        for asked in source.fields_of(column):
            if asked == EVIDENCE:
                yield EVIDENCE
                continue
            try:
                field = self.field(found, asked)
                _check_type(source, found, column, field)
                yield field
            except ApiError:
                raise
            except SourceError as error:
                problems.append(_of(source, column, error))

    def _extra(self, source: Source, found: Object, problems: list[SourceError]) -> Iterator[tuple[str, Field]]:
        taken = {
            _plain(name): column.name
            for column in STREAMS[source.stream].columns
            for name in (column.name, *column.aliases)
        }
        for asked in source.extra:
            if _plain(asked) in taken:
                problems.append(
                    SourceError(
                        f"the extra field {asked} would be taken for the column {taken[_plain(asked)]}.",
                        file=source.name,
                        place=f"extra, {asked}",
                        action=f"name it under columns: {taken[_plain(asked)]}, or leave it out",
                    )
                )
                continue
            try:
                field = self.field(found, asked)
                if field.type not in _ONE_VALUE:
                    raise _unfit(found, field, "a field with one value")
                yield asked, field
            except ApiError:
                raise
            except SourceError as error:
                problems.append(_of(source, f"extra, {asked}", error))

    def _key(self, source: Source, found: Object, key_field: str | None, problems: list[SourceError]) -> Field | None:
        if key_field is None or found.name != "Task":
            return None
        try:
            return self.field(found, key_field)
        except SourceError as error:
            problems.append(_of(source, "key_field", error))
            return None

    def _ask(self, name: str) -> Object:
        path = self._session.path(f"sobjects/{name}/describe")
        try:
            told = self._session.get(path).body
        except ApiError as error:
            if error.status != _NOT_FOUND:
                raise
            raise self._unseen(name) from None
        if not told.get("queryable", True):
            raise self._unseen(name)
        fields = [one for one in told.get("fields", ()) if isinstance(one, dict) and one.get("name")]
        return Object(
            str(told.get("name", name)),
            str(told.get("keyPrefix") or ""),
            {one["name"].lower(): _field(one) for one in fields},
            {
                one["relationshipName"].lower(): (one["relationshipName"], tuple(one.get("referenceTo") or ()))
                for one in fields
                if one.get("relationshipName") and one.get("referenceTo")
            },
        )

    def versions(self) -> tuple[str, ...]:
        """The versions of the API that the org knows. Raises ApiError."""
        told = self._session.api.json("GET", "/services/data").body
        return tuple(str(one.get("version")) for one in told) if isinstance(told, list) else ()

    def _unseen(self, name: str) -> SourceError:
        version = self._session.policy.api_version
        known = self.versions()
        if known and version not in known:
            return self.version_gone(known)
        return SourceError(
            f"the org has no object {name}, or the user has no right to see it.",
            file=self._session.name,
            place=name,
            action="see its API name in the org's object manager, and that the user's permission set may read it",
        )

    def version_gone(self, known: tuple[str, ...]) -> SourceError:
        """The error of a version that the org doesn't know."""
        return SourceError(
            f"the org doesn't know version {self._session.policy.api_version} of the API.",
            file=self._session.name,
            place="api_version",
            expected=f"one of {', '.join(known)}",
            action="set api_version in policies/systems.yaml",
        )

    def _of_any(self, name: str, targets: tuple[str, ...], rest: str) -> Field:
        for known, kind in _OF_ANY.items():
            if known.lower() == rest.lower():
                return Field(known, kind)
        raise SourceError(
            f"{name} points to one of {', '.join(targets)}, which don't share a field {rest}.",
            file=self._session.name,
            place=f"{name}.{rest}",
            expected=f"one of {', '.join(f'{name}.{known}' for known in _OF_ANY)}",
            action=nearest(rest, _OF_ANY) or "ask for a field of your own on the object instead (a formula)",
        )

    def _gone(self, field: str, found: Object) -> SourceError:
        names = [one.path for one in found.fields.values()]
        return SourceError(
            f"{found.name} has no field {field}, or the user has no right to see it.",
            file=self._session.name,
            place=f"{found.name}.{field}",
            expected=f"a field of {found.name} that the user's permission set may read",
            action=nearest(field, names) or "see its API name in the org's object manager",
        )


def _field(told: Mapping[str, Any]) -> Field:
    return Field(told["name"], str(told.get("type", "")), tuple(told.get("referenceTo") or ()))


def _check_type(source: Source, found: Object, column: str, field: Field) -> None:
    kind = STREAMS[source.stream].column(column).kind
    fitting = _ONE_VALUE if source.value_maps.get(column) else _FITTING[kind]
    if field.type not in fitting:
        raise _unfit(found, field, f"for a column of kind {kind.value}, one of {', '.join(sorted(fitting))}")


def _unfit(found: Object, field: Field, expected: str) -> SourceError:
    return SourceError(
        f"{found.name}.{field.path} is of type {field.type}, which can't be read there.",
        place=f"{found.name}.{field.path}",
        expected=expected,
        action="map another field, or give the column a value map",
    )


def _of(source: Source, column: str, error: SourceError) -> SourceError:
    """The error as one of the source: which column asked for it."""
    where = f"{column}, {error.place}" if error.place else column
    return SourceError(error.message, file=source.name, place=where, expected=error.expected, action=error.action)


def _plain(name: str) -> str:
    # As headers of files are compared.
    return name.replace(" ", "").replace("_", "").lower()
