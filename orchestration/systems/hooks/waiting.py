"""Which calls came, and which still wait for a pull that reads what changed. They are kept in the ledger's database.

A call waits until a pull of its system that began after it ended well, whoever asked for that pull.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from orchestration.ledger.store import LedgerError, Store
from orchestration.ledger.tables import hook_calls
from orchestration.settings import Settings
from orchestration.systems.hooks.calls import Call
from orchestration.systems.hooks.signatures import SALESFORCE, ZENDESK

# So long after it happened a system says what changed: Zendesk's export leaves out the minute before it is asked.
SETTLES_AFTER: Mapping[str, timedelta] = MappingProxyType(
    {ZENDESK: timedelta(seconds=75), SALESFORCE: timedelta(seconds=0)}
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits of one system. `newest`: number and arrival of the last call; `accounts`: those that were named."""

    system: str
    count: int
    newest: tuple[int, datetime]
    accounts: tuple[str, ...]


def put_down(store: Store, system: str, kind: str, call: Call, digest: str, now: datetime, remember: timedelta) -> bool:
    """Keep what a call says, durably; False where it was known already, by its id or its signature.

    Forgets calls that came longer than `remember` ago.
    """
    rows = [
        {
            "system": system,
            "kind": kind,
            "call_id": call.call_id,
            "signature": digest,
            "place": place,
            "object": changed.object,
            "record_id": changed.record_id,
            "account_id": changed.account_id,
            "occurred_at": changed.occurred_at,
            "received_at": now,
        }
        for place, changed in enumerate(call.changed)
    ]
    dialect = sqlite if store.is_sqlite else postgresql
    with store.writing() as con:
        con.execute(sa.delete(hook_calls).where(hook_calls.c.received_at < now - remember))
        # The first row decides: whoever sends the same call at once waits here for the one that came first.
        first = dialect.insert(hook_calls).values(rows[0]).on_conflict_do_nothing()
        if not store.counted(con, first):
            return False
        if rows[1:]:
            con.execute(sa.insert(hook_calls), rows[1:])
    return True


def waiting(store: Store, now: datetime, systems: Sequence[str], most_accounts: int) -> list[Waiting]:
    """What waits of these systems and may be read by now; at most so many accounts are named."""
    wanted = _waits(now) & hook_calls.c.system.in_(systems)
    figures = sa.select(
        hook_calls.c.system, sa.func.count(), sa.func.max(hook_calls.c.number), sa.func.max(hook_calls.c.received_at)
    )
    with store.reading() as con:
        found = con.execute(figures.where(wanted).group_by(hook_calls.c.system).order_by(hook_calls.c.system)).all()
        return [
            Waiting(system, count, (number, received_at), _accounts(con, wanted, system, most_accounts))
            for system, count, number, received_at in found
        ]


def newest(store: Store, system: str, now: datetime) -> int | None:
    """Number of the last call that a pull of the system which begins now will have read; None where none waits."""
    wanted = _waits(now) & (hook_calls.c.system == system)
    with store.reading() as con:
        return con.execute(sa.select(sa.func.max(hook_calls.c.number)).where(wanted)).scalar()


def take(store: Store, system: str, up_to: int, run_id: str) -> int:
    """Note that a run's pull read what these calls were about; gives how many they are."""
    wanted = (hook_calls.c.system == system) & (hook_calls.c.number <= up_to) & hook_calls.c.taken_in_run.is_(None)
    with store.writing() as con:
        return store.counted(con, sa.update(hook_calls).where(wanted).values(taken_in_run=run_id))


def recent(store: Store, limit: int) -> Sequence[Mapping[str, Any]]:
    """The last calls, the newest first."""
    with store.reading() as con:
        return con.execute(sa.select(hook_calls).order_by(hook_calls.c.number.desc()).limit(limit)).mappings().all()


def count_waiting(store: Store) -> dict[str, int]:
    """How many calls wait, by system."""
    counted = sa.select(hook_calls.c.system, sa.func.count()).where(hook_calls.c.taken_in_run.is_(None))
    with store.reading() as con:
        return dict(con.execute(counted.group_by(hook_calls.c.system).order_by(hook_calls.c.system)).all())


class Reading:
    """The calls that a pull answers: made before it begins, ended when it went well. Never in a pull's way.

    `problem` says in words why the calls couldn't be seen to; they then wait for the next pull.
    """

    def __init__(self, settings: Settings, system: str, now: datetime) -> None:
        self.problem: str | None = None
        self._settings = settings
        self._system = system
        self._up_to = self._in_ledger(lambda store: newest(store, system, now))

    def ended_well(self, run_id: str) -> int:
        """Note it; gives how many calls waited for it."""
        up_to = self._up_to
        return 0 if up_to is None else self._in_ledger(lambda store: take(store, self._system, up_to, run_id)) or 0

    def _in_ledger(self, work: Callable[[Store], int | None]) -> int | None:
        if not Store.exists(self._settings):
            return None
        try:
            with Store.open(self._settings) as store:
                return work(store)
        except (LedgerError, sa.exc.SQLAlchemyError, OSError) as error:
            self.problem = f"calls from outside: {next(iter(str(error).splitlines()), type(error).__name__)}"
            return None


def _waits(now: datetime) -> sa.ColumnElement[bool]:
    settled = [
        (hook_calls.c.kind == kind) & (hook_calls.c.received_at <= now - after) for kind, after in SETTLES_AFTER.items()
    ]
    return hook_calls.c.taken_in_run.is_(None) & sa.or_(*settled)


def _accounts(con: Connection, wanted: sa.ColumnElement[bool], system: str, most: int) -> tuple[str, ...]:
    named = wanted & (hook_calls.c.system == system) & hook_calls.c.account_id.is_not(None)
    query = sa.select(hook_calls.c.account_id).distinct().where(named).order_by(hook_calls.c.account_id).limit(most)
    return tuple(con.execute(query).scalars())
