"""Alerts in the ledger: when they were raised, what was done about them by when, and who is told.

A tick looks at every open alert: what nobody acknowledged in time goes up one role, once; at-once alerts have a message
each, all others are in the digest that an owner gets once a day.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from orchestration.actions.intake import rows_of
from orchestration.actions.states import Status
from orchestration.ledger.store import Store, one
from orchestration.ledger.tables import alert_entries, alerts, notices
from orchestration.policy.models import Policies
from orchestration.publishing.reader import Publication
from orchestration.sources.streams import ALERT_STEPS

TABLE = "alerts"
ENGINE = "engine"
RAISED, ESCALATED, CLOSED = "raised", "escalated", "closed"
# What people do about an alert, in this order; closing ends it at any point.
STEPS = tuple(step for step in ALERT_STEPS if step not in (RAISED, ESCALATED, CLOSED))

_TOLD = ("alert_id", "account_id", "account_name", "alert", "title", "evidence", "at_once", "to_role", "to_name")
_incoming = sa.Table(
    "incoming_alerts",
    sa.MetaData(),
    *(sa.Column(name, alerts.c[name].type, primary_key=name == "alert_id") for name in _TOLD),
    prefixes=["temporary"],
)


class StepError(ValueError):
    """A step that can't be noted; says why in words for the person who tried."""


class StepNotAllowedError(StepError):
    """A step that this person may not note."""


class StepConflictError(StepError):
    """The alert isn't any more where the person saw it; says who did what and when."""


@dataclass(frozen=True, slots=True)
class Ticked:
    """What a tick did, in counts."""

    escalated: int = 0
    sent_at_once: int = 0
    digests: int = 0


def take_in(store: Store, con: Connection, publication: Publication, now: datetime) -> dict[str, int]:
    """Raise the alerts that a publication has open and the ledger doesn't know; note which have cleared."""
    _incoming.create(con)
    names = ", ".join("at_once::int as at_once" if name == "at_once" else name for name in _TOLD)
    query = f"select {names} from published.{TABLE} where is_open"  # noqa: S608 - names of columns
    store.load(con, _incoming, _TOLD, rows_of(publication, query))
    known = sa.select(sa.literal(1)).where(alerts.c.alert_id == _incoming.c.alert_id).exists()
    moment = sa.literal(now, sa.DateTime)
    new = sa.select(
        *(_incoming.c[name] for name in ("alert_id", "account_id", "alert")),
        sa.literal(RAISED, sa.Text),
        sa.literal(ENGINE, sa.Text),
        moment,
        _incoming.c.to_role,
    ).where(~known)
    entered = ["alert_id", "account_id", "alert", "step", "acted_by", "acted_at", "to_role"]
    raised = store.counted(con, sa.insert(alert_entries).from_select(entered, new.order_by(_incoming.c.alert_id)))
    rows = sa.select(*(_incoming.c[name] for name in _TOLD), moment, sa.literal(RAISED, sa.Text)).where(~known)
    con.execute(sa.insert(alerts).from_select([*_TOLD, "raised_at", "step"], rows))
    there = sa.select(sa.literal(1)).where(_incoming.c.alert_id == alerts.c.alert_id).exists()
    cleared = store.counted(con, sa.update(alerts).where(_is_open(), ~there).values(cleared_at=now))
    _incoming.drop(con)
    return {"alerts_raised": raised, "alerts_cleared": cleared}


def _is_open() -> sa.ColumnElement[bool]:
    return alerts.c.cleared_at.is_(None) & (alerts.c.step != CLOSED)


def tick(store: Store, policies: Policies, now: datetime) -> Ticked:
    """Escalate what is late, and make the messages that are due; the worker sends them. `now` is naive UTC."""
    with store.writing() as con:
        store.alone(con, alerts, alert_entries, notices)
        return Ticked(_escalate(con, policies, now), _at_once(con, now), _digests(con, policies, now))


