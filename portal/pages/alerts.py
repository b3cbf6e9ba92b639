"""Open alerts with their clocks, and what people note about them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter, Depends
from starlette.datastructures import FormData
from starlette.responses import Response

from orchestration.actions.clocks import (
    CLOSED,
    ESCALATED,
    STEPS,
    StepConflictError,
    StepError,
    StepNotAllowedError,
    due_at,
    hours_to_next,
    next_step,
    note_step,
)
from orchestration.ledger.store import utc_now
from orchestration.ledger.tables import alert_entries, alerts
from portal import audit
from portal.access import Row
from portal.alert_clock import clock, is_with_viewer
from portal.ledger_listing import Queue, answer, some_rows
from portal.listing import Column, Filter, Listing
from portal.web import Allowed, PageRoute, Refusal, Visit, absent, checked_form, safe_path

router = APIRouter(route_class=PageRoute)
PATH = "/alerts"
CLEARED = "cleared"

QUEUE = Listing(
    source="ledger.alerts",
    columns=(
        Column("title", "Alert", "title"),
        Column("account_name", "Account", "account"),
        Column("due", "Next step", "clock"),
        Column("state", "Last step", "status"),
        Column("with", "With", "with"),
        Column("raised_at", "Raised", "raised"),
        Column("evidence", "Evidence", "evidence", sortable=False),
    ),
    filters=(
        Filter("state", "Step", "state"),
        Filter("overdue", "Overdue", "overdue", "flag"),
        Filter("mine", "Mine", "mine", "flag"),
        Filter("account", "Account", "account_id"),
        Filter("kind", "Kind", "alert"),
        Filter("with", "With", "with"),
    ),
    searched=("account_name", "title", "evidence", "with", "alert_id"),
    key="alert_id",
    counted="state",
)
_CHIPS = ("raised", *STEPS, CLOSED, CLEARED)
# What the button of a step says.
_BUTTONS = {
    "acknowledged": "Acknowledge",
    "assessed": "Assessed",
    "planned": "Planned",
    "executed": "Executed",
    "followed_up": "Followed up",
}
_PUBLISHED = {"kind": "alert", "with": "coalesce(to_name, to_role)"}
_HOUR_SECONDS, _DAY_HOURS = 3600, 24


@router.get(PATH)
def queue(visit: Visit = Depends(Allowed())) -> Response:
    """Alerts of the ledger that aren't over, what is due first first."""
    now = utc_now()
    whole = _queue(visit, now)
    question = QUEUE.ask(visit.request.query_params)
    also = {name: whole.named[name] & whole.by_default for name in ("overdue", "mine")}
    found, counts = answer(visit.store, visit.reader, whole, question, visit.policies.portal.rows_a_page, also)
    entries = _entries(visit, [row["alert_id"] for row in found.rows])
    return visit.page(
        "alerts.html.j2",
        found=found,
        chips=[(one, one.replace("_", " ")) for one in _CHIPS if found.counts.get(one)],
        overdue=counts["overdue"],
        mine=counts["mine"],
        shown={row["alert_id"]: _shown(visit, row, now, entries[row["alert_id"]]) for row in found.rows},
        may=_may(visit),
    )


@router.get(f"{PATH}/{{alert_id}}")
def alert(alert_id: str, visit: Visit = Depends(Allowed())) -> Response:
    """One alert: its clock, and everything that was noted."""
    return _page(visit, _one(visit, alert_id))


@router.post(f"{PATH}/{{alert_id}}")
def note(
    alert_id: str, visit: Visit = Depends(Allowed(writes=True)), form: FormData = Depends(checked_form)
) -> Response:
    """Note the next step of an alert, or close it."""
    row = _one(visit, alert_id)
    step, told, seen = (_text(form, name) for name in ("step", "note", "seen"))
    if step not in (*STEPS, CLOSED):
        raise Refusal(400, "No such step", f"There is: {', '.join((*STEPS, CLOSED))}.")
    viewer = visit.viewer
    try:
        note_step(visit.store, visit.policies, alert_id, step, viewer.person, utc_now(), told, viewer.roles, seen)
    except StepError as error:
        if isinstance(error, StepNotAllowedError):
            visit.audit(audit.Event.DENIED, alert_id, account_id=row["account_id"], detail=f"{step}: {error}")
        return _page(visit, _one(visit, alert_id), error, told, closes_bare=step == CLOSED and told is None)
    detail = f"{step}: {told}" if told else step
    visit.audit(audit.Event.ALERT_STEP, alert_id, account_id=row["account_id"], detail=detail)
    said = f"{step.replace('_', ' ').capitalize()}: {row['title']}, {row['account_name'] or row['account_id']}."
    return visit.back(_back(form.get("back")), said)


