"""Writing to one org: many records' fields in a call with a result for each, single records, and finding them again.

A write is never repeated by itself: whether it may be made again is the caller's to know. Only where the session had
ended is it made once more with a new token, since it wasn't looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from orchestration.policy.problems import nearest
from orchestration.policy.write_back import COLUMNS, RECORD_ID, Kind, Target
from orchestration.sources.errors import SourceError
from orchestration.systems.http import ApiError
from orchestration.systems.salesforce.session import Session

# Errors of a record that go away by themselves. Triggers bring a lock as an error of their own, with its code in words.
_LATER = ("UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE", "REQUEST_RUNNING_TOO_LONG", "QUERY_TIMEOUT")
_NUMBERS = frozenset({"int", "long", "double", "currency", "percent"})
_TEXTS = frozenset({"string", "textarea", "picklist", "multipicklist", "combobox", "url", "email", "phone"})
_FITTING: Mapping[Kind, frozenset[str]] = {
    "number": _NUMBERS,
    "text": _TEXTS,
    "date": frozenset({"date"}),
    "boolean": frozenset({"boolean"}),
}
# Without it the org's assignment rules would run for every account that is written to.
_NO_RULES = {"Sforce-Auto-Assign": "FALSE"}
# What a task gets beside its key, where the message has it.
TASK_FIELDS = ("WhatId", "Subject", "Description", "ActivityDate", "Status", "Priority", "OwnerId")
_CUT = "…"
_LONGEST_WORDS = 500
_RIGHTS = "the user's permission set lets it be edited"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one record: accepted, or why not. `again`: it may be accepted another time."""

    problem: str | None = None
    again: bool = False


@dataclass(frozen=True, slots=True)
class Writable:
    """A field that may be written. `length`: of texts, 0 where there is no limit."""

    name: str
    length: int


