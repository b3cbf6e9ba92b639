"""The export of tickets by cursor, page by page, and what of a ticket is put down.

A page is put down as rows of the fields asked for, not as it came: what people wrote never reaches a disk. The cursor
after it goes with it, so a pull that was killed goes on with the page after the last one that is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from orchestration.policy.sources import Source
from orchestration.policy.systems import Zendesk
from orchestration.sources.sqltext import Sql, compose, identifier, joined, literal, text_list
from orchestration.systems.http import Api, ApiError
from orchestration.systems.store import Journal
from orchestration.systems.zendesk.client import AGAIN
from orchestration.systems.zendesk.fields import CUSTOM, ESCALATED, GROUP_NAME, OF_ORGANIZATION, SLA_MET

PATH = "/api/v2/incremental/tickets/cursor.json"
IS_OWN, ORGANIZATION_ID = "is_own", "organization_id"
_SIDE_LOADS = "metric_sets,groups"
_PAGE_ROWS = 1_000_000
# So many pages without a ticket, one after the other, are no export that moves on.
_MOST_EMPTY = 20
_SOLVED_AT = "metric_set.solved_at"
_SOLVED = ("solved", "closed", "deleted")
# What it answers to a cursor of another account, or one that is too old.
_LOST = (400, 404, 410, 422)
_DIGITS = 15


class LostCursorError(ApiError):
    """The account doesn't know the cursor any more."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is put down of a ticket: `columns` by the path of their field, and what makes it escalated or ours."""

    columns: tuple[str, ...]
    tags: frozenset[str]
    groups: frozenset[str]
    priorities: frozenset[str]
    own_tag: str

    @classmethod
    def of(cls, source: Source, policy: Zendesk) -> Wanted:
        """What a source asks for, and what its derived fields need."""
        asked = [field for field in source.fields if field not in (*OF_ORGANIZATION, SLA_MET)]
        rules = policy.escalation
        return cls(
            tuple(dict.fromkeys([*asked, ORGANIZATION_ID, IS_OWN])),
            _folded(rules.tags),
            _folded(rules.groups),
            _folded(rules.priorities),
            policy.own_tag.casefold(),
        )

    @property
    def request(self) -> Mapping[str, Any]:
        """What shapes the rows: with another, everything is read anew."""
        return {
            "columns": list(self.columns),
            "tags": sorted(self.tags),
            "groups": sorted(self.groups),
            "priorities": sorted(self.priorities),
            "own_tag": self.own_tag,
        }


def export(api: Api, journal: Journal, wanted: Wanted, cursor: str | None) -> str | None:
    """Put down every page from where the journal stands, else from `cursor`, else from the very first ticket.

    Gives the cursor with which the next pull goes on. Raises LostCursorError, or ApiError.
    """
    cursor = journal.position.get("cursor", cursor)
    seen, empty = {cursor}, 0
    while True:
        body = _page(api, cursor)
        tickets, after = body["tickets"], body.get("after_cursor")
        is_end = bool(body.get("end_of_stream"))
        if not is_end and (not after or after in seen):
            raise api.error("the export of tickets names a page that was read already as the next one.", PATH, **AGAIN)
        empty = 0 if tickets else empty + 1
        if empty > _MOST_EMPTY:
            raise api.error(
                f"{empty} pages of the export of tickets had no ticket, and there is no end.", PATH, **AGAIN
            )
        cursor = after or cursor
        seen.add(cursor)
        if tickets:
            number = len(journal.pages)
            journal.add_json(list(rows_of(body, wanted, number * _PAGE_ROWS)), {"cursor": cursor})
        elif not is_end:
            journal.note({"cursor": cursor})
        if is_end:
            return cursor


def _page(api: Api, cursor: str | None) -> Mapping[str, Any]:
    params = {"cursor": cursor} if cursor else {"start_time": "0"}
    try:
        body = api.json("GET", PATH, params=params | {"include": _SIDE_LOADS}).body
    except ApiError as error:
        if cursor and error.status in _LOST:
            raise LostCursorError(error.message, status=error.status, file=api.name, place=PATH) from None
        raise
    if not isinstance(body, dict) or not isinstance(body.get("tickets"), list):
        raise api.error("the answer has no tickets.", PATH, expected="a list of tickets")
    return body


