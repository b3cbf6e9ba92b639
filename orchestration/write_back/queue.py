"""The queue of values that have to be written, in the ledger: one row an account of a target.

A newer value takes the place of an older one that waits. A row that is dead (refused, or tried too often) comes back
when its value changes, or when a person says so. A row whose call has an unknown outcome (`called_at` is set) is never
dropped, though the value that was accepted last be wanted again: it goes out once more, and what the target holds is
known again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from orchestration.ledger.store import Store
from orchestration.ledger.tables import write_queue, written_records
from orchestration.policy.ledger import Work
from orchestration.systems.salesforce.write import Outcome


class Standing(StrEnum):
    """Where a row of the queue stands."""

    WAITING = "waiting"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Changed:
    """What a publication changed in the queue of a target, in accounts."""

    new: int = 0
    replaced: int = 0
    withdrawn: int = 0

    @property
    def wanted(self) -> int:
        """Accounts whose values changed."""
        return self.new + self.replaced


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows of a target's queue."""

    waiting: int = 0
    dead: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """A row that is to be sent. `in_doubt`: an earlier call may have written another value."""

    record_id: str
    wanted: str
    attempts: int
    in_doubt: bool


_incoming = sa.Table(
    "incoming_records",
    sa.MetaData(),
    sa.Column("record_id", sa.Text, primary_key=True),
    sa.Column("wanted", sa.Text, nullable=False),
    prefixes=["temporary"],
)


def take_in(store: Store, target: str, rows: Iterator[Sequence[str]], now: datetime, *, whole: bool = False) -> Changed:
    """Bring a target's queue in line with what is wanted now. `now`: naive UTC.

    `whole`: what was accepted before is forgotten, so that everything is written anew.
    """
    with store.writing() as con:
        store.alone(con, write_queue, written_records)
        _load(store, con, rows)
        if whole:
            con.execute(sa.delete(written_records).where(written_records.c.target == target))
        changed = Changed(
            withdrawn=Store.counted(con, _withdrawal(target)),
            replaced=Store.counted(con, _replacement(target, now)),
            new=Store.counted(con, _entry(target, now)),
        )
        _incoming.drop(con)
    return changed


def compare(store: Store | None, target: str, rows: Iterator[Sequence[str]]) -> Iterator[tuple[str, str, str | None]]:
    """(account, wanted, accepted last) where the two differ, without changing anything; all without a ledger."""
    if store is None:
        yield from ((record_id, wanted, None) for record_id, wanted in rows)
        return
    with store.writing() as con:
        _load(store, con, rows)
        query = sa.select(_incoming.c.record_id, _incoming.c.wanted, written_records.c.written)
        query = query.select_from(_incoming.outerjoin(written_records, _written(target)))
        found = con.execute(query.where(_differs()).order_by(_incoming.c.record_id)).all()
        _incoming.drop(con)
    yield from (tuple(row) for row in found)


def is_due(store: Store, target: str, now: datetime) -> bool:
    """Whether there is a row to be sent."""
    with store.reading() as con:
        return con.execute(sa.select(sa.literal(1)).where(_due(target, now)).limit(1)).first() is not None


def claim(store: Store, target: str, owner: str, now: datetime, work: Work, at_most: int) -> list[Row]:
    """Take rows that are due, with a lease, and mark them as called; nobody else has them until it ends."""
    queue = write_queue.c
    columns = (queue.record_id, queue.wanted, queue.attempts, queue.called_at)
    query = sa.select(*columns).where(_due(target, now)).order_by(queue.first_wanted_at, queue.record_id)
    query = query.limit(at_most)
    with store.writing() as con:
        found = con.execute(query.with_for_update(skip_locked=True)).all()
        leased = {"lease_owner": owner, "lease_until": now + timedelta(seconds=work.lease_seconds)}
        called = {"called_at": sa.func.coalesce(queue.called_at, now)}
        _update(con, target, [row.record_id for row in found], **leased, **called)
    return [Row(row.record_id, row.wanted, row.attempts, row.called_at is not None) for row in found]


def record(
    store: Store,
    target: str,
    owner: str,
    results: Mapping[Row, Outcome],
    now: datetime,
    work: Work,
    on_step: Callable[[str], None] = lambda _: None,
) -> dict[Row, Outcome]:
    """Write down what became of rows; gives those that were still `owner`'s."""
    with store.writing() as con:
        held = _held(con, target, owner, results)
        mine = {row: result for row, result in results.items() if row.record_id in held}
        accepted = [row for row, result in mine.items() if result.problem is None]
        _accept(con, target, accepted, held, now)
        for row, result in mine.items():
            if result.problem is not None:
                values = _after_problem(row, result, now, work)
                # A newer value isn't what was refused.
                values = values if held[row.record_id] == row.wanted else {"called_at": values["called_at"]}
                _let_go(con, target, [row.record_id], **values)
        on_step("recording")
    return mine


def release(store: Store, target: str, owner: str, rows: Iterable[Row], problem: str, *, in_doubt: bool) -> None:
    """Give rows back that weren't settled: a call as a whole failed. `in_doubt`: it may have arrived."""
    listed = list(rows)
    with store.writing() as con:
        held = _held(con, target, owner, listed)
        for doubtful in (True, False):
            ids = [row.record_id for row in listed if row.record_id in held and (in_doubt or row.in_doubt) is doubtful]
            values = {} if doubtful else {"called_at": None}
            _let_go(con, target, ids, problem=problem, **values)


def retry(store: Store, record_ids: Sequence[str]) -> list[str]:
    """Have dead rows of these accounts tried again, in every target; gives the accounts that had one."""
    queue = write_queue.c
    dead = queue.record_id.in_(record_ids) & (queue.status == str(Standing.DEAD))
    with store.writing() as con:
        found = con.execute(sa.select(queue.record_id).where(dead).with_for_update()).scalars().all()
        con.execute(sa.update(write_queue).where(dead).values(_AFRESH))
    return sorted(set(found))


