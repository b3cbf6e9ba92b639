"""Actions and alerts of the ledger as tables on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from orchestration.actions.clocks import CLOSED, due_at, next_step
from orchestration.actions.messages import plain
from orchestration.actions.states import WAITING, Status
from orchestration.ledger.store import Store
from orchestration.ledger.tables import actions, alerts, transitions
from orchestration.policy.models import Policies

# What still has somebody's work before it.
OPEN = (*sorted(WAITING), Status.EXECUTING, Status.FAILED)
_LONGEST = 300
_STYLES = {"P1": "red", "P2": "yellow"}


def show_actions(
    console: Console, store: Store, statuses: Sequence[str], account: str | None, owner: str | None, at_most: int
) -> None:
    """Actions in some states, the most urgent first."""
    fits = actions.c.status.in_([str(status) for status in statuses])
    if account:
        fits &= sa.or_(actions.c.account_id == account, sa.func.lower(actions.c.account_name) == account.lower())
    if owner:
        fits &= sa.or_(actions.c.owner == owner, actions.c.owner_role == owner)
    order = (actions.c.priority, sa.nulls_last(actions.c.due_on), actions.c.action_id)
    with store.reading() as con:
        count = con.execute(sa.select(sa.func.count()).select_from(actions).where(fits)).scalar_one()
        rows = con.execute(sa.select(actions).where(fits).order_by(*order).limit(at_most)).mappings().all()
    if not count:
        console.print("The ledger has no such action.")
        return
    table = Table(title=f"{count:,} {'action' if count == 1 else 'actions'}")
    for heading in ("id", "", "status", "account", "action", "owner", "due", "why", "held back by"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(
            row["action_id"],
            f"[{_STYLES.get(row['priority'], 'default')}]{escape(row['priority'])}[/]",
            _standing(row),
            _text(row["account_name"] or row["account_id"]),
            _text(row["title"]),
            _text(row["owner"] or row["owner_role"]),
            str(row["due_on"] or ""),
            _text(row["rationale"]),
            _text(row["guards"] or row["problem"]),
        )
    console.print(table)
    if count > len(rows):
        console.print(f"and {count - len(rows):,} more: --limit, or narrow it down")


def show_history(console: Console, store: Store, action_id: str) -> bool:
    """Every transition of an action, oldest first; False where there is no such action."""
    query = sa.select(transitions).where(transitions.c.action_id == action_id).order_by(transitions.c.transition_id)
    with store.reading() as con:
        rows = con.execute(query).mappings().all()
    if not rows:
        return False
    table = Table(title=f"{rows[0]['action']} {action_id}")
    for heading in ("when (UTC)", "from", "to", "who", "why"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        before, after = (str(row[name] or "").replace("_", " ") for name in ("from_status", "to_status"))
        when = row["acted_at"].strftime("%Y-%m-%d %H:%M:%S")
        table.add_row(when, before, after, _text(row["acted_by"]), _text(row["reason"]))
    console.print(table)
    return True


def show_alerts(console: Console, store: Store, policies: Policies, now: datetime, everything: bool) -> None:
    """Alerts that aren't over, the one due first first; with `everything` the others too."""
    fits = sa.true() if everything else alerts.c.cleared_at.is_(None) & (alerts.c.step != CLOSED)
    with store.reading() as con:
        rows = con.execute(sa.select(alerts).where(fits).order_by(alerts.c.raised_at, alerts.c.alert_id)).mappings()
        found = sorted(((due_at(row, policies), row) for row in rows), key=lambda one: (one[0] is None, one[0] or now))
    if not found:
        console.print("No alert is open.")
        return
    table = Table(title=f"{len(found):,} {'alert' if len(found) == 1 else 'alerts'}")
    for heading in ("id", "account", "alert", "evidence", "with", "last step", "next", "due (UTC)"):
        table.add_column(heading, overflow="fold")
    for due, row in found:
        over = row["cleared_at"] is not None or row["step"] == CLOSED
        late = due is not None and due <= now
        table.add_row(
            row["alert_id"],
            _text(row["account_name"] or row["account_id"]),
            _text(row["title"]),
            _text(row["evidence"]),
            _text(row["to_name"] or row["to_role"]),
            "cleared" if row["cleared_at"] is not None else row["step"].replace("_", " "),
            "" if over else (next_step(row["step"]) or "closed").replace("_", " "),
            "" if due is None else f"[{'red' if late else 'default'}]{due:%Y-%m-%d %H:%M}[/]",
        )
    console.print(table)


def _standing(row: Mapping[str, Any]) -> str:
    if row["status"] == Status.SNOOZED:
        return f"put off until {row['snoozed_until']}"
    return str(row["status"]).replace("_", " ")


def _text(value: str | None) -> str:
    return escape(plain(value, _LONGEST) or "")