def _escalate(con: Connection, policies: Policies, now: datetime) -> int:
    escalated = 0
    for name, policy in policies.alerts.alerts:
        latest = now - timedelta(hours=policy.acknowledge_hours)
        late = sa.select(alerts).where(
            _is_open(),
            alerts.c.alert == name,
            alerts.c.step == RAISED,
            alerts.c.escalated_at.is_(None),
            alerts.c.raised_at <= latest,
        )
        rows = con.execute(late.order_by(alerts.c.alert_id)).mappings().all()
        if not rows:
            continue
        note = f"not acknowledged within {policy.acknowledge_hours} hours"
        done = {"step": ESCALATED, "acted_by": ENGINE, "acted_at": now, "to_role": policy.escalates_to, "note": note}
        con.execute(sa.insert(alert_entries), [_entry(row) | done for row in rows])
        up = {"escalated_at": now, "to_role": policy.escalates_to, "to_name": None}
        of_these = sa.update(alerts).where(alerts.c.alert_id == sa.bindparam("of")).values(**up)
        con.execute(of_these, [{"of": row["alert_id"]} for row in rows])
        told = [f"{row['evidence'] or ''}\nWith {row['to_name'] or row['to_role']}: {note}" for row in rows]
        _make(con, now, [_notice("escalation", {**row, **up}, text) for row, text in zip(rows, told, strict=True)])
        escalated += len(rows)
    return escalated


def _at_once(con: Connection, now: datetime) -> int:
    said = sa.select(sa.literal(1)).where(notices.c.notice_id == "alert:" + alerts.c.alert_id).exists()
    due = sa.select(alerts).where(_is_open(), alerts.c.at_once, alerts.c.step == RAISED, ~said)
    rows = con.execute(due.order_by(alerts.c.alert_id)).mappings().all()
    _make(con, now, [_notice("alert", row, row["evidence"] or "") for row in rows])
    return len(rows)


def _digests(con: Connection, policies: Policies, now: datetime) -> int:
    local = now.replace(tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo(policies.calendar.time_zone))
    if local.hour < policies.ledger.digest_hour:
        return 0
    of_today = f"digest:{local.date().isoformat()}:"
    name_or_blank = sa.func.coalesce(alerts.c.to_name, "")
    its_id = sa.literal(of_today, sa.Text) + alerts.c.to_role + ":" + name_or_blank
    was_told = sa.select(sa.literal(1)).where(notices.c.notice_id == its_id).exists()
    order = (alerts.c.to_role, name_or_blank, alerts.c.raised_at, alerts.c.alert_id)
    rows = con.execute(sa.select(alerts).where(_is_open(), ~was_told).order_by(*order)).mappings().all()
    made = []
    for (role, name), group in groupby(rows, key=lambda row: (row["to_role"], row["to_name"] or "")):
        told = [f"{row['account_name'] or row['account_id']}: {row['title']}" for row in group]
        most = policies.ledger.messages.digest_lines
        lines = [*told[:most], *([f"and {len(told) - most:,} more"] if len(told) > most else [])]
        title = f"{len(told):,} open {'alert' if len(told) == 1 else 'alerts'}"
        made.append(
            {
                "notice_id": f"{of_today}{role}:{name}",
                "kind": "digest",
                "to_role": role,
                "to_name": name or None,
                "title": title,
                "body": "\n".join(lines),
            }
        )
    _make(con, now, made)
    return len(made)


def _entry(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("alert_id", "account_id", "alert")}


def _notice(kind: str, row: Mapping[str, Any], body: str) -> dict[str, Any]:
    return {
        "notice_id": f"{kind}:{row['alert_id']}",
        "kind": kind,
        "to_role": row["to_role"],
        "to_name": row["to_name"],
        "title": f"{row['account_name'] or row['account_id']}: {row['title']}",
        "body": body,
    }


def _make(con: Connection, now: datetime, made: list[dict[str, Any]]) -> None:
    if made:
        con.execute(sa.insert(notices), [{**one_of, "made_at": now, "status": str(Status.QUEUED)} for one_of in made])