def _queue(visit: Visit, now: datetime) -> Queue:
    is_over = alerts.c.cleared_at.is_not(None) | (alerts.c.step == CLOSED)
    hours = _hours(visit)
    raised = (
        (sa.func.julianday(alerts.c.raised_at) * _DAY_HOURS)
        if visit.store.is_sqlite
        else sa.extract("epoch", alerts.c.raised_at) / _HOUR_SECONDS
    )
    # A step that isn't there has no hours, so what is over or done has no time.
    due = sa.case((is_over, None), else_=raised + hours)
    named = {
        "with": sa.func.coalesce(alerts.c.to_name, alerts.c.to_role),
        "state": sa.case((alerts.c.cleared_at.is_not(None), CLEARED), else_=alerts.c.step),
        "due": due,
        "overdue": sa.func.coalesce(due <= _in_hours(visit, now), False),
        "mine": is_with_viewer(visit.policies.access, visit.viewer),
    }
    return Queue(
        QUEUE,
        alerts,
        named,
        order=(sa.nulls_last(due), alerts.c.alert_id),
        by_default=~is_over,
        choices=("alerts", _PUBLISHED),
    )


def _hours(visit: Visit) -> sa.ColumnElement:
    """Hours from raising an alert until its next step is due, in SQL; null where only closing is left."""
    kinds = [name for name, _ in visit.policies.alerts.alerts]
    steps = ("raised", *(step for step in STEPS if next_step(step) is not None))
    known = [
        (
            (alerts.c.alert == kind) & (alerts.c.step == step),
            sa.literal(hours_to_next(kind, step, visit.policies), sa.Integer),
        )
        for kind in kinds
        for step in steps
    ]
    others = [
        (alerts.c.step == step, sa.literal(hours_to_next("", step, visit.policies), sa.Integer)) for step in steps
    ]
    return sa.case(*known, *others, else_=None)


def _in_hours(visit: Visit, now: datetime) -> sa.ColumnElement:
    moment = sa.literal(now, sa.DateTime)
    if visit.store.is_sqlite:
        return sa.func.julianday(moment) * _DAY_HOURS
    return sa.extract("epoch", moment) / _HOUR_SECONDS


def _may(visit: Visit) -> bool:
    return visit.viewer.may(*visit.policies.access.alerts)


def _one(visit: Visit, alert_id: str) -> Row:
    found = some_rows(visit.store, visit.reader, alerts, alerts.c.alert_id, [alert_id])
    if not found:
        raise absent()
    return found[0]


def _entries(visit: Visit, alert_ids: Sequence[str]) -> dict[str, list[Row]]:
    """Everything that was noted of these alerts, oldest first; the caller has cut them."""
    found: dict[str, list[Row]] = {one: [] for one in alert_ids}
    query = sa.select(alert_entries).where(alert_entries.c.alert_id.in_(list(alert_ids)))
    with visit.store.reading() as con:
        for row in con.execute(query.order_by(alert_entries.c.entry_id)).mappings():
            found[row["alert_id"]].append(dict(row))
    return found


def _shown(visit: Visit, row: Row, now: datetime, entries: Sequence[Row]) -> dict[str, Any]:
    """What a row shows beside its columns."""
    due = due_at(row, visit.policies)
    words, late = clock(due, now)
    is_over = row["cleared_at"] is not None or row["step"] == CLOSED
    following = None if is_over else next_step(row["step"])
    return {
        "state": CLEARED if row["cleared_at"] is not None else row["step"],
        "is_over": is_over,
        "next": following,
        "button": _BUTTONS.get(following or ""),
        "due": due,
        "words": words,
        "late": late,
        "entries": entries,
        "escalated": next((one for one in entries if one["step"] == ESCALATED), None),
    }


def _page(
    visit: Visit, row: Row, error: StepError | None = None, told: str | None = None, closes_bare: bool = False
) -> Response:
    entries = _entries(visit, [row["alert_id"]])[row["alert_id"]]
    status = 200
    if error is not None:
        status = 403 if isinstance(error, StepNotAllowedError) else 409
        if closes_bare and not isinstance(error, StepNotAllowedError | StepConflictError):
            status = 400
    text = str(error or "")
    return visit.page(
        "alert.html.j2",
        status=status,
        row=row,
        more=_shown(visit, row, utc_now(), entries),
        may=_may(visit),
        told=told or "",
        problem=f"{text[0].upper()}{text[1:]}{'' if text.endswith('.') else '.'}" if text else None,
        back=_back(visit.request.query_params.get("back")),
    )


def _text(form: FormData, name: str) -> str | None:
    value = form.get(name)
    return value.strip() or None if isinstance(value, str) else None


def _back(path: object) -> str:
    return safe_path(path) if isinstance(path, str) and path else PATH