def counts(store: Store, target: str) -> Counts:
    """How many rows wait, and how many are dead."""
    query = sa.select(write_queue.c.status, sa.func.count()).where(write_queue.c.target == target)
    with store.reading() as con:
        found = {status: count for status, count in con.execute(query.group_by(write_queue.c.status))}
    return Counts(found.get(Standing.WAITING, 0), found.get(Standing.DEAD, 0))


# A row that begins anew.
_AFRESH: Mapping[str, Any] = {
    "status": str(Standing.WAITING),
    "attempts": 0,
    "next_attempt_at": None,
    "problem": None,
}


def _due(target: str, now: datetime) -> sa.ColumnElement[bool]:
    queue = write_queue.c
    free = queue.lease_until.is_(None) | (queue.lease_until < now)
    due = queue.next_attempt_at.is_(None) | (queue.next_attempt_at <= now)
    return (queue.target == target) & (queue.status == str(Standing.WAITING)) & free & due


def _load(store: Store, con: Connection, rows: Iterator[Sequence[str]]) -> None:
    _incoming.create(con)
    store.load(con, _incoming, ["record_id", "wanted"], rows)


def _written(target: str) -> sa.ColumnElement[bool]:
    return (written_records.c.target == target) & (written_records.c.record_id == _incoming.c.record_id)


def _differs() -> sa.ColumnElement[bool]:
    return _incoming.c.wanted.is_distinct_from(written_records.c.written)


def _withdrawal(target: str) -> sa.Delete:
    """What is no longer wanted, or is as it was accepted."""
    still = sa.select(sa.literal(1)).select_from(_incoming.outerjoin(written_records, _written(target)))
    still = still.where(_incoming.c.record_id == write_queue.c.record_id, _differs()).correlate(write_queue)
    settled = write_queue.c.called_at.is_(None)
    return sa.delete(write_queue).where(write_queue.c.target == target, settled, ~still.exists())


def _replacement(target: str, now: datetime) -> sa.Update:
    """Rows whose wanted value is another than the one that waits or is dead."""
    return (
        sa.update(write_queue)
        .where(
            write_queue.c.target == target,
            write_queue.c.record_id == _incoming.c.record_id,
            write_queue.c.wanted != _incoming.c.wanted,
        )
        .values({**_AFRESH, "wanted": _incoming.c.wanted, "first_wanted_at": now})
    )


def _entry(target: str, now: datetime) -> sa.Insert:
    queued = sa.select(sa.literal(1)).where(
        write_queue.c.target == target, write_queue.c.record_id == _incoming.c.record_id
    )
    new = (
        sa.select(
            sa.literal(target, sa.Text),
            _incoming.c.record_id,
            _incoming.c.wanted,
            sa.literal(str(Standing.WAITING), sa.Text),
            sa.literal(now, sa.DateTime),
        )
        .select_from(_incoming.outerjoin(written_records, _written(target)))
        .where(_differs(), ~queued.correlate(_incoming).exists())
    )
    return sa.insert(write_queue).from_select(["target", "record_id", "wanted", "status", "first_wanted_at"], new)


def _held(con: Connection, target: str, owner: str, rows: Iterable[Row]) -> dict[str, str]:
    """What is wanted now of the rows that are still this owner's."""
    query = sa.select(write_queue.c.record_id, write_queue.c.wanted).where(
        write_queue.c.target == target,
        write_queue.c.lease_owner == owner,
        write_queue.c.record_id.in_([row.record_id for row in rows]),
    )
    return {record_id: wanted for record_id, wanted in con.execute(query.with_for_update())}


def _accept(con: Connection, target: str, rows: Sequence[Row], held: Mapping[str, str], now: datetime) -> None:
    if not rows:
        return
    ids = [row.record_id for row in rows]
    written = written_records.c
    con.execute(sa.delete(written_records).where(written.target == target, written.record_id.in_(ids)))
    accepted = [
        {"target": target, "record_id": row.record_id, "written": row.wanted, "accepted_at": now} for row in rows
    ]
    con.execute(sa.insert(written_records), accepted)
    done = [row.record_id for row in rows if held[row.record_id] == row.wanted]
    con.execute(sa.delete(write_queue).where(write_queue.c.target == target, write_queue.c.record_id.in_(done)))
    # A newer value came while this one was on its way.
    _let_go(con, target, [one for one in ids if one not in set(done)], called_at=None)


def _after_problem(row: Row, result: Outcome, now: datetime, work: Work) -> dict[str, Any]:
    attempt = row.attempts + 1
    # What an earlier call may have written is still not known.
    called = {"called_at": write_queue.c.called_at if row.in_doubt else None, "attempts": attempt}
    if not result.again:
        return {**called, "status": str(Standing.DEAD), "problem": result.problem}
    if attempt >= work.attempts:
        return {**called, "status": str(Standing.DEAD), "problem": f"{result.problem} ({attempt} attempts)"}
    wait = min(work.first_wait_seconds * work.wait_factor ** (attempt - 1), work.longest_wait_seconds)
    return {**called, "problem": result.problem, "next_attempt_at": now + timedelta(seconds=wait)}


def _let_go(con: Connection, target: str, record_ids: Sequence[str], **values: Any) -> None:
    _update(con, target, record_ids, lease_owner=None, lease_until=None, **values)


def _update(con: Connection, target: str, record_ids: Sequence[str], **values: Any) -> None:
    if record_ids:
        fits = (write_queue.c.target == target) & write_queue.c.record_id.in_(record_ids)
        con.execute(sa.update(write_queue).where(fits).values(**values))
