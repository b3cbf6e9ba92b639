"""What to do next, and why: alerts with a clock, actions that wait, health checks that are due, in one order.

What is published says what there is; the ledger says what people did since, so nothing that is done is shown again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from orchestration.actions.clocks import CLOSED, due_at, next_step
from orchestration.actions.states import Status
from orchestration.ledger.tables import actions, alerts
from portal.access import Reader, Row
from portal.web import Visit

# Rows that are looked at to find the few that are shown: several of one account, and those done since, are left out.
_LOOKED_AT = 60
_WAITING = (Status.RECOMMENDED, Status.PENDING_APPROVAL, Status.FAILED)

# Urgency as of actions, P1 to P4: an alert that is told at once, or late already, comes first; a health check past due
# is as urgent as P2. Actions that follow from an alert or a health check are left out: it stands here itself.
_ALERTS = """
select 'alert', alert_id, account_id, account_name, title, evidence,
  cast(next_due_at - interval 1 second as date), case when at_once or breaches > 0 then 1 else 2 end, to_name, to_role,
  next_step from {alerts} where is_open and next_step is not null"""
_ACTIONS = """
select 'action', action_id, account_id, account_name, title, rationale, due_on, cast(right(priority, 1) as integer),
  owner, owner_role, status from {recommended_actions}
  where list_contains($waiting, status) and origin not in ('alert', 'health_check')"""
_CHECKS = """
select 'check', target_id, account_id, account_name, 'Deliver the health check', flag_reason, due_date,
  case status when 'past_due' then 2 else 3 end, owner_name, 'owner', status from {health_check_candidates}
  where status = 'past_due' or (status = 'pending' and in_window)"""
# What a step of an alert asks for, as the ledger and as the publication name it.
_TO_DO = {
    **{"acknowledged": "acknowledge", "assessed": "assess", "planned": "plan", "executed": "act on it"},
    **{"execute": "act on it", "followed_up": "follow up", "follow_up": "follow up"},
}
_COLUMNS = "kind, id, account_id, account_name, title, why, due_on, urgency, who, role, state"
_PARTS = {"alerts": _ALERTS, "recommended_actions": _ACTIONS, "health_check_candidates": _CHECKS}


def next_up(visit: Visit, most: int, account_id: str | None = None) -> list[Row]:
    """The `most` things to do first: of one account, else one for each account the viewer sees; theirs
    first, then by urgency, and of equal ones where most revenue is at stake.

    Rows of kind (alert, action, check), id, account_id, account_name, title, why, due_on, urgency (1 to 4), who, role,
    state, mine (bool), value (recurring revenue at stake, None where not known).
    """
    found = _found(visit.reader, account_id)
    live = _of_ledger(visit, found)
    kept: list[Row] = []
    accounts: set[str] = set()
    for row in found:
        if (row["kind"], row["id"]) in live:
            since = live[row["kind"], row["id"]]
            if since is None:
                continue
            row |= since
        if row["kind"] == "alert":
            row["state"] = _TO_DO.get(row["state"], row["state"])
        if account_id is None and row["account_id"] in accounts:
            continue
        accounts.add(row["account_id"])
        kept.append(row)
        if len(kept) == most:
            break
    return kept


def _found(reader: Reader, account_id: str | None) -> list[Row]:
    parts = [text for table, text in _PARTS.items() if reader.has(table)]
    if not parts:
        return []
    parameters: dict[str, Any] = {}
    if reader.has("recommended_actions"):
        parameters["waiting"] = [str(one) for one in _WAITING]
    condition = "true"
    if account_id is not None:
        condition, parameters["account_id"] = "things.account_id = $account_id", account_id
    # Nothing of an address is in the text; the values are parameters.
    return reader.rows(
        f"select things.*, coalesce(list_contains($viewer_names, lower(trim(who))), false) as mine, worth.arr as value"  # noqa: S608 - see above
        f" from ({' union all '.join(parts)}) things({_COLUMNS}) left join {{account_signals}} worth using (account_id)"
        f" where {condition} order by mine desc, urgency, value desc nulls last, due_on, things.kind, id"
        f" limit {_LOOKED_AT}",
        **parameters,
    )


def _of_ledger(visit: Visit, found: Sequence[Row]) -> dict[tuple[str, str], Row | None]:
    """What the ledger knows better, by kind and id: None where there is nothing left to do."""
    ids = {kind: [row["id"] for row in found if row["kind"] == kind] for kind in ("action", "alert")}
    known: dict[tuple[str, str], Row | None] = {}
    with visit.store.reading() as con:
        if ids["action"]:
            columns = (actions.c.action_id, actions.c.status)
            for row in con.execute(sa.select(*columns).where(actions.c.action_id.in_(ids["action"]))).mappings():
                waits = row["status"] in _WAITING
                known["action", row["action_id"]] = {"state": row["status"]} if waits else None
        if ids["alert"]:
            for row in con.execute(sa.select(alerts).where(alerts.c.alert_id.in_(ids["alert"]))).mappings():
                step = None if row["cleared_at"] or row["step"] == CLOSED else next_step(row["step"])
                due = due_at(row, visit.policies)
                known["alert", row["alert_id"]] = {"state": step, "due_on": _day(due)} if step else None
    return known


def _day(moment: datetime | None) -> date | None:
    """The day a moment is in; midnight ends the day before."""
    return None if moment is None else (moment - timedelta(seconds=1)).date()
