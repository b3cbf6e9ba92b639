"""The queue of actions: what waits for whom, with the evidence, and the decisions of people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter, Depends
from starlette.datastructures import FormData
from starlette.responses import Response

from orchestration.actions.decide import (
    DecisionError,
    IncompleteError,
    NotAllowedError,
    stamp,
)
from orchestration.actions.states import Status, may_become
from orchestration.actions.sync import local_day
from orchestration.ledger.store import utc_now
from orchestration.ledger.tables import actions, transitions
from portal import audit
from portal.access import Row
from portal.action_queue import OVER, ActionQueue
from portal.evidence import facts, guards
from portal.ledger_listing import some_rows
from portal.listing import Column, Filter, Listing
from portal.web import Allowed, PageRoute, Refusal, Visit, absent, checked_form, safe_path

router = APIRouter(route_class=PageRoute)
PATH = "/actions"

QUEUE = Listing(
    source="ledger.actions",
    columns=(
        Column("title", "Action", "title"),
        Column("account_name", "Account", "account"),
        Column("priority", "Priority", "status"),
        Column("status", "Status", "standing"),
        Column("due_on", "Due", "due"),
        Column("with", "Owner", "with"),
        Column("mode", "Mode", "text"),
        Column("rationale", "Why", "why", sortable=False),
    ),
    filters=(
        Filter("status", "Status", "status"),
        Filter("mine", "Mine to approve", "mine", "flag"),
        Filter("account", "Account", "account_id"),
        Filter("priority", "Priority", "priority"),
        Filter("action", "Action", "action"),
        Filter("owner", "Owner", "with"),
        Filter("segment", "Segment", "segment"),
        Filter("geo", "GEO", "geo"),
    ),
    searched=("account_name", "title", "rationale", "with", "action_id"),
    key="action_id",
    counted="status",
)
# Chips in the order in which people look at them.
_CHIPS = (
    Status.PENDING_APPROVAL,
    Status.FAILED,
    Status.RECOMMENDED,
    Status.SUPPRESSED,
    Status.SNOOZED,
    Status.QUEUED,
    Status.EXECUTING,
    *OVER,
)
_DONE = {
    "approve": "Approved",
    "reject": "Rejected",
    "promote": "Sent to approval",
    "snooze": "Put off",
    "retry": "Queued again",
}


@router.get(PATH)
def queue(visit: Visit = Depends(Allowed())) -> Response:
    """Actions of the ledger, what waits for the viewer first."""
    most = visit.policies.portal.rows_a_page
    found, mine = ActionQueue(visit, QUEUE.ask(visit.request.query_params)).page(most)
    chips = [(str(one), str(one).replace("_", " ")) for one in _CHIPS if found.counts.get(one)]
    return visit.page(
        "actions.html.j2",
        found=found,
        chips=chips,
        mine=mine,
        offers={row["action_id"]: _offers(visit, row)[0] for row in found.rows},
    )


@router.get(f"{PATH}/approve")
def ask_again(visit: Visit = Depends(Allowed())) -> Response:
    """What is about to be approved together: the actions that the URL names, else the first that fit it."""
    most = visit.policies.portal.bulk_most
    named = visit.request.query_params.getlist("action_id")
    if len(named) > most:
        raise Refusal(400, "Too many at once", f"{len(named)} are ticked; {most} at most are approved together.")
    if named:
        rows = some_rows(visit.store, visit.reader, actions, actions.c.action_id, named)
    else:
        rows = ActionQueue(visit, QUEUE.ask(visit.request.query_params)).first_of_mine(most)
    can = [row for row in rows if "approve" in _offers(visit, row)[0]]
    return visit.page(
        "actions_approve.html.j2",
        rows=can,
        left_out=[row for row in rows if row not in can],
        totals=_totals(can),
        shown={row["action_id"]: _shown(visit, row) for row in can},
        back=_back(visit.request.query_params.get("back")),
    )


@router.post(f"{PATH}/approve")
def approve_together(visit: Visit = Depends(Allowed(writes=True)), form: FormData = Depends(checked_form)) -> Response:
    """Approve what was ticked, each for itself: one that somebody else decided on doesn't hold up the others."""
    ticked = dict(str(one).partition(" ")[::2] for one in form.getlist("action"))
    most = visit.policies.portal.bulk_most
    if len(ticked) > most:
        raise Refusal(400, "Too many at once", f"{len(ticked)} are ticked; {most} at most are approved together.")
    back, reason = _back(form.get("back")), _text(form, "reason")
    if not ticked:
        return visit.back(back, "Nothing was ticked, so nothing was approved.")
    seen = {
        row["action_id"]: row for row in some_rows(visit.store, visit.reader, actions, actions.c.action_id, [*ticked])
    }
    approved: list[Row] = []
    refused: list[tuple[str, Row | None, str]] = []
    for action_id, stamped in ticked.items():
        row = seen.get(action_id)
        if row is None:
            refused.append((action_id, None, "There is no such action, or it isn't yours to see."))
            continue
        try:
            visit.desk.approve(action_id, reason, stamped)
        except DecisionError as error:
            _audit_refused(visit, row, "approve", error)
            refused.append((action_id, row, _sentence(error)))
        else:
            visit.audit(
                audit.Event.DECISION, action_id, account_id=row["account_id"], detail=_detail("approve", reason)
            )
            approved.append(row)
    if not refused:
        return visit.back(back, f"Approved: {_counted(approved)}.")
    return visit.page(
        "actions_approved.html.j2", approved=approved, refused=refused, totals=_totals(approved), back=back
    )