def note_step(
    store: Store,
    policies: Policies,
    alert_id: str,
    step: str,
    person: str,
    now: datetime,
    note: str | None = None,
    held: frozenset[str] | None = None,
    seen: str | None = None,
) -> Mapping[str, Any]:
    """Note what a person did about an alert: the next of STEPS, or closing it (with a note); raises StepError.

    `held`: the roles that sign-in gave the person; without them, those that policy has. `seen`: the last step that the
    person saw; where it isn't that any more, nothing is noted.
    """
    person = " ".join(person.split())
    told = " ".join((note or "").split()) or None
    roles = frozenset(policies.access.alerts)
    if not roles & (policies.access.roles_of(person) if held is None else held):
        raise StepNotAllowedError(
            f"{person or 'nobody'} may not answer alerts; that takes one of {', '.join(sorted(roles))}"
            " (policies/access.yaml)"
        )
    with store.writing() as con:
        found = one(con, sa.select(alerts).where(alerts.c.alert_id == alert_id).with_for_update())
        if found is None:
            raise StepError(f"there is no alert {alert_id}; account-health alerts list has their ids")
        if seen is not None and seen != found["step"]:
            raise StepConflictError(_what_happened(con, found))
        if found["step"] == CLOSED or found["cleared_at"] is not None:
            why = "it was closed" if found["step"] == CLOSED else "its condition cleared"
            raise StepError(f"alert {alert_id} is over: {why}")
        if step == CLOSED and told is None:
            raise StepError("closing an alert needs a note that says why")
        if step != CLOSED and (expected := next_step(found["step"])) != step:
            raise StepError(f"alert {alert_id} is {found['step']}; next it has to be {expected or 'closed'}")
        con.execute(
            sa.insert(alert_entries).values(**_entry(found), step=step, acted_by=person, acted_at=now, note=told)
        )
        con.execute(sa.update(alerts).where(alerts.c.alert_id == alert_id).values(step=step))
        return {**found, "step": step}


def next_step(done: str) -> str | None:
    """The step after the last one done; None where only closing is left."""
    place = STEPS.index(done) + 1 if done in STEPS else 0
    return STEPS[place] if place < len(STEPS) else None


def due_at(row: Mapping[str, Any], policies: Policies) -> datetime | None:
    """When the next step of an alert is due; None where none is. No step is due before the one ahead of it."""
    if row["cleared_at"] is not None or row["step"] == CLOSED:
        return None
    hours = hours_to_next(row["alert"], row["step"], policies)
    return None if hours is None else row["raised_at"] + timedelta(hours=hours)


def hours_to_next(alert: str, done: str, policies: Policies) -> int | None:
    """Hours from raising an alert until the step after the last one done is due; None where only closing is left."""
    step = next_step(done)
    if step is None:
        return None
    kind = getattr(policies.alerts.alerts, alert, None)
    clock = policies.alerts.clock
    hours = [
        kind.acknowledge_hours if kind else clock.assess_hours,
        clock.assess_hours,
        clock.plan_hours,
        clock.execute_hours,
        clock.follow_up_hours,
    ]
    return max(hours[: STEPS.index(step) + 1])


def _what_happened(con: Connection, alert: Mapping[str, Any]) -> str:
    of_it = sa.select(alert_entries).where(
        alert_entries.c.alert_id == alert["alert_id"], alert_entries.c.step == alert["step"]
    )
    last = one(con, of_it.order_by(alert_entries.c.entry_id.desc()))
    step = alert["step"].replace("_", " ")
    if last is None:
        return f"It is {step} now, and wasn't when you looked. Nothing was noted."
    note = f" ({last['note']})" if last["note"] else ""
    return (
        f"{last['acted_by']} noted on {last['acted_at']:%Y-%m-%d at %H:%M} UTC that it was {step}{note}. Nothing was"
        " noted for you: look again."
    )