class Writer:
    """Writing to one org, by its session."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def fields(self, target: Target) -> Mapping[str, Writable]:
        """The fields of a target as the org has them. Raises SourceError for all that can't be written there."""
        known = self._described(target.object)
        problems: list[str] = []
        found: dict[str, Writable] = {}
        for name, column in target.fields.items():
            field = known.get(name.lower())
            problem = _unwritable(target, name, COLUMNS[column], field, [one["name"] for one in known.values()])
            if problem:
                problems.append(problem)
            else:
                found[name] = Writable(name, int(field.get("length") or 0))
        key = known.get(target.external_id.lower())
        if target.external_id != RECORD_ID and (key is None or not key.get("externalId")):
            problems.append(f"{target.object}.{target.external_id} is no external id, or the user may not see it")
        if problems:
            raise self._unfit(target.object, problems, "fields of policies/write_back.yaml")
        return found

    def try_tasks(self, key_field: str) -> None:
        """See that tasks with a key can be made and found again. Raises SourceError for what stands against it."""
        known, problems = self._described("Task"), []
        for name in (key_field, *TASK_FIELDS):
            field = known.get(name.lower())
            if field is None or not field.get("createable"):
                problems.append(f"Task.{name} isn't there, or can't be set by this user")
        if not known.get(key_field.lower(), {}).get("filterable", True):
            problems.append(f"Task.{key_field} can't be asked for; a text field can")
        if problems:
            raise self._unfit("Task", problems, "key_field of policies/systems.yaml")

    def update(
        self, target: Target, fields: Mapping[str, Writable], rows: Sequence[tuple[str, Mapping[str, Any]]]
    ) -> list[Outcome]:
        """Write values into records by their ids, 200 at most, each for itself; gives an outcome for each, in order.

        By Id records are updated; by an external id the call is an upsert, which can't make a record here: an account
        needs a name, and none is sent. Raises ApiError where the call as a whole failed.
        """
        by_id = target.external_id == RECORD_ID
        key = "id" if by_id else target.external_id
        path = "composite/sobjects" if by_id else f"composite/sobjects/{target.object}/{target.external_id}"
        records = [
            {"attributes": {"type": target.object}, key: record_id}
            | {name: _fitted(value, fields[name]) for name, value in values.items()}
            for record_id, values in rows
        ]
        told = self._write("PATCH", path, {"allOrNone": False, "records": records})
        if not isinstance(told, list) or len(told) != len(records):
            raise self.session.error("the answer doesn't have a result for each record.", path)
        return [_outcome(one) for one in told]

    def create(self, name: str, fields: Mapping[str, Any]) -> str:
        """Make a record; gives its id. Raises ApiError."""
        told = self._write("POST", f"sobjects/{name}", fields)
        return str(told.get("id") or "") if isinstance(told, dict) else ""

    def change(self, name: str, key: str, fields: Mapping[str, Any]) -> None:
        """Change fields of the record of an Id. Raises ApiError."""
        self._write("PATCH", f"sobjects/{name}/{quote(key, safe='')}", fields)

    def read(self, name: str, key: str, field: str) -> Any:
        """A field of the record of an Id. Raises ApiError."""
        return self._get(f"sobjects/{name}/{quote(key, safe='')}", {"fields": field}).get(field)

    def find(self, name: str, field: str, value: str) -> list[str]:
        """Ids of records whose field has a value, deleted and archived ones too, two at most. Raises ApiError."""
        query = f"SELECT Id FROM {name} WHERE {field} = {_quoted(value)} LIMIT 2"  # noqa: S608 - names of policy
        return [str(one["Id"]) for one in self._get("queryAll", {"q": query}).get("records") or ()]

    def close(self) -> None:
        """Let go of connections."""
        self.session.close()

    def _described(self, name: str) -> Mapping[str, Mapping[str, Any]]:
        told = self._get(f"sobjects/{name}/describe").get("fields") or ()
        return {str(one.get("name", "")).lower(): one for one in told}

    def _unfit(self, name: str, problems: Sequence[str], where: str) -> SourceError:
        return SourceError(
            f"{'; '.join(problems)}.",
            file=self.session.name,
            place=name,
            expected=f"fields that are there, fit their column, and that {_RIGHTS}",
            action=f"mend the {where}, or the permission set; nothing is lost",
        )

    def _get(self, rest: str, params: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        answer = self.session.api.json("GET", self.session.path(rest), params=params)
        return answer.body if isinstance(answer.body, dict) else {}

    def _write(self, method: str, rest: str, body: Any) -> Any:
        path = self.session.path(rest)
        return self.session.api.json(method, path, body=body, headers=_NO_RULES, repeats=False).body


def may_pass(error: ApiError) -> bool:
    """Whether an error that a call as a whole ended in is one that goes away by itself."""
    told = error.body if isinstance(error.body, list) else [error.body]
    return any(_passes(one) for one in told if isinstance(one, dict))


def _passes(error: Mapping[str, Any]) -> bool:
    words = f"{error.get('statusCode') or error.get('errorCode')}: {error.get('message')}"
    return any(code in words for code in _LATER)


def _outcome(told: Any) -> Outcome:
    if isinstance(told, dict) and told.get("success") is True:
        if told.get("created"):
            return Outcome(f"the org made a new record, {told.get('id')}: it had none of this id; remove it")
        return Outcome()
    errors = [one for one in (told.get("errors") if isinstance(told, dict) else None) or () if isinstance(one, dict)]
    words = "; ".join(f"{one.get('statusCode')}: {one.get('message')}" for one in errors) or "refused without a reason"
    return Outcome(" ".join(words.split())[:_LONGEST_WORDS], again=bool(errors) and all(map(_passes, errors)))


def _unwritable(
    target: Target, name: str, kind: Kind, field: Mapping[str, Any] | None, known: Sequence[str]
) -> str | None:
    if field is None:
        hint = nearest(name, known)
        return f"{target.object} has no field {name}, or the user may not see it" + (f" ({hint})" if hint else "")
    if not field.get("updateable"):
        return f"{target.object}.{name} can't be edited by this user"
    if field.get("type") not in _FITTING[kind]:
        return f"{target.object}.{name} is of type {field.get('type')}, its column holds a {kind}"
    return None


def _fitted(value: Any, field: Writable) -> Any:
    """A text cut to what the field takes."""
    if not isinstance(value, str) or not field.length or len(value) <= field.length:
        return value
    return value[: field.length - 1] + _CUT


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