@router.get(f"{PATH}/{{action_id}}")
def action(action_id: str, visit: Visit = Depends(Allowed())) -> Response:
    """One action: evidence, guards, what may be done with it, and everything that was done."""
    return _page(visit, _one(visit, action_id))


@router.post(f"{PATH}/{{action_id}}")
def decide(
    action_id: str, visit: Visit = Depends(Allowed(writes=True)), form: FormData = Depends(checked_form)
) -> Response:
    """Approve, reject, promote, put off or have tried again, as the form says."""
    row = _one(visit, action_id)
    decision, reason, seen = _text(form, "decision"), _text(form, "reason"), _text(form, "seen")
    desk = visit.desk
    try:
        match decision:
            case "approve":
                desk.approve(action_id, reason, seen)
            case "reject":
                desk.reject(action_id, reason, seen)
            case "promote":
                desk.promote(action_id, reason, seen)
            case "retry":
                desk.retry(action_id, reason, seen)
            case "snooze":
                desk.snooze(action_id, _day(_text(form, "until")), reason, seen)
            case _:
                raise Refusal(400, "No such decision", f"There is: {', '.join(_DONE)}.")
    except DecisionError as error:
        _audit_refused(visit, row, decision, error)
        return _page(visit, _one(visit, action_id), error, form)
    visit.audit(audit.Event.DECISION, action_id, account_id=row["account_id"], detail=_detail(decision, reason))
    said = f"{_DONE[decision]}: {row['title']}, {row['account_name'] or row['account_id']}."
    return visit.back(_back(form.get("back")), said)


def _one(visit: Visit, action_id: str) -> Row:
    found = some_rows(visit.store, visit.reader, actions, actions.c.action_id, [action_id])
    if not found:
        raise absent()
    return found[0]


def _page(visit: Visit, row: Row, error: DecisionError | None = None, form: FormData | None = None) -> Response:
    query = sa.select(transitions).where(transitions.c.action_id == row["action_id"])
    with visit.store.reading() as con:
        history = con.execute(query.order_by(transitions.c.transition_id.desc())).mappings().all()
    return visit.page(
        "action.html.j2",
        status=_status(error),
        row=row,
        shown=_shown(visit, row),
        history=history,
        days=_days(visit),
        problem=_sentence(error) if error else None,
        typed={name: _text(form, name) or "" for name in ("reason", "until")} if form else {},
        back=_back(form.get("back") if form else visit.request.query_params.get("back")),
    )


def _status(error: DecisionError | None) -> int:
    match error:
        case None:
            return 200
        case NotAllowedError():
            return 403
        case IncompleteError():
            return 400
        case _:
            return 409


def _shown(visit: Visit, row: Row) -> dict[str, Any]:
    """What a row shows beside its columns."""
    offers, hint = _offers(visit, row)
    return {
        "stamp": stamp(row),
        "facts": facts(row["evidence"]),
        "guards": guards(row["guards"]),
        "offers": offers,
        "hint": hint,
    }


def _offers(visit: Visit, row: Row) -> tuple[Sequence[str], str | None]:
    """The decisions that the viewer may make on an action now, and why one that they'd expect isn't among them."""
    access, roles, status = visit.policies.access, visit.viewer.roles, row["status"]
    offers, hint = [], None
    settled = row["called_at"] is None
    approvers = access.approvers(row["action"], row["sensitivity"])
    if status == Status.PENDING_APPROVAL and settled:
        if visit.desk.asked_for(row):
            hint = "You asked for it, so somebody else has to approve it."
        elif roles & approvers:
            offers.append("approve")
        else:
            hint = f"To be approved by: {', '.join(sorted(role.replace('_', ' ') for role in approvers))}."
        if roles & approvers:
            offers.append("reject")
    if roles & access.promoters(status):
        offers.append("promote")
    if status == Status.FAILED and roles & approvers:
        offers.append("retry")
    if status in may_become(Status.SNOOZED) and settled and roles & set(access.snooze):
        offers.append("snooze")
    return offers, hint


def _days(visit: Visit) -> tuple[date, date]:
    """The first and last day that an action can be put off until."""
    today = local_day(utc_now(), visit.policies)
    return today + timedelta(days=1), today + timedelta(days=visit.policies.ledger.snooze_most_days)


def _totals(rows: Sequence[Row]) -> list[tuple[str, str, int]]:
    counts: dict[tuple[str, str], int] = {}
    for row in rows:
        key = (row["title"], row["sensitivity"])
        counts[key] = counts.get(key, 0) + 1
    return [(*key, count) for key, count in sorted(counts.items(), key=lambda one: (-one[1], one[0]))]


def _audit_refused(visit: Visit, row: Row, decision: str | None, error: DecisionError) -> None:
    if isinstance(error, NotAllowedError):
        visit.audit(audit.Event.DENIED, row["action_id"], account_id=row["account_id"], detail=f"{decision}: {error}")


def _detail(decision: str, reason: str | None) -> str:
    return f"{decision}: {reason}" if reason else decision


def _counted(rows: Sequence[Row]) -> str:
    return f"{len(rows)} {'action' if len(rows) == 1 else 'actions'}"


def _sentence(error: DecisionError) -> str:
    text = str(error)
    return f"{text[0].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


def _day(text: str | None) -> date:
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        raise IncompleteError("putting off needs the day on which it comes back") from None


def _text(form: Mapping[str, Any], name: str) -> str | None:
    value = form.get(name)
    return value.strip() or None if isinstance(value, str) else None


def _back(path: Any) -> str:
    """Where a decision leads: back to the queue as it was, or to another page that showed the action."""
    return safe_path(path) if isinstance(path, str) and path else PATH
