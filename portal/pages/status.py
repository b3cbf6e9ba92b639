"""Status: what is published, how old its sources are, which checks fail, what ran, and what waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from fastapi import APIRouter, Depends
from starlette.responses import Response

from orchestration.ledger import tables
from orchestration.ledger.store import Store, utc_now
from portal.access import Row
from portal.runs import outages, recent_runs
from portal.web import Allowed, Refusal, Visit

router = APIRouter()
_RUNS_SHOWN = 15
_RULES_SHOWN = 20
_OPERATORS = ("revops", "admin")


@dataclass(frozen=True)
class State:
    """How things stand, in a word and a sentence: fresh, stale, or nothing published."""

    word: str
    look: str
    sentences: Sequence[str]


@router.get("/status")
def status(visit: Visit = Depends(Allowed())) -> Response:
    """Everything about the publication and what it is made from; for operators, connections and the ledger too."""
    is_published = _is_published(visit)
    streams = _streams(visit) if is_published else []
    operates = visit.viewer.may(*_OPERATORS)
    settings = visit.portal.settings
    return visit.page(
        "status.html.j2",
        state=_state(visit, streams) if is_published else _NEVER,
        manifest=visit.reader.manifest if is_published else None,
        snapshot_id=visit.reader.edition.snapshot_id if is_published else None,
        is_same_policy=is_published and visit.reader.manifest.policy_version == visit.policies.version,
        streams=streams,
        severities=_severities(visit) if is_published else {},
        rules=_rules(visit) if is_published else [],
        runs=recent_runs(settings, _RUNS_SHOWN),
        operates=operates,
        outages=outages(settings, set(visit.policies.systems.by_name)) if operates else [],
        systems=sorted(visit.policies.systems.by_name),
        waiting=_waiting_calls(visit.store) if operates else [],
        ledger=_ledger(visit.store) if operates else {},
        taken_in=_taken_in(visit.store) if operates else None,
        dagster_url=settings.dagster_url,
    )


_NEVER = State(
    "Nothing is published yet",
    "yellow",
    ("The first refresh makes the first publication: account-health refresh, or make demo.",),
)


def _is_published(visit: Visit) -> bool:
    try:
        _ = visit.reader
    except Refusal:
        return False
    return True


def _streams(visit: Visit) -> list[Row]:
    """Freshness of every source; ages are counted on from the as-of date by the calendar of the business."""
    rows = visit.reader.rows("select * from {source_freshness} order by is_present desc, stream")
    since = max((_today(visit) - visit.today).days, 0)
    for row in rows:
        row["age_now"] = None if row["age_days"] is None else row["age_days"] + since
        row["is_old_now"] = row["age_now"] is not None and row["age_now"] > row["max_age_days"]
        row["state"] = _stream_state(row)
    return rows


def _stream_state(row: Row) -> tuple[str, str]:
    """A word and its look."""
    if not row["is_present"]:
        return "never read", "none"
    if row["is_omitted"]:
        return "left out: too old", "red"
    if row["is_stale"]:
        return "stale: the last known is used", "red"
    if row["is_old_now"]:
        return "stale by now", "yellow"
    return "fresh", "green"


def _state(visit: Visit, streams: Sequence[Row]) -> State:
    told = []
    if visit.portal.library.problem:
        told.append("A newer publication can't be shown; this is the last one that could.")
        if visit.viewer.may(*_OPERATORS):
            told.append(f"For whoever mends it: {visit.portal.library.problem}.")
    stale = [row["stream"] for row in streams if row["is_present"] and row["is_stale"]]
    old = [row["stream"] for row in streams if row["is_present"] and row["is_old_now"] and not row["is_stale"]]
    if stale:
        told.append(f"Too old when it was made: {_names(stale)}.")
    if old:
        told.append(f"Too old by now, since nothing was refreshed after {visit.today.isoformat()}: {_names(old)}.")
    problems = [row["stream"] for row in streams if row["problem"]]
    if problems:
        told.append(f"With a problem: {_names(problems)}.")
    if not told:
        return State("Fresh", "green", ("Every source that is there is as new as policy wants it.",))
    return State("Stale" if stale or old else "With problems", "red" if stale or old else "yellow", told)


def _names(streams: Sequence[str]) -> str:
    return ", ".join(name.replace("_", " ") for name in streams)


def _today(visit: Visit) -> date:
    return datetime.now(ZoneInfo(visit.policies.calendar.time_zone)).date()


def _severities(visit: Visit) -> dict[str, int]:
    rows = visit.reader.rows("select severity, count(*) as n from {hygiene_issues} where status = 'open' group by 1")
    found = {row["severity"]: row["n"] for row in rows}
    return {name: found.get(name, 0) for name in dict.fromkeys(("critical", "warning", *sorted(found)))}


def _rules(visit: Visit) -> list[Row]:
    return visit.reader.rows(
        "select severity, stream, rule, count(*) as n, min(first_seen) as first_seen,"
        " case when count(distinct expected) = 1 then min(expected) end as expected"
        " from {hygiene_issues} where status = 'open' group by 1, 2, 3"
        " order by severity = 'critical' desc, n desc, stream, rule limit $most",
        most=_RULES_SHOWN,
    )


def _waiting_calls(store: Store) -> list[Mapping[str, Any]]:
    """Calls from outside that no refresh has taken in, by system."""
    calls = tables.hook_calls
    query = (
        sa.select(calls.c.system, sa.func.count().label("n"), sa.func.min(calls.c.received_at).label("oldest"))
        .where(calls.c.taken_in_run.is_(None))
        .group_by(calls.c.system)
        .order_by(calls.c.system)
    )
    with store.reading() as con:
        return [dict(row) for row in con.execute(query).mappings()]


def _ledger(store: Store) -> dict[str, dict[str, int]]:
    """How many of what, by status."""
    found = {}
    with store.reading() as con:
        for label, table, column in (
            ("Actions", tables.actions, tables.actions.c.status),
            ("Alerts, by last step", tables.alerts, tables.alerts.c.step),
            ("Messages", tables.notices, tables.notices.c.status),
            ("Records to write back", tables.write_queue, tables.write_queue.c.status),
        ):
            rows = con.execute(sa.select(column, sa.func.count()).select_from(table).group_by(column).order_by(column))
            found[label] = {name: count for name, count in rows}
    return found


def _taken_in(store: Store) -> Mapping[str, Any] | None:
    """The publication that the ledger took in last, and how long ago in minutes."""
    table = tables.publications
    with store.reading() as con:
        row = con.execute(sa.select(table).order_by(table.c.change.desc()).limit(1)).mappings().first()
    if row is None:
        return None
    return {**row, "minutes_ago": int((utc_now() - row["taken_in_at"]).total_seconds() // 60)}
