"""Looking into a ledger, and bringing it to where a test begins."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from orchestration.actions.states import Status, check_move
from orchestration.actions.sync import TakenIn, take_in
from orchestration.ledger.store import Store
from orchestration.ledger.tables import actions, alert_entries, alerts, notices, transitions
from orchestration.policy.models import Policies
from tests.support.ledger import AS_OF, NOW, Row, published

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def take(
    store: Store,
    rules: Policies,
    *rows: Row,
    alerts: tuple[Row, ...] = (),
    scores: dict[str, str] | None = None,
    as_of: date = AS_OF,
    now: datetime = NOW,
) -> TakenIn | None:
    """Take a publication of these rows in."""
    with published(rows, alerts, scores, as_of) as publication:
        return take_in(store, publication, rules, now)


def statuses(store: Store) -> dict[str, str]:
    with store.reading() as con:
        rows = con.execute(sa.select(actions.c.action_id, actions.c.status).order_by(actions.c.action_id))
        return {row.action_id: row.status for row in rows}


def row(store: Store, action_id: str) -> dict[str, Any]:
    with store.reading() as con:
        return dict(con.execute(sa.select(actions).where(actions.c.action_id == action_id)).mappings().one())


def log(store: Store, action_id: str | None = None) -> list[tuple[str | None, str, str]]:
    """(from, to, by) of every transition, oldest first; all of them are moves that there are."""
    query = sa.select(transitions).order_by(transitions.c.transition_id)
    if action_id is not None:
        query = query.where(transitions.c.action_id == action_id)
    with store.reading() as con:
        rows = con.execute(query).mappings().all()
    for found in rows:
        before = Status(found["from_status"]) if found["from_status"] else None
        check_move(before, Status(found["to_status"]))
    return [(found["from_status"], found["to_status"], found["acted_by"]) for found in rows]


def reasons(store: Store, action_id: str) -> list[str | None]:
    query = sa.select(transitions.c.reason).where(transitions.c.action_id == action_id)
    with store.reading() as con:
        return list(con.execute(query.order_by(transitions.c.transition_id)).scalars())


def table(store: Store, which: str) -> list[dict[str, Any]]:
    """All rows of alerts, alert_entries or notices, in the order of their key."""
    found = {"alerts": alerts, "alert_entries": alert_entries, "notices": notices}[which]
    with store.reading() as con:
        key = next(iter(found.primary_key.columns))
        return [dict(one_of) for one_of in con.execute(sa.select(found).order_by(key)).mappings()]
