"""The export of SLA events by time, kept beside the tickets: whether an SLA applied to a ticket, and was breached.

An export by time can loop for ever: a page ends at a second, and the next one begins with it; where more events share
that second than a page holds, both are the same. Then the rest of that second is read by cursor, in smaller pages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from orchestration.sources.settings import digest
from orchestration.sources.sqltext import Sql, compose, literal
from orchestration.systems.base import Context
from orchestration.systems.http import Api
from orchestration.systems.store import Journal, RecordStore
from orchestration.systems.zendesk.client import pages_of
from orchestration.systems.zendesk.tickets import as_text, fetched

PATH = "/api/v2/incremental/ticket_metric_events.json"
FOLDER = "sla_events"
_WORD = "ticket_metric_events"
_COLUMNS = ("ticket_id", "type")
# Those that say that an SLA applies to a ticket, and that one was missed.
_APPLIED, _BREACHED = ("apply_sla", "apply_group_sla"), "breach"
_PAGE_ROWS = 1_000_000
_MINUTE = 60
_DAY = 86_400


def pull_events(api: Api, store: RecordStore, context: Context, *, again: bool) -> int:
    """Bring the events in line with the account's; gives the number of pages.

    `again`: also those of the days between two whole pulls, for breaches that were taken back since.
    """
    request = {"url": api.base_url, "object": _WORD}
    state = store.state()
    known = state is not None and state.request == digest(request) and not context.whole
    journal = store.journal({**request, "whole": not known})
    before = int(state.watermark) if known and state is not None and state.watermark else 0
    back = store.pulling.lookback_minutes * _MINUTE + (store.pulling.whole_every_days * _DAY if again else 0)
    end = _export(api, journal, max(0, before - back))
    pages = journal.pages
    store.merge(journal, fetched(pages, _COLUMNS), _COLUMNS, request, whole=not known, watermark=str(max(end, before)))
    return len(pages)


def _export(api: Api, journal: Journal, start: int) -> int:
    """Put down the events since a second; gives the last second that was exported."""
    start, largest = int(journal.position.get("start", start)), 0
    while True:
        body = _page(api, start)
        events, end = body[_WORD], max(start, int(body.get("end_time") or start))
        largest = max(largest, len(events))
        _put_down(journal, events, end)
        # Some accounts don't say where the end is. A page that isn't full is the last one, but nobody says how many a
        # full one has.
        is_end = body.get("end_of_stream")
        if is_end is None:
            is_end = not events or (end == start and len(events) < largest)
        if not is_end and end == start:
            end, is_end = _rest_of_second(api, journal, start)
        if is_end:
            return end
        start = end


def _page(api: Api, start: int) -> Mapping[str, Any]:
    body = api.json("GET", PATH, params={"start_time": str(start)}).body
    if not isinstance(body, dict) or not isinstance(body.get(_WORD), list):
        raise api.error("the answer has no SLA events.", PATH, expected=f"a list of {_WORD}")
    return body


def _rest_of_second(api: Api, journal: Journal, second: int) -> tuple[int, bool]:
    """Put down the events of one second, by cursor; gives the next second that has any, and whether there is none."""
    for events, _ in pages_of(api, PATH, _WORD, also={"start_time": str(second)}):
        _put_down(journal, events, second)
        later = [time for time in map(_second, events) if time > second]
        if later:
            return min(later), False
    return second, True


def _second(event: Mapping[str, Any]) -> int:
    return int(datetime.fromisoformat(event["time"]).timestamp())


def _put_down(journal: Journal, events: list[dict], start: int) -> None:
    rows = list(_rows(events, len(journal.pages) * _PAGE_ROWS))
    if rows:
        journal.add_json(rows, {"start": start})
    else:
        journal.note({"start": start})


def _rows(events: list[dict], place: int) -> Iterator[dict[str, Any]]:
    for number, event in enumerate(events):
        if event.get("type") in (*_APPLIED, _BREACHED):
            yield {
                "_key": str(event["id"]),
                "_stamp": str(event.get("time") or ""),
                # A breach that was taken back.
                "_deleted": bool(event.get("deleted")),
                "_place": place + number,
                "ticket_id": as_text(event.get("ticket_id")),
                "type": as_text(event.get("type")),
            }


def sla_of_tickets(store: RecordStore) -> Sql:
    """A SELECT of ticket_id and sla_met (true, false) of the tickets that an SLA applied to."""
    state = store.state()
    if state is None:
        return Sql("SELECT CAST(NULL AS VARCHAR) AS ticket_id, CAST(NULL AS VARCHAR) AS sla_met WHERE false")
    return compose(
        """SELECT ticket_id, CASE WHEN bool_or(type = {breached}) THEN 'false' ELSE 'true' END AS sla_met
        FROM read_parquet({file}) WHERE NOT _deleted GROUP BY ticket_id""",
        breached=literal(_BREACHED),
        file=literal(str(store.folder / state.file)),
    )
