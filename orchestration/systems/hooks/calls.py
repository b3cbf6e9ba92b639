"""What a call says: which records or accounts changed, and who changed them. Everything else of its body is let go.

Zendesk sends either an event as it makes them, or what a trigger's body was written to say; a CRM's callout says

    {"id": "…", "object": "Account", "record_id": "001…", "account_id": "001…", "occurred_at": "…", "changed_by": "…"}

or several at once, as `records` of object, record_id and account_id.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from orchestration.policy import systems as policy
from orchestration.sources.salesforce_ids import long_id
from orchestration.systems.hooks.signatures import SALESFORCE, ZENDESK, Signed
from orchestration.systems.signing import KEY

INVOCATION = "X-Zendesk-Webhook-Invocation-Id"
# As many as a trigger of the CRM gets at once.
MOST_RECORDS = 200

_LONGEST_TEXT = 200
_TICKET, _ORGANIZATION, _ACCOUNT = "ticket", "organization", "Account"
_SUBJECT = re.compile(rf"zen:({_TICKET}|{_ORGANIZATION}):([0-9]{{1,20}})")
_NUMBER = re.compile(r"[0-9]{1,20}")
_RECORD = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")
_OBJECT = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}")
# Of ids of 15 and 18 characters the first 15 say which record it is.
_ID_CHARACTERS = 15


class ShapeError(ValueError):
    """A call that doesn't say what it must; says what, in words, and never what stood there."""


@dataclass(frozen=True, slots=True)
class Changed:
    """One record that changed. `occurred_at` is naive and means UTC."""

    object: str
    record_id: str | None
    account_id: str | None = None
    occurred_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """What one call says. `call_id` is the same when it is sent again; `changed` is empty where we changed it."""

    call_id: str
    changed: tuple[Changed, ...]


def kind_of(system: policy.System) -> str | None:
    """The kind of calls that a system may send; None for those that send none."""
    return {policy.Zendesk: ZENDESK, policy.Salesforce: SALESFORCE}.get(type(system))


def read_call(system: policy.System, headers: Mapping[str, str], body: bytes, signed: Signed) -> Call:
    """Read a call whose signature is right; raises ShapeError."""
    content = _json(body)
    if isinstance(system, policy.Zendesk):
        call_id = headers.get(INVOCATION) or content.get("id") or signed.digest
        return Call(_call_id(call_id), tuple(_of_desk(content, system)))
    if isinstance(system, policy.Salesforce):
        call_id = content.get("id") or headers.get(KEY)
        if not call_id:
            raise ShapeError(f"the call has no id: put one into id, or into the header {KEY}")
        return Call(_call_id(call_id), tuple(dict.fromkeys(_of_org(content, system))))
    raise ShapeError("systems of this kind send no calls")


def _json(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise ShapeError("the body isn't JSON in UTF-8") from None
    if not isinstance(content, dict):
        raise ShapeError("the body is JSON, but no object")
    return content


def _of_desk(content: Mapping[str, Any], desk: policy.Zendesk) -> Iterator[Changed]:
    detail = content.get("detail")
    if "subject" in content and "type" in content and isinstance(detail, dict):
        found = _SUBJECT.fullmatch(_text(content["subject"]) or "")
        if found is None:
            raise ShapeError("subject names neither a ticket nor an organization (zen:ticket:123)")
        kind, number = found.groups()
        account_id = _text(detail.get("external_id")) if kind == _ORGANIZATION else None
        changed = Changed(kind, number, account_id, _moment(content.get("time")))
    else:
        detail = content
        number = _text(content.get("ticket_id"))
        if number is None or not _NUMBER.fullmatch(number):
            raise ShapeError("no event, and no ticket_id that is a number: docs/connect.md has the trigger's body")
        changed = Changed(_TICKET, number, _text(content.get("account_id")), _moment(content.get("updated_at")))
    if desk.own_tag not in _tags(detail.get("tags")):
        yield changed


def _of_org(content: Mapping[str, Any], org: policy.Salesforce) -> Iterator[Changed]:
    records = content.get("records", [content])
    if not isinstance(records, list) or not 0 < len(records) <= MOST_RECORDS:
        raise ShapeError(f"records is no list of 1 to {MOST_RECORDS}")
    occurred_at = _moment(content.get("occurred_at"))
    changed = [_of_record(record, occurred_at) for record in records]
    if not _is_ours(_text(content.get("changed_by")), org):
        yield from changed


def _of_record(record: Any, occurred_at: datetime | None) -> Changed:
    if not isinstance(record, dict):
        raise ShapeError("one of records is no object")
    name = _text(record.get("object")) or _ACCOUNT
    record_id, account_id = _text(record.get("record_id")), _text(record.get("account_id"))
    if not _OBJECT.fullmatch(name):
        raise ShapeError("object isn't the name of one")
    if not (record_id or account_id):
        raise ShapeError("neither record_id nor account_id says what changed")
    if not all(_RECORD.fullmatch(one) for one in (record_id, account_id) if one):
        raise ShapeError("record_id and account_id are ids of 15 or 18 characters")
    if name == _ACCOUNT:
        account_id = account_id or record_id
    return Changed(name, record_id and long_id(record_id), account_id and long_id(account_id), occurred_at)


def _is_ours(changed_by: str | None, org: policy.Salesforce) -> bool:
    ours = [name for name in (org.own_user, org.user) if name]
    if changed_by is None:
        return False
    is_id = _RECORD.fullmatch(changed_by) is not None
    return any(
        changed_by[:_ID_CHARACTERS] == name[:_ID_CHARACTERS]
        if is_id and _RECORD.fullmatch(name)
        else changed_by.casefold() == name.casefold()
        for name in ours
    )


def _tags(given: Any) -> list[str]:
    """Tags as an event lists them, or as a trigger writes them out."""
    if isinstance(given, str):
        return given.replace(",", " ").split()
    return [tag for tag in given if isinstance(tag, str)] if isinstance(given, list) else []


def _call_id(given: Any) -> str:
    call_id = _text(given)
    if call_id is None:
        raise ShapeError(f"the call's id is no text of at most {_LONGEST_TEXT} characters")
    return call_id


def _text(given: Any) -> str | None:
    """A text or whole number that can be kept; None for anything else."""
    if isinstance(given, int) and not isinstance(given, bool):
        given = str(given)
    is_fit = isinstance(given, str) and 0 < len(given) <= _LONGEST_TEXT and given.isprintable()
    return given.strip() or None if is_fit else None


def _moment(given: Any) -> datetime | None:
    """When it happened; it only helps people who look, so one that can't be read is left out."""
    try:
        moment = datetime.fromisoformat(_text(given) or "")
        return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
