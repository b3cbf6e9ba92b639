"""Moving actions from state to state, one or many at a time: only this code changes a status or writes a transition.

Every function works in the caller's transaction, so a status and its transition are there together or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from orchestration.actions.states import ENTRY, MODES, Status, check_move
from orchestration.ledger.tables import actions, transitions

_LOGGED = ("action_id", "account_id", "action", "subject")

by_mode = sa.case({mode: str(status) for mode, status in ENTRY.items()}, value=actions.c.mode)


def rank(mode: sa.ColumnElement) -> sa.ColumnElement:
    """How strict a mode is, as a number in SQL."""
    return sa.case({name: place for place, name in enumerate(MODES)}, value=mode)


class Mover:
    """Moves of one transaction, all made at one moment."""

    def __init__(self, con: Connection, now: datetime) -> None:
        self.con = con
        self.now = now
        # The caller keeps other writers out, so no other change takes the number.
        self._change = con.execute(sa.select(sa.func.coalesce(sa.func.max(actions.c.moved_in), 0))).scalar_one()

    def next_change(self) -> int:
        """The number of one more set of moves."""
        self._change += 1
        return self._change

    def move(
        self,
        where: sa.ColumnElement[bool],
        to: Status | sa.ColumnElement,
        by: str,
        reason: str | sa.ColumnElement | None,
        **values: Any,
    ) -> int:
        """Move all actions that fit; gives how many. `where` must leave only moves that states.py allows."""
        change = self.next_change()
        moved = self.con.execute(
            sa.update(actions)
            .where(where)
            .values(
                previous_status=actions.c.status,
                status=str(to) if isinstance(to, Status) else to,
                status_since=self.now,
                moved_in=change,
                **values,
            )
        ).rowcount
        self.log(change, by, reason)
        return moved

    def log(self, change: int, by: str, reason: str | sa.ColumnElement | None) -> None:
        """Write the transitions of a change, the most urgent action first."""
        told = reason if isinstance(reason, sa.ColumnElement) else sa.literal(reason, sa.Text)
        logged = sa.select(
            *(actions.c[name] for name in _LOGGED),
            actions.c.previous_status,
            actions.c.status,
            sa.literal(by, sa.Text),
            sa.literal(self.now, sa.DateTime),
            told,
        ).where(actions.c.moved_in == change)
        columns = (*_LOGGED, "from_status", "to_status", "acted_by", "acted_at", "reason")
        ordered = logged.order_by(actions.c.priority, actions.c.action_id)
        self.con.execute(sa.insert(transitions).from_select(columns, ordered))


def move_one(
    con: Connection,
    action: Mapping[str, Any],
    to: Status,
    by: str,
    now: datetime,
    reason: str | None = None,
    written_score: Decimal | None = None,
    **values: Any,
) -> None:
    """Move one action that the caller has locked; raises IllegalMoveError for a move that there isn't."""
    before = Status(action["status"])
    check_move(before, to)
    con.execute(
        sa.update(actions)
        .where(actions.c.action_id == action["action_id"])
        .values(previous_status=str(before), status=str(to), status_since=now, **values)
    )
    con.execute(
        sa.insert(transitions).values(
            **{name: action[name] for name in _LOGGED},
            from_status=str(before),
            to_status=str(to),
            acted_by=by,
            acted_at=now,
            reason=reason,
            written_score=written_score,
        )
    )
