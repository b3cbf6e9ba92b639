"""What the queue of actions filters, sorts and counts by, kept in memory beside the ledger and current with it.

Every request looks at two marks in the ledger first. Moves of actions, by whomever, leave transitions: the actions of
new ones are read again before the request is answered, so what was decided is seen at once. A publication that was
taken in, and an account that was forgotten, change other columns: then all is read anew beside the requests, which go
on with what there is.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from orchestration.ledger.store import Store
from orchestration.ledger.tables import actions, publications, transitions
from portal.ledger_sheet import COLUMNS, KEY, MOVING, Sheet

log = logging.getLogger("portal.ledger_mirror")

_ROWS_AT_ONCE = 20_000
# Transitions that are followed one by one; after more of them all is read anew.
_MOST_MOVES = 5_000
# On PostgreSQL a transition may be committed after others with a higher number: so far back it is looked for.
_LATE = 200


@dataclass(frozen=True)
class _Marks:
    """What tells that the ledger is another."""

    # Of the publication that was taken in last.
    change: int
    # Changes when the file, or the table, is written anew, as forgetting an account does at its end.
    written: int
    # Of the transition that was written last.
    last: int

    def needs_all(self, before: _Marks) -> bool:
        """Whether more than moves happened since."""
        return (self.change, self.written) != (before.change, before.written) or self.last < before.last


@dataclass(frozen=True)
class _State:
    sheet: Sheet
    marks: _Marks
    # Transitions that are in the sheet, as far back as late ones are looked for.
    seen: frozenset[int]
    # Whether moves are missing, which only reading all brings in.
    is_behind: bool = False


class Mirror:
    """The sheet of all actions; safe for many threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._late = 0 if store.is_sqlite else _LATE
        self._state: _State | None = None
        self._following = threading.Lock()
        self._loading = threading.Lock()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Read the actions beside whoever starts, so that the first request waits less."""
        self._load_beside()

    def close(self) -> None:
        """Stop reading; the ledger can be closed then."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def sheet(self) -> Sheet:
        """The actions with every move that was committed before the call."""
        before = self._state or self._first()
        with self._store.reading() as con:
            marks = self._marks(con)
            has_moved = bool(self._moves(con, before))
        state = self._follow() if has_moved else before
        if state.is_behind or marks.needs_all(before.marks):
            self._load_beside()
        return state.sheet

    def _follow(self) -> _State:
        """Read the actions that moved; one thread at a time, so that nothing older overwrites it."""
        with self._following:
            state = self._state or self._first()
            with self._store.reading() as con:
                moves = self._moves(con, state)
                rows = _rows(con, {action_id for _, action_id in moves})
            self._state = state = self._followed(state, moves, rows)
            return state

    def _followed(self, state: _State, moves: list[tuple[int, str]], rows: list[dict[str, Any]]) -> _State:
        if not moves:
            return state
        places = state.sheet.numbers_of([row[KEY] for row in rows])
        there = {place: row for place, row in zip(places, rows, strict=True) if place is not None}
        numbers = {number for number, _ in moves}
        last = max(max(numbers), state.marks.last)
        return _State(
            state.sheet.moved(there) if there else state.sheet,
            replace(state.marks, last=last),
            frozenset(one for one in state.seen | numbers if one > last - self._late),
            state.is_behind or len(moves) >= _MOST_MOVES or len(there) < len(rows),
        )

    def _moves(self, con: Connection, state: _State) -> list[tuple[int, str]]:
        """Transitions that the state doesn't have, the newest ones first."""
        number = transitions.c.transition_id
        query = sa.select(number, transitions.c.action_id).where(number > state.marks.last - self._late)
        found = con.execute(query.order_by(number.desc()).limit(_MOST_MOVES)).all()
        return [(row[0], row[1]) for row in found if row[0] not in state.seen]

    def _marks(self, con: Connection) -> _Marks:
        last, change = (
            sa.select(sa.func.coalesce(sa.func.max(column), 0)).scalar_subquery()
            for column in (transitions.c.transition_id, publications.c.change)
        )
        row = con.execute(sa.select(change, last)).one()
        written = "pragma schema_version" if self._store.is_sqlite else "select pg_relation_filenode('actions')"
        return _Marks(row[0], con.exec_driver_sql(written).scalar_one(), row[1])

    def _first(self) -> _State:
        with self._loading:
            if self._state is None:
                self._state = self._read()
        return self._state

    def _load_beside(self) -> None:
        if self._closed.is_set() or not self._loading.acquire(blocking=False):
            return
        self._thread = threading.Thread(target=self._load, name="ledger", daemon=True)
        self._thread.start()

    def _load(self) -> None:
        try:
            state = self._read()
            with self._following:
                self._state = state
        except _ClosedError:
            pass
        except sa.exc.SQLAlchemyError as error:
            # The next request tries again.
            log.warning("actions can't be read: %s", error)
        finally:
            self._loading.release()

    def _read(self) -> _State:
        with self._store.reading() as con:
            # First the marks: whatever happens while rows are read is followed afterwards.
            marks = self._marks(con)
            number = transitions.c.transition_id
            late = sa.select(number).where(number > marks.last - self._late, number <= marks.last)
            seen = frozenset(con.execute(late).scalars())
            query = sa.select(*COLUMNS.values())
            result = con.execution_options(yield_per=_ROWS_AT_ONCE).execute(query)
            table = pa.Table.from_batches(self._batches(result), _SCHEMA)
        sheet = Sheet.of(table)
        del table
        # What was read is several times what is kept.
        pa.default_memory_pool().release_unused()
        return _State(sheet, marks, seen)

    def _batches(self, result: sa.CursorResult) -> Iterator[pa.RecordBatch]:
        for rows in result.partitions():
            if self._closed.is_set():
                raise _ClosedError
            columns = zip(*rows, strict=True)
            yield pa.record_batch(
                [pa.array(column, one.type) for column, one in zip(columns, _SCHEMA, strict=True)], _SCHEMA
            )


class _ClosedError(Exception):
    pass


_SCHEMA = pa.schema([(name, pa.date32() if name == "due_on" else pa.string()) for name in COLUMNS])


def _rows(con: Connection, action_ids: set[str]) -> list[dict[str, Any]]:
    columns = [actions.c[name] for name in (KEY, *MOVING)]
    found: list[dict[str, Any]] = []
    if action_ids:
        query = sa.select(*columns).where(actions.c[KEY].in_(sorted(action_ids)))
        found = [dict(row) for row in con.execute(query).mappings()]
    return found
