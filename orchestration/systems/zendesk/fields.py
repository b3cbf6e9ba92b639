"""Which fields of a ticket a source may ask for.

    created_at, metric_set.solved_at    a field of the ticket, by its path
    custom_fields.<id>                  a field of the account's own
    group.name                          the name of the ticket's group
    account_id, organization_name       of the ticket's organization (organizations.py)
    escalated                           whether a tag, the group or the priority says so (systems.yaml)
    sla_met                             false with a breach, true where an SLA applied without one, else blank

Never the text of a ticket. A field that the account doesn't have, or has of a type the column can't hold, is an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from orchestration.policy.problems import nearest
from orchestration.policy.sources import Source
from orchestration.sources.errors import SourceError
from orchestration.sources.streams import STREAMS, Kind
from orchestration.systems.http import Api
from orchestration.systems.zendesk.client import listed

ESCALATED, SLA_MET = "escalated", "sla_met"
OF_ORGANIZATION = ("account_id", "organization_name")
GROUP_NAME = "group.name"
DERIVED = (*OF_ORGANIZATION, ESCALATED, SLA_MET, GROUP_NAME)
CUSTOM = "custom_fields."
_MINUTES = (
    "reply_time_in_minutes",
    "first_resolution_time_in_minutes",
    "full_resolution_time_in_minutes",
    "agent_wait_time_in_minutes",
    "requester_wait_time_in_minutes",
    "on_hold_time_in_minutes",
)
_METRICS = (
    "created_at",
    "updated_at",
    "assigned_at",
    "initially_assigned_at",
    "assignee_updated_at",
    "requester_updated_at",
    "status_updated_at",
    "custom_status_updated_at",
    "latest_comment_added_at",
    "solved_at",
    "reopens",
    "replies",
    "group_stations",
    "assignee_stations",
    *(f"{name}.{hours}" for name in _MINUTES for hours in ("calendar", "business")),
)
OF_TICKET = (
    "id",
    "external_id",
    "type",
    "priority",
    "status",
    "custom_status_id",
    "tags",
    "created_at",
    "updated_at",
    "generated_timestamp",
    "due_at",
    "requester_id",
    "submitter_id",
    "assignee_id",
    "organization_id",
    "group_id",
    "brand_id",
    "ticket_form_id",
    "problem_id",
    "has_incidents",
    "is_public",
    "via.channel",
    "satisfaction_rating.score",
    "satisfaction_rating.reason",
    *(f"metric_set.{name}" for name in _METRICS),
)
# What customers and agents wrote.
_TEXTS = ("subject", "raw_subject", "description", "comment", "satisfaction_rating.comment", "recipient")
_TEXT_TYPES = ("textarea", "partialcreditcard")
# Types of own fields that a column of a kind can't hold, as long as no value map says what they mean.
_NOT_FOR: Mapping[Kind, tuple[str, ...]] = {
    Kind.TIMESTAMP: ("checkbox", "integer", "decimal", "tagger", "multiselect", "lookup"),
    Kind.BOOLEAN: ("date", "decimal", "multiselect", "lookup"),
    Kind.NUMBER: ("date", "checkbox", "multiselect", "lookup"),
}


@dataclass(frozen=True, slots=True)
class OwnField:
    """A field that the account made. `type`: in Zendesk's words."""

    id: str
    title: str
    type: str


def own_fields(api: Api) -> list[OwnField]:
    """The account's own fields of tickets that are in use."""
    return [
        OwnField(str(field["id"]), str(field.get("title") or ""), str(field.get("type") or ""))
        for field in listed(api, "/api/v2/ticket_fields.json", "ticket_fields")
        # One that can't be removed is the system's own, and has a path of its own.
        if field.get("active", True) and field.get("removable", True)
    ]


def problems(source: Source, own: Iterable[OwnField]) -> Iterator[SourceError]:
    """What is wrong with the fields that a source asks for."""
    having = {f"{CUSTOM}{field.id}": field for field in own}
    known = (*OF_TICKET, *DERIVED, *having)
    for field in source.fields:
        if field in _TEXTS:
            yield _problem(source, field, "is text that people wrote, which is never read", "another field")
        elif field not in known:
            is_own = field.startswith(CUSTOM)
            found = "isn't a field of this account's tickets" if is_own else "is no field of a ticket"
            hint = _listed_own(having) if is_own else nearest(field, known)
            yield _problem(source, field, found, f"a field that is there ({hint})" if hint else "a field that is there")
        elif field in having:
            yield from _type_problems(source, having[field])


def _listed_own(having: Mapping[str, OwnField]) -> str:
    return ", ".join(f"{path} is {field.title}" for path, field in list(having.items())[:5])


def _type_problems(source: Source, field: OwnField) -> Iterator[SourceError]:
    path = f"{CUSTOM}{field.id}"
    if field.type in _TEXT_TYPES:
        yield _problem(source, path, f"has the type {field.type}, which is never read", "a field without free text")
        return
    for column in STREAMS[source.stream].columns:
        if path not in source.fields_of(column.name) or column.name in source.value_maps:
            continue
        if field.type in _NOT_FOR.get(column.kind, ()):
            wanted = f"a field that holds a {column.kind.value}, or a value map for {column.name}"
            yield _problem(source, path, f"has the type {field.type}, which {column.name} can't hold", wanted)


def _problem(source: Source, field: str, found: str, expected: str) -> SourceError:
    return SourceError(
        f"{field} {found}.",
        file=source.name,
        place=f"ticket.{field}",
        expected=expected,
        action="mend its columns in policies/sources.yaml",
    )