def rows_of(body: Mapping[str, Any], wanted: Wanted, place: int) -> Iterable[dict[str, Any]]:
    """The rows that are put down of a page, in its order from `place` on."""
    groups = {group["id"]: group.get("name") for group in body.get("groups") or ()}
    metrics = {metric.get("ticket_id"): metric for metric in body.get("metric_sets") or ()}
    for number, ticket in enumerate(body["tickets"]):
        whole = ticket if ticket.get("metric_set") else {**ticket, "metric_set": metrics.get(ticket["id"])}
        yield _row(whole, groups.get(ticket.get("group_id")), wanted, place + number)


def _row(ticket: Mapping[str, Any], group: str | None, wanted: Wanted, place: int) -> dict[str, Any]:
    tags = _folded(ticket.get("tags") or ())
    derived = {
        GROUP_NAME: group,
        IS_OWN: wanted.own_tag in tags,
        ESCALATED: bool(tags & wanted.tags)
        or (group or "").casefold() in wanted.groups
        or (ticket.get("priority") or "").casefold() in wanted.priorities,
    }
    if ticket.get("status") not in _SOLVED:
        # A ticket that was opened again keeps the time it was solved at before.
        derived[_SOLVED_AT] = None
    custom = {str(field["id"]): field.get("value") for field in ticket.get("custom_fields") or ()}
    cells = {path: derived[path] if path in derived else _at(ticket, custom, path) for path in wanted.columns}
    return {
        "_key": str(ticket["id"]),
        "_stamp": _stamp(ticket),
        "_deleted": ticket.get("status") == "deleted",
        "_place": place,
        **{path: as_text(value) for path, value in cells.items()},
    }


def _stamp(ticket: Mapping[str, Any]) -> str:
    """When it last changed: what the system itself changes moves generated_timestamp, but not updated_at."""
    return f"{int(ticket.get('generated_timestamp') or 0):0{_DIGITS}d} {ticket.get('updated_at') or ''}"


def time_of(stamp: str | None) -> str | None:
    """When what has this stamp last changed, in UTC and as the system writes times; None where that isn't known."""
    generated, _, updated_at = (stamp or "").partition(" ")
    if not int(generated or 0):
        return updated_at or None
    return f"{datetime.fromtimestamp(int(generated), UTC):%Y-%m-%dT%H:%M:%SZ}"


def _at(ticket: Mapping[str, Any], custom: Mapping[str, Any], path: str) -> Any:
    if path.startswith(CUSTOM):
        return custom.get(path.removeprefix(CUSTOM))
    found: Any = ticket
    for part in path.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def as_text(value: Any) -> str | None:
    """A value as a cell; of a list, its texts joined by `;`."""
    if value is None or isinstance(value, dict):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ";".join(filter(None, (as_text(one) for one in value))) or None
    # Half a character, and none at all, can be in JSON but in no file.
    return str(value).replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def _folded(words: Iterable[str]) -> frozenset[str]:
    return frozenset(word.casefold() for word in words)


def fetched(pages: Sequence[Path], columns: Sequence[str]) -> Sql:
    """The rows of pages that were put down, as RecordStore.merge wants them."""
    listed = ["_key", "_stamp", "_deleted", "_place", *columns]
    if not pages:
        blank = [compose("CAST(NULL AS {t}) AS {c}", t=_type(name), c=identifier(name)) for name in listed]
        return compose("SELECT {blank} WHERE false", blank=joined(blank))
    return compose(
        "SELECT {listed} FROM read_json({pages}, format = 'array', columns = {types})",
        listed=joined(identifier(name) for name in listed),
        pages=text_list(str(page) for page in pages),
        types=_struct({name: _type(name) for name in listed}),
    )


def _type(name: str) -> Sql:
    return {"_deleted": Sql("BOOLEAN"), "_place": Sql("BIGINT")}.get(name, Sql("VARCHAR"))


def _struct(types: Mapping[str, Sql]) -> Sql:
    pairs = [compose("{name}: {type}", name=literal(name), type=literal(kind)) for name, kind in types.items()]
    return compose("{{pairs}}", pairs=joined(pairs))
